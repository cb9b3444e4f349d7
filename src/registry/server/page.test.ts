import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, type Page } from './page.ts';

interface Entry {
  readonly digest: string;
  readonly text: string;
}

function page(entries: readonly Entry[], query: string): Page<Entry> {
  return pageOf({
    entries,
    keyOf: ({ digest }) => digest,
    query: new URLSearchParams(query),
    path: '/v2/a/referrers/d',
  });
}

test('pageOf() goes on after the last entry, with all that was asked, until nothing is left', () => {
  const entries = ['a', 'b', 'c', 'd', 'e'].map((digest) => ({ digest, text: '' }));
  const seen: string[] = [];
  let query = 'artifactType=x/y&n=2';
  for (;;) {
    const { entries: got, link } = page(entries, query);
    seen.push(...got.map(({ digest }) => digest));
    const next = /^<\/v2\/a\/referrers\/d\?(.*)>; rel="next"$/.exec(link ?? '')?.[1];
    if (next === undefined) break;
    assert.match(next, /^artifactType=x%2Fy&n=2&last=/);
    query = next;
  }
  assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'e']);
});

test('pageOf() makes a page end before it is too long, and gives one entry at least', () => {
  const text = 'x'.repeat(3 * 1024 * 1024);
  const entries = [
    { digest: 'a', text },
    { digest: 'b', text },
    { digest: 'c', text: text + text },
  ];
  const sizes = ['', 'last=a', 'last=b'].map((query) => page(entries, query).entries.length);
  assert.deepEqual(sizes, [1, 1, 1]);
  assert.match(page(entries, '').link ?? '', /last=a/);
  assert.equal(page(entries, 'last=b').link, undefined);
});
