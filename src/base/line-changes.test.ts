import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changesOf, diffOfTexts } from './line-changes.ts';

const hunksOf = (before: string, after: string): string =>
  diffOfTexts('f', before, after).split('\n').slice(2).join('\n');

test('diffOfTexts() shows lines that are only added or only removed without their neighbours', () => {
  assert.equal(hunksOf('one\n', 'one\ntwo\n'), '@@ -1,1 +1,2 @@\n one\n+two\n');
  assert.equal(hunksOf('one\nthree\n', 'one\ntwo\nthree\n'), '@@ -1,2 +1,3 @@\n one\n+two\n three\n');
  assert.equal(hunksOf('two\n', 'one\ntwo\n'), '@@ -1,1 +1,2 @@\n+one\n two\n');
  assert.equal(hunksOf('', 'one\n'), '@@ -0,0 +1,1 @@\n+one\n');
  assert.equal(hunksOf('one\n', ''), '@@ -1,1 +0,0 @@\n-one\n');
});

test('changesOf() leaves the lines alone that whole lines are inserted between', () => {
  assert.deepEqual(changesOf('a\nb\n', [{ start: 2, end: 2, text: 'x\n' }]), [
    { firstLine: 2, before: [], after: ['x'] },
  ]);
  assert.deepEqual(changesOf('a\nb\n', [{ start: 4, end: 4, text: 'x\n' }]), [
    { firstLine: 3, before: [], after: ['x'] },
  ]);
  assert.deepEqual(changesOf('a\nb\n', [{ start: 2, end: 2, text: 'x' }]), [
    { firstLine: 2, before: ['b'], after: ['xb'] },
  ]);
});

test('diffOfTexts() of any two texts makes the one of the other', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '', 'd e'), { maxLength: 30 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      assert.equal(patched(before, diffOfTexts('f', before, after)), after);
    }),
    { numRuns: 500 },
  );
});

/** Carries a unified diff out as strictly as patch(1) with no fuzz. */
function patched(before: string, diff: string): string {
  const lines = before.split(/(?<=\n)/).filter((line) => line !== '');
  const result: string[] = [];
  let at = 0;
  for (const hunk of diff.split(/^(?=@@)/m).filter((part) => part.startsWith('@@'))) {
    const [header = '', ...body] = hunk.replace(/\n$/, '').split('\n');
    const [, start = '', removed = '', , added = ''] = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(header) ?? [];
    const first = Number(start) - (removed === '0' ? 0 : 1);
    result.push(...lines.slice(at, first));
    at = first;
    for (const line of body) {
      if (line.startsWith('+')) result.push(`${line.slice(1)}\n`);
      else assert.equal(lines[at++], `${line.slice(1)}\n`);
      if (line.startsWith(' ')) result.push(`${line.slice(1)}\n`);
    }
    assert.equal(body.filter((line) => !line.startsWith('+')).length, Number(removed));
    assert.equal(body.filter((line) => !line.startsWith('-')).length, Number(added));
  }
  return [...result, ...lines.slice(at)].join('');
}
