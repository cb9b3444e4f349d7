import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasErrors, lintDockerfile, parseDockerfile } from '../dockerfile/index.ts';
import { readCorpus } from '../dockerfile/syntax/corpus.fixture.ts';
import { changesOf, diffOfTexts } from './changes.ts';
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

const corpus = readCorpus('real-world.jsonl.gz');

test(
  'safe fixes of real Dockerfiles parse, are a fixed point, and change only the lines that they say',
  { skip: corpus.missing },
  async () => {
    const wrong: string[] = [];
    let fixes = 0;
    for (const { id, text } of corpus.readLines<{ readonly id: string; readonly text: string }>()) {
      const before = parseDockerfile(text);
      const { findings } = await lintDockerfile(before);
      for (const { rule, span } of findings) {
        if (span.end <= span.start || span.end > text.length) wrong.push(`${id}: ${rule.id} has no place`);
      }
      const { text: fixed, mended } = await fixFile(text, 'safe', {});
      if (mended.length === 0) {
        if (fixed !== text) wrong.push(`${id}: changed without a fix`);
        continue;
      }
      fixes += mended.length;
      if (hasErrors(parseDockerfile(fixed).diagnostics) && !hasErrors(before.diagnostics))
        wrong.push(`${id}: does not parse`);
      const again = await fixFile(fixed, 'safe', {});
      if (again.text !== fixed) wrong.push(`${id}: no fixed point`);
      const said = new Set<string>();
      for (const { fix, rule } of findings) {
        if (fix?.safety !== 'safe') continue;
        for (const { before: lines } of changesOf(text, fix.edits)) for (const line of lines) said.add(line);
        if (fix.edits.length === 0) wrong.push(`${id}: ${rule.id} has a fix without edits`);
      }
      const kept = new Set(fixed.split('\n').map((line) => line.replace(/\r$/, '')));
      for (const line of text.split('\n').map((one) => one.replace(/\r$/, ''))) {
        if (!kept.has(line) && !said.has(line)) wrong.push(`${id}: changed ${JSON.stringify(line)}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(fixes > 1500, `${fixes} fixes`);
  },
);
