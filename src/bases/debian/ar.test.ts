import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDebMembers, parseAr } from './ar.ts';

function ar(...members: readonly (readonly [string, string])[]): Buffer {
  const parts = members.map(([name, content]) => {
    const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`;
    return header + content + (content.length % 2 === 1 ? '\n' : '');
  });
  return Buffer.from(`!<arch>\n${parts.join('')}`, 'latin1');
}

test('findDebMembers() finds the tars of a package and skips private members', () => {
  const bytes = ar(
    ['debian-binary', '2.0\n'],
    ['_gpgorigin', 'x'],
    ['control.tar.gz/', 'abc'],
    ['data.tar.xz', 'defg'],
  );
  const { control, data } = findDebMembers(bytes);
  assert.equal(bytes.toString('latin1', control.offset, control.offset + control.sizeBytes), 'abc');
  assert.equal(bytes.toString('latin1', data.offset, data.offset + data.sizeBytes), 'defg');
});

test('findDebMembers() refuses other formats, missing tars and archives that are cut', () => {
  const good = ar(['debian-binary', '2.0\n'], ['control.tar.gz', 'abc'], ['data.tar.xz', 'defg']);
  for (const bad of [
    ar(['debian-binary', '3.0\n'], ['control.tar', ''], ['data.tar', '']),
    ar(['debian-binary', '2.0\n'], ['control.tar', '']),
    ar(['control.tar', ''], ['debian-binary', '2.0\n'], ['data.tar', '']),
    ar(['debian-binary', '2.0\n'], ['data.tar', ''], ['control.tar', '']),
    Buffer.from('hello'),
    Buffer.alloc(0),
  ]) {
    assert.throws(() => findDebMembers(bad), { code: 'DEB_MALFORMED' });
  }
  for (let end = 0; end < good.length; end++)
    assert.throws(() => findDebMembers(good.subarray(0, end)), { code: 'DEB_MALFORMED' });
});

test('parseAr() refuses sizes that are no numbers', () => {
  const bytes = ar(['a', 'xx']);
  bytes.write('-1', 8 + 48, 'latin1');
  assert.throws(() => parseAr(bytes), { code: 'DEB_MALFORMED' });
});
