import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { asDiffId, type DiffId, type Digest } from '../oci/index.ts';
import { ownerOfAnotherBoot, publishImage, scratchStore, storeImage } from './store.fixture.ts';
import type { Store } from './types.ts';

async function digests(store: Store): Promise<ReadonlySet<Digest>> {
  return new Set((await store.blobs.list()).map(({ digest }) => digest));
}

test('collect() keeps what images, containers, cache records and leases reach, and deletes the rest', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const image = await publishImage(maker, 'a', ['layer of an image']);
  const untagged = await storeImage(maker, 'b', ['layer of an untagged image']);
  await maker.images.put(untagged);
  const layer = async (name: string): Promise<DiffId> => asDiffId(await maker.blobs.put(Buffer.from(name)));
  const ofContainer = await layer('container');
  await maker.containers.create({
    id: 'c'.repeat(64),
    name: 'c',
    diffIds: [ofContainer],
    volumes: [],
    config: {},
    state: {},
    active: true,
  });
  const ofCache = await layer('cache');
  const gzip = await maker.blobs.put(Buffer.from('encoding'));
  await maker.encodings.add(ofCache, { digest: gzip, sizeBytes: 8, mediaType: 'm', compressor: 'c' });
  await maker.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [ofCache] });
  const ofLease = await layer('lease');
  const ofNobody = await layer('nobody');
  await maker[Symbol.asyncDispose]();

  const keeper = await fixture.again();
  await keeper.leases.hold([{ kind: 'blob', digest: ofLease }]);
  const report = await fixture.store.collect();
  assert.equal(report.deletedBlobs, 1);
  assert.ok(report.freedBytes > 0 && report.complete);
  const left = await digests(fixture.store);
  for (const digest of [image.id, ...image.diffIds, untagged.id, ofContainer, ofCache, gzip, ofLease])
    assert.ok(left.has(digest));
  assert.ok(!left.has(ofNobody));

  await keeper[Symbol.asyncDispose]();
  await fixture.store.containers.remove('c'.repeat(64));
  await fixture.store.images.remove(image.id);
  assert.equal((await fixture.store.collect({ maxCacheBytes: 0, images: 'all' })).deletedRecords, 1);
  assert.deepEqual(await digests(fixture.store), new Set());
  assert.deepEqual((await fixture.store.check({ full: true })).problems, []);
});

test('collect() leaves alone what another process has written and not yet recorded', async () => {
  await using fixture = await scratchStore();
  const builder = await fixture.again();
  const image = await storeImage(builder, 'a', ['x']);
  assert.equal((await fixture.store.collect()).deletedBlobs, 0);
  await builder.publish({
    images: [image],
    tags: [{ name: 'a', target: { kind: 'image', digest: image.id } }],
    reason: 'build',
  });
  await builder[Symbol.asyncDispose]();
  assert.equal((await fixture.store.collect()).deletedBlobs, 0);
});

test('collect() does not count leases of processes that are gone', async () => {
  await using fixture = await scratchStore();
  const dead = await fixture.again({ owner: ownerOfAnotherBoot() });
  await dead.blobs.put(Buffer.from('left over'));
  assert.equal((await fixture.store.collect()).deletedBlobs, 1);
  assert.deepEqual(await fixture.store.leases.list(), []);
});

test('a lease on an image holds all of it, also when the image is removed meanwhile', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const image = await publishImage(maker, 'a', ['x', 'y']);
  await maker[Symbol.asyncDispose]();
  const saver = await fixture.again();
  await saver.leases.hold([{ kind: 'image', digest: image.id }]);
  await fixture.store.images.remove(image.id);
  assert.equal((await fixture.store.collect()).deletedBlobs, 0);
  await saver[Symbol.asyncDispose]();
  assert.equal((await fixture.store.collect()).deletedBlobs, 4);
});

test('cache records beyond the cap go, least valuable first, and what images share costs nothing', async () => {
  let now = 0;
  await using fixture = await scratchStore({ clock: () => now });
  const maker = await fixture.again();
  const image = await publishImage(maker, 'a', ['x'.repeat(5000)]);
  const add = async (name: string, bytes: number, costMs: number): Promise<void> => {
    const layer = asDiffId(await maker.blobs.put(Buffer.alloc(bytes, name)));
    await maker.cacheRecords.put({ keys: [name], slot: name, result: null, diffIds: [layer], costMs });
  };
  await maker.cacheRecords.put({ keys: ['shared'], slot: 'x', result: null, diffIds: image.diffIds, costMs: 1 });
  await add('cheap and large', 40_000, 10);
  await add('dear and large', 40_001, 60_000);
  await add('small', 100, 500);
  await add('old', 30_000, 2_000);
  now = 60 * 24 * 3600 * 1000;
  for (const key of ['shared', 'cheap and large', 'dear and large', 'small']) await maker.cacheRecords.find(key);
  await maker[Symbol.asyncDispose]();
  const report = await fixture.store.collect({ maxCacheBytes: 45_000 });
  assert.deepEqual([report.deletedRecords, report.deletedBlobs], [2, 2]);
  const left = (await fixture.store.cacheRecords.list()).map(({ slot }) => slot);
  assert.deepEqual(left, ['small', 'dear and large', 'x']);
  assert.equal((await fixture.store.collect({ cacheUnusedSince: now + 1 })).deletedRecords, 3);
  assert.ok((await digests(fixture.store)).has(image.id));
});

