import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { asDiffId } from '../oci/index.ts';
import { ownerOfAnotherBoot, scratchStore } from './store.fixture.ts';
import type { CacheMountSharing, CacheMountUse, CacheMountWish, Store } from './types.ts';

function wish(name: string, sharing: CacheMountSharing = 'shared'): CacheMountWish {
  return { name, sharing, base: undefined, owner: undefined };
}

/** Takes one mount and makes it ready. */
async function take(store: Store, one: CacheMountWish): Promise<CacheMountUse> {
  const use = await store.cacheMounts.acquire([one], { signal: AbortSignal.timeout(5000) });
  for (const { id, path, fresh } of use.mounts) {
    if (!fresh) continue;
    mkdirSync(path);
    await use.ready(id);
  }
  return use;
}

/** The folder that one more wish would be given now, or `waits`. */
async function given(store: Store, one: CacheMountWish): Promise<string> {
  const impatient = new AbortController();
  try {
    await using use = await store.cacheMounts.acquire([one], {
      signal: impatient.signal,
      onWait: () => impatient.abort(new Error('waits')),
    });
    return use.mounts[0]?.id ?? '';
  } catch {
    return 'waits';
  }
}

test('cacheMounts.acquire() gives equal wishes one directory, and others another one', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const variants: readonly CacheMountWish[] = [
    wish('a'),
    wish('b'),
    { ...wish('a'), base: 'x' },
    { ...wish('a'), owner: { mode: 0o755, uid: 0, gid: 0 } },
    { ...wish('a'), owner: { mode: 0o700, uid: 0, gid: 0 } },
    { ...wish('a'), owner: { mode: 0o755, uid: 1, gid: 0 } },
  ];
  const ids = new Set<string>();
  for (const variant of variants) {
    await using use = await take(store, variant);
    const [held] = use.mounts;
    assert.ok(held?.fresh);
    writeFileSync(join(held.path, 'kept'), '');
    ids.add(held.id);
  }
  assert.equal(ids.size, variants.length);
  for (const variant of variants) {
    await using use = await store.cacheMounts.acquire([variant, variant], {});
    assert.equal(use.mounts[0], use.mounts[1]);
    assert.ok(use.mounts[0]?.fresh === false && existsSync(join(use.mounts[0].path, 'kept')));
  }
});

test('cacheMounts.acquire() shares, keeps apart and locks as it is asked', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const table: readonly (readonly [
    held: CacheMountSharing,
    wished: CacheMountSharing,
    gets: 'same' | 'new' | 'waits',
  ])[] = [
    ['shared', 'shared', 'same'],
    ['shared', 'private', 'new'],
    ['shared', 'locked', 'waits'],
    ['private', 'shared', 'new'],
    ['private', 'private', 'new'],
    ['private', 'locked', 'new'],
    ['locked', 'shared', 'waits'],
    ['locked', 'private', 'new'],
    ['locked', 'locked', 'waits'],
  ];
  for (const [i, [held, wished, expected]] of table.entries()) {
    const use = await take(fixture.store, wish(String(i), held));
    const mine = use.mounts[0]?.id;
    for (const store of [fixture.store, other]) {
      const got = await given(store, wish(String(i), wished));
      assert.equal(got === 'waits' ? got : got === mine ? 'same' : 'new', expected, `${held} held, ${wished} wished`);
    }
    await use[Symbol.asyncDispose]();
    assert.equal(await given(other, wish(String(i), wished)), mine, 'after it was let go');
  }
});

test('cacheMounts.acquire() waits for a directory that is being filled, and fills it anew when that went wrong', async () => {
  await using fixture = await scratchStore();
  const filling = await fixture.store.cacheMounts.acquire([wish('a')], {});
  const [held] = filling.mounts;
  assert.ok(held?.fresh);
  mkdirSync(held.path);
  writeFileSync(join(held.path, 'half'), '');
  assert.equal(await given(fixture.store, wish('a')), 'waits');
  await filling[Symbol.asyncDispose]();
  await using again = await fixture.store.cacheMounts.acquire([wish('a')], {});
  assert.ok(again.mounts[0]?.fresh && !existsSync(held.path));
});

test('cacheMounts.acquire() makes a directory anew that was taken away', async () => {
  await using fixture = await scratchStore();
  const use = await take(fixture.store, wish('a'));
  await use[Symbol.asyncDispose]();
  rmSync(use.mounts[0]?.path ?? '', { recursive: true });
  await using again = await fixture.store.cacheMounts.acquire([wish('a')], {});
  assert.deepEqual([again.mounts[0]?.id, again.mounts[0]?.fresh], [use.mounts[0]?.id, true]);
});

test('cacheMounts.acquire() does not count what a process held that is dead', async () => {
  await using fixture = await scratchStore();
  const dead = await fixture.again({ owner: ownerOfAnotherBoot() });
  await take(dead, wish('a', 'locked'));
  await using use = await take(fixture.store, wish('a', 'locked'));
  assert.equal(use.mounts[0]?.fresh, false);
});

test('cacheMounts.acquire() takes all or nothing, so that two steps never wait for each other', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const rounds = async (store: Store, names: readonly string[]): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      const options = { signal: AbortSignal.timeout(20_000) };
      await using use = await store.cacheMounts.acquire(
        names.map((name) => wish(name, 'locked')),
        options,
      );
      for (const { path, id, fresh } of use.mounts) {
        if (fresh) mkdirSync(path);
        if (fresh) await use.ready(id);
        writeFileSync(join(path, 'here'), '', { flag: 'wx' });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
      for (const { path } of use.mounts) rmSync(join(path, 'here'));
    }
  };
  await Promise.all([rounds(fixture.store, ['a', 'b']), rounds(other, ['b', 'a']), rounds(other, ['a'])]);
});

