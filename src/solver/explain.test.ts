import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changesBetween } from './explain.ts';

test('changesBetween() gives what is new, gone and different, in the order of the names', async () => {
  const before = new Map(Object.entries({ a: '1', b: '2', c: '3', e: '' }));
  const after = new Map(Object.entries({ x: '9', a: '1', c: '4', d: '5', e: '' }));
  assert.deepEqual(await changesBetween(before, after), {
    changes: [
      { name: 'b', before: '2', after: undefined },
      { name: 'c', before: '3', after: '4' },
      { name: 'd', before: undefined, after: '5' },
      { name: 'x', before: undefined, after: '9' },
    ],
    count: 4,
  });
});

function byName([one]: [string, string], [other]: [string, string]): number {
  return one < other ? -1 : 1;
}

test('changesBetween() does not depend on the order of either side', async () => {
  const inputs = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), fc.constantFrom('1', '2'));
  await fc.assert(
    fc.asyncProperty(inputs, inputs, fc.nat(), async (one, other, seed) => {
      const before = Object.entries(one);
      const after = Object.entries(other);
      const expected = await changesBetween(before.toSorted(byName), new Map(after.toSorted(byName)));
      const turned = (pairs: typeof before): typeof before =>
        pairs
          .map((_, i) => pairs[(i + seed) % pairs.length])
          .filter((pair) => pair !== undefined)
          .toReversed();
      assert.deepEqual(await changesBetween(turned(before), new Map(after)), expected);
      assert.deepEqual(await changesBetween(before, new Map(turned(after))), expected);
      const names = new Set([...before, ...after].map(([name]) => name));
      const different = [...names].filter(
        (name) => Object.hasOwn(one, name) !== Object.hasOwn(other, name) || one[name] !== other[name],
      );
      assert.deepEqual(
        expected.changes.map(({ name }) => name),
        different.toSorted(),
      );
    }),
  );
});