test('collect() prunes untagged images, but none that a container or a running command uses', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const [tagged, used, loose, held] = [
    await publishImage(maker, 'a', ['a']),
    await storeImage(maker, 'b', ['b']),
    await storeImage(maker, 'c', ['c']),
    await storeImage(maker, 'd', ['d']),
  ];
  for (const image of [used, loose, held]) await maker.images.put(image);
  await maker.containers.create({
    id: 'c'.repeat(64),
    name: 'c',
    imageId: used.id,
    diffIds: used.diffIds,
    volumes: [],
    config: {},
    state: {},
    active: false,
  });
  await maker[Symbol.asyncDispose]();
  const saver = await fixture.again();
  await saver.leases.hold([{ kind: 'image', digest: held.id }]);
  assert.deepEqual((await fixture.store.collect({ images: 'untagged' })).deletedImages, [loose.id]);
  assert.deepEqual(
    new Set((await fixture.store.images.list()).map(({ id }) => id)),
    new Set([tagged.id, used.id, held.id]),
  );
  assert.deepEqual((await fixture.store.collect({ images: 'all' })).deletedImages, [tagged.id]);
});

test('collect() stops when its time is over and goes on the next time', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  for (let i = 0; i < 100; i++) await maker.blobs.put(Buffer.from(`blob ${i}`));
  await maker[Symbol.asyncDispose]();
  const first = await fixture.store.collect({ budgetMs: 0 });
  assert.deepEqual([first.complete, first.deletedBlobs], [false, 0]);
  const second = await fixture.store.collect();
  assert.deepEqual([second.complete, second.deletedBlobs], [true, 100]);
});

test('F-112: with an unreadable manifest nothing is deleted that it might reach, unless forced', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const artifact = await maker.blobs.put(Buffer.from('only the manifest names this'));
  const image = await publishImage(maker, 'a', ['x']);
  const bytes = Buffer.from(JSON.stringify({ layers: [{ digest: artifact }] }));
  const manifest = await maker.blobs.put(bytes);
  await maker.indexes.put({ digest: manifest, mediaType: 'm', sizeBytes: bytes.length, entries: [], repositories: [] });
  await maker[Symbol.asyncDispose]();
  const { store } = fixture;
  assert.equal((await store.collect()).deletedBlobs, 0);
  const path = store.blobs.path(manifest);
  chmodSync(path, 0o600);
  writeFileSync(path, '{}');
  const refused = await store.collect();
  assert.deepEqual([refused.deletedBlobs, refused.unreadable], [0, [manifest]]);
  assert.ok((await digests(store)).has(artifact));
  const forced = await store.collect({ force: true });
  assert.deepEqual([forced.deletedBlobs, forced.unreadable], [1, [manifest]]);
  assert.deepEqual((await store.blobs.get(image.id)).digest, image.id);
  await store.indexes.remove(manifest);
  assert.deepEqual((await store.collect()).unreadable, []);
});

test('collect() sweeps folders of containers and builds that have no record, and old stat caches', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const stray = [join(fixture.root, 'containers', 'd'.repeat(64)), join(fixture.root, 'build-logs', 'bxxxxxxxxxx')];
  for (const path of stray) mkdirSync(join(path, 'upper'), { recursive: true });
  const old = join(fixture.root, 'sources', 'stat-old');
  writeFileSync(old, '');
  utimesSync(old, 1, 1);
  const id = await store.builds.start({ name: 'a' });
  await store.collect();
  for (const path of [...stray, old]) assert.ok(!existsSync(path), path);
  writeFileSync(store.builds.logPath(id, 1), 'still there');
});

test('F-153: usage() and list() during collections never fail', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const stop = Date.now() + 300;
  const churn = (async () => {
    for (let i = 0; Date.now() < stop; i++) {
      const image = await publishImage(other, `t${i}`, [`layer ${i}`, 'shared']);
      await other.images.remove(image.id);
      await fixture.store.collect();
    }
  })();
  while (Date.now() < stop) {
    await fixture.store.usage();
    await fixture.store.images.list();
    await fixture.store.blobs.list();
    await fixture.store.containers.list();
  }
  await churn;
});