/** A mount that holds so many kilobytes, and was worth so much. */
async function filled(store: Store, name: string, kilobytes: number, costMs: number): Promise<string> {
  await using use = await take(store, wish(name));
  const [held] = use.mounts;
  writeFileSync(join(held?.path ?? '', 'data'), Buffer.alloc(kilobytes * 1024, name));
  await store.cacheMounts.addCost(held?.id ?? '', costMs);
  return held?.id ?? '';
}

test('collect() keeps cache records and mounts below one cap, least valuable first, and never what is in use', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const layer = asDiffId(await store.blobs.put(Buffer.alloc(400 * 1024, 'layer')));
  await store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [layer], costMs: 60_000 });
  await store.leases.release();
  const cheap = await filled(store, 'cheap', 400, 10);
  const dear = await filled(store, 'dear', 400, 100_000);
  const used = await filled(store, 'used', 400, 0);
  await using _use = await take(store, wish('used'));
  const left = async (): Promise<string[]> => (await store.cacheMounts.list()).map(({ name }) => name).toSorted();

  const first = await store.collect({ maxCacheBytes: 1300 * 1024 });
  assert.deepEqual([await left(), first.deletedCacheMounts, first.deletedRecords], [['dear', 'used'], 1, 0]);
  assert.ok(first.freedBytes >= 400 * 1024);
  assert.ok(!existsSync(join(fixture.root, 'cache-mounts', cheap)));
  const second = await store.collect({ maxCacheBytes: 900 * 1024 });
  assert.deepEqual([await left(), second.deletedRecords], [['dear', 'used'], 1], 'the record was worth less');
  await store.collect({ maxCacheBytes: 0 });
  assert.deepEqual(await left(), ['used']);
  assert.deepEqual(readdirSync(join(fixture.root, 'cache-mounts')), [used]);
  assert.ok(!existsSync(join(fixture.root, 'cache-mounts', dear)));
  assert.deepEqual((await store.check({ full: true })).problems, []);
});

test('collect() removes folders of cache mounts that nobody knows', async () => {
  await using fixture = await scratchStore();
  await filled(fixture.store, 'known', 1, 1);
  mkdirSync(join(fixture.root, 'cache-mounts', 'f'.repeat(32), 'deep'), { recursive: true });
  await fixture.store.collect();
  assert.equal(readdirSync(join(fixture.root, 'cache-mounts')).length, 1);
});

test('cacheMounts.remove() removes one, but never one that is in use', async () => {
  await using fixture = await scratchStore();
  const { cacheMounts } = fixture.store;
  const use = await take(await fixture.again(), wish('a'));
  const id = use.mounts[0]?.id ?? '';
  await assert.rejects(cacheMounts.remove(id), (error) => isShaleError(error, 'CACHE_MOUNT_IN_USE'));
  assert.deepEqual(
    (await cacheMounts.list()).map(({ inUse }) => inUse),
    [true],
  );
  await use[Symbol.asyncDispose]();
  assert.equal(await cacheMounts.remove(id), true);
  assert.equal(await cacheMounts.remove(id), false);
  assert.deepEqual(readdirSync(join(fixture.root, 'cache-mounts')), []);
});

test('cacheMounts.measure() counts what was used since, and list() tells it', async () => {
  await using fixture = await scratchStore();
  const { cacheMounts } = fixture.store;
  await filled(fixture.store, 'a', 100, 1);
  assert.equal((await cacheMounts.list())[0]?.sizeBytes, undefined);
  await cacheMounts.measure();
  const size = (await cacheMounts.list())[0]?.sizeBytes ?? 0;
  assert.ok(size >= 100 * 1024);
  await filled(fixture.store, 'a', 300, 1);
  await cacheMounts.measure({ budgetMs: 0 });
  assert.equal((await cacheMounts.list())[0]?.sizeBytes, size, 'no time to count again');
  for (let i = 0; i < 10; i++) await (await take(fixture.store, wish('a')))[Symbol.asyncDispose]();
  await cacheMounts.measure({ budgetMs: 0 });
  assert.ok(((await cacheMounts.list())[0]?.sizeBytes ?? 0) >= 300 * 1024, 'overdue');
});

test('cacheMounts.adopt() puts a directory in place of one that is not in use', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  await filled(store, 'a', 1, 1);
  const folder = join(await store.folder('sources'), 'new');
  mkdirSync(folder);
  writeFileSync(join(folder, 'imported'), 'x');
  const record = await store.cacheMounts.adopt(wish('a'), folder, 5);
  assert.equal(record.lastUsedAt, 5);
  await using use = await store.cacheMounts.acquire([wish('a')], {});
  assert.equal(readFileSync(join(use.mounts[0]?.path ?? '', 'imported'), 'utf8'), 'x');
  assert.equal((await store.cacheMounts.list()).length, 1);
  mkdirSync(folder);
  await assert.rejects(store.cacheMounts.adopt(wish('a'), folder, 6), (error) =>
    isShaleError(error, 'CACHE_MOUNT_IN_USE'),
  );
  assert.ok(existsSync(folder));
});
