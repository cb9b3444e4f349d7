import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeImage, WEB } from './image.fixture.ts';
import { keptListing } from './listing.ts';

test('keptListing() answers as the image does, and asks it once for each directory of a scope', () => {
  const image = madeImage(WEB);
  const asked: string[] = [];
  const list = keptListing({ list: (scope, path) => (asked.push(`${scope.to} ${path}`), image.list(scope, path)) });
  for (const to of [1, 1, 2, 1]) {
    const scope = { from: to, to };
    for (const path of ['', 'etc', 'nowhere']) assert.equal(list(scope, path), list(scope, path));
    assert.deepEqual(list(scope, 'etc'), image.list(scope, 'etc'));
  }
  assert.deepEqual(
    asked,
    [1, 2, 1].flatMap((to) => [`${to} `, `${to} etc`, `${to} nowhere`]),
  );
});
