import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedCache } from './bounded-cache.ts';

test('BoundedCache drops what was asked for longest ago, and keeps the newest whatever its size', () => {
  const cache = new BoundedCache<string, number>(10);
  cache.set('a', 1, 4);
  cache.set('b', 2, 4);
  assert.equal(cache.get('a'), 1);
  cache.set('c', 3, 4);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => cache.get(key)),
    [1, undefined, 3],
  );
  cache.set('d', 4, 100);
  assert.deepEqual([cache.get('a'), cache.get('c'), cache.get('d')], [undefined, undefined, 4]);
  cache.set('e', 5, 1);
  assert.deepEqual([cache.get('d'), cache.get('e')], [undefined, 5]);
});

test('BoundedCache counts a key that is set again once', () => {
  const cache = new BoundedCache<string, number>(10);
  for (let i = 0; i < 5; i++) cache.set('a', i, 6);
  cache.set('b', 2, 4);
  assert.deepEqual([cache.get('a'), cache.get('b')], [4, 2]);
  cache.set('c', 3, 6);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [undefined, 2, 3]);
});