test('usage() tells shared from unique bytes, and what could be had back', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const a = await publishImage(store, 'a', ['s'.repeat(1000), 'a'.repeat(100)]);
  const b = await publishImage(store, 'b', ['s'.repeat(1000), 'b'.repeat(200)]);
  const cached = asDiffId(await store.blobs.put(Buffer.alloc(300)));
  await store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [cached, ...a.diffIds] });
  await store.containers.create({
    id: 'c'.repeat(64),
    name: 'c',
    imageId: a.id,
    diffIds: a.diffIds,
    volumes: ['data'],
    config: {},
    state: {},
    active: true,
  });
  mkdirSync(join(await store.folder('volumes'), 'data'));
  mkdirSync(join(await store.folder('volumes'), 'unused'));
  const usage = await store.usage();
  assert.deepEqual([usage.images.count, usage.images.active], [2, 1]);
  const [ofA, ofB] = [a, b].map(({ id }) => usage.perImage.find((image) => image.id === id));
  assert.deepEqual([ofA?.sharedBytes, ofB?.sharedBytes], [1000, 1000]);
  assert.equal(ofA?.containers, 1);
  assert.equal(usage.images.sizeBytes, 1000 + (ofA?.uniqueBytes ?? 0) + (ofB?.uniqueBytes ?? 0));
  assert.equal(usage.images.reclaimableBytes, ofB?.uniqueBytes);
  assert.deepEqual(usage.buildCache, { count: 1, active: 0, sizeBytes: 300, reclaimableBytes: 300 });
  assert.deepEqual([usage.containers.count, usage.containers.active], [1, 1]);
  assert.deepEqual([usage.volumes.count, usage.volumes.active], [2, 1]);
});

/** What a model of the store says must be there. */
type Step =
  | { readonly kind: 'image'; readonly name: number; readonly layers: readonly number[] }
  | { readonly kind: 'remove'; readonly name: number }
  | { readonly kind: 'cache'; readonly name: number; readonly layer: number }
  | { readonly kind: 'hold'; readonly layer: number }
  | { readonly kind: 'collect'; readonly cap: number };

const small = fc.nat(5);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('image' as const), name: small, layers: fc.array(small, { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('remove' as const), name: small }),
    fc.record({ kind: fc.constant('cache' as const), name: small, layer: small }),
    fc.record({ kind: fc.constant('hold' as const), layer: small }),
    fc.record({ kind: fc.constant('collect' as const), cap: fc.constantFrom(0, 1_000_000) }),
  ),
  { maxLength: 12 },
);

test('property: whatever happens before it, a collection never removes the reachable, and leaves nothing else', async () => {
  await using fixture = await scratchStore();
  const collector = fixture.store;
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      await collector.reset({ force: true });
      await using holder = await fixture.again();
      const images = new Map<number, { readonly id: Digest; readonly all: readonly Digest[] }>();
      const cache = new Map<number, Digest>();
      const held = new Set<Digest>();
      for (const step of script) await play(step, { fixture, collector, holder, images, cache, held });
      const expected = new Set([...[...images.values()].flatMap(({ all }) => all), ...cache.values()]);
      await collector.collect();
      const left = await digests(collector);
      for (const digest of expected) assert.ok(left.has(digest), 'reachable');
      for (const digest of left) assert.ok(expected.has(digest) || held.has(digest), 'unreachable');
    }),
    { numRuns: 20 },
  );
});

interface Play {
  readonly fixture: { again(): Promise<Store> };
  readonly collector: Store;
  readonly holder: Store;
  readonly images: Map<number, { readonly id: Digest; readonly all: readonly Digest[] }>;
  readonly cache: Map<number, Digest>;
  readonly held: Set<Digest>;
}

async function play(step: Step, { fixture, collector, holder, images, cache, held }: Play): Promise<void> {
  // Each step is a command of its own, whose lease ends with it.
  const command = await fixture.again();
  switch (step.kind) {
    case 'image': {
      const before = images.get(step.name);
      if (before !== undefined) await command.images.remove(before.id);
      images.delete(step.name);
      const image = await publishImage(
        command,
        `image ${step.name}`,
        step.layers.map((layer) => `layer ${layer}`),
      );
      images.set(step.name, {
        id: image.id,
        all: [image.id, ...image.diffIds, ...image.manifests.map(({ digest }) => digest)],
      });
      break;
    }
    case 'remove': {
      const image = images.get(step.name);
      if (image !== undefined) await command.images.remove(image.id);
      images.delete(step.name);
      break;
    }
    case 'cache': {
      const layer = asDiffId(await command.blobs.put(Buffer.from(`layer ${step.layer}`)));
      await command.cacheRecords.put(
        { keys: [`${step.name}`], slot: 's', result: null, diffIds: [layer] },
        { replace: true },
      );
      cache.set(step.name, layer);
      break;
    }
    case 'hold':
      held.add(await holder.blobs.put(Buffer.from(`layer ${step.layer}`)));
      break;
    case 'collect':
      if (step.cap === 0) cache.clear();
      await collector.collect({ maxCacheBytes: step.cap });
      for (const digest of held) assert.ok(await collector.blobs.find(digest), 'held');
      break;
  }
  await command[Symbol.asyncDispose]();
}
