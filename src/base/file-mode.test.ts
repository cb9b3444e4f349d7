import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFileMode } from './file-mode.ts';

test('parseFileMode() reads octal and symbolic modes as chmod(1) does', () => {
  const cases: [string, number, boolean, number][] = [
    ['755', 0o600, false, 0o755],
    ['04755', 0o600, false, 0o4755],
    ['u+x', 0o644, false, 0o744],
    ['go=', 0o777, false, 0o700],
    ['a=rX', 0o640, false, 0o444],
    ['a=rX', 0o640, true, 0o555],
    ['u=rwx,g=u,o-r', 0o004, false, 0o770],
    ['+t', 0o755, true, 0o1755],
    ['g+s', 0o755, true, 0o2755],
    ['u-x+w', 0o500, false, 0o600],
    ['=rw', 0o1777, false, 0o1666],
  ];
  for (const [text, mode, isDirectory, expected] of cases) {
    assert.equal(parseFileMode(text)(mode, isDirectory).toString(8), expected.toString(8), text);
  }
});

test('parseFileMode() refuses other texts', () => {
  for (const text of ['', '8', '10000', 'u', 'u+q', 'u+x,', 'rwx', '-755x']) {
    assert.throws(() => parseFileMode(text), { code: 'FILE_MODE_INVALID' }, text);
  }
});
