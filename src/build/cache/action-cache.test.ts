import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scratchStore } from '../../store/store.fixture.ts';
import { openActionCache } from './action-cache.ts';

test('a step that was found is linked to another key, unless a prune has taken its record meanwhile', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const cache = openActionCache(store, 'project');
  await cache.save({ keys: ['fast'], slot: '0/run/1', stored: 'nothing', costMs: 5, inputs: new Map([['a', 'b']]) });
  const found = (await cache.find('fast')) ?? assert.fail();
  await cache.link('content', found.recordId);
  assert.deepEqual(await cache.find('content'), found);
  await store.cacheRecords.remove(Number(found.recordId));
  await cache.link('other', found.recordId);
  assert.equal(await cache.find('other'), undefined);
});
