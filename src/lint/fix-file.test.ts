import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, diffOfTexts } from '../base/index.ts';
import { fixFile } from './fix-file.ts';

test('fixFile() mends what it can, one after the other, and leaves every other byte', async () => {
  const text = '\ufeffFROM debian:12 as a  \r\nRUN apt update && apt install curl=1\t\r\nENV  B c d\r\nCMD x';
  const { text: fixed, mended } = await fixFile(text, 'safe', {});
  assert.equal(
    fixed,
    '\ufeffFROM debian:12 AS a  \r\nRUN apt-get update && apt-get install -y curl=1 && rm -rf /var/lib/apt/lists/*\t\r\nENV  B="c d"\r\nCMD ["x"]',
  );
  assert.deepEqual(mended.map(({ rule }) => rule.id).toSorted(), [
    'apt-assume-yes',
    'apt-clean-lists',
    'apt-use-apt-get',
    'apt-use-apt-get',
    'from-as-casing',
    'json-args',
    'legacy-key-value',
  ]);
});

test('diffOfTexts() is a unified diff', () => {
  const before = Array.from({ length: 12 }, (_, line) => `line ${line + 1}\n`).join('');
  const after = before.replace('line 2\n', 'line two\n').replace('line 11\n', '');
  assert.equal(
    diffOfTexts('f', before, after),
    [
      '--- f\n+++ f\n@@ -1,5 +1,5 @@\n line 1\n-line 2\n+line two\n line 3\n line 4\n line 5\n',
      '@@ -8,5 +8,4 @@\n line 8\n line 9\n line 10\n-line 11\n line 12\n',
    ].join(''),
  );
  assert.equal(diffOfTexts('f', before, before), '');
});

test('changesOf() joins edits that share a line', () => {
  const changes = changesOf('a b\nc\n', [
    { start: 0, end: 1, text: 'x' },
    { start: 2, end: 3, text: 'y\nz' },
  ]);
  assert.deepEqual(changes, [{ firstLine: 1, before: ['a b'], after: ['x y', 'z'] }]);
});
