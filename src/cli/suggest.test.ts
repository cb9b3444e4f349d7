import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, suggest } from './suggest.ts';

test('suggest() finds slips of one or two letters, and beginnings', () => {
  const commands = ['build', 'run', 'images', 'inspect', 'import'];
  assert.equal(suggest('biuld', commands), 'build');
  assert.equal(suggest('imges', commands), 'images');
  assert.equal(suggest('rnu', commands), 'run');
  assert.equal(suggest('insp', commands), 'inspect');
  assert.equal(suggest('frobnicate', commands), undefined);
  assert.equal(suggest('x'.repeat(1_000_000), commands), undefined);
});

test('editDistance() counts swaps once, and is a distance', () => {
  assert.equal(editDistance('ab', 'ba'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  const word = fc.string({ maxLength: 6 });
  fc.assert(
    fc.property(
      word,
      word,
      (a, b) => editDistance(a, b) === editDistance(b, a) && (editDistance(a, b) === 0) === (a === b),
    ),
    { numRuns: 200 },
  );
});
