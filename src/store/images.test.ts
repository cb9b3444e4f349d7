import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffIdOf, digestOf, publishImage, scratchStore, storeImage } from './store.fixture.ts';

test('publish() writes images and moves tags, and the history of a tag says from where to where', async () => {
  let now = 1000;
  await using fixture = await scratchStore({ clock: () => now });
  const { store } = fixture;
  const first = await publishImage(store, 'app:1', ['a']);
  now = 2000;
  const second = await publishImage(store, 'app:1', ['b']);
  await publishImage(store, 'app:1', ['b']);
  now = 3000;
  assert.equal(await store.tags.remove('app:1', 'rmi'), true);
  assert.equal(await store.tags.remove('app:1', 'rmi'), false);
  assert.deepEqual(await store.tags.log('app:1'), [
    { name: 'app:1', from: { kind: 'image', digest: second.id }, to: undefined, at: 3000, reason: 'rmi' },
    {
      name: 'app:1',
      from: { kind: 'image', digest: first.id },
      to: { kind: 'image', digest: second.id },
      at: 2000,
      reason: 'test',
    },
    { name: 'app:1', from: undefined, to: { kind: 'image', digest: first.id }, at: 1000, reason: 'test' },
  ]);
  assert.deepEqual(
    (await store.images.list()).map(({ id, addedAt }) => [id, addedAt]),
    [
      [second.id, 2000],
      [first.id, 1000],
    ],
  );
  await assert.rejects(store.tags.get('app:1'), { code: 'TAG_NOT_FOUND' });
});

test('images are found by id, prefix and manifest; putting one again joins what is known', async () => {
  await using fixture = await scratchStore();
  const { images } = fixture.store;
  const image = await storeImage(fixture.store, 'a', ['x']);
  const [manifest] = image.manifests;
  assert.ok(manifest);
  await images.put({ ...image, created: '2020-01-01T00:00:00Z' });
  await images.put({ ...image, madeHere: false, manifests: [{ ...manifest, repositories: ['r.example/b'] }] });
  await images.put({ ...image, madeHere: false, manifests: [{ ...manifest, repositories: ['r.example/a'] }] });
  const found = await images.get(image.id);
  assert.deepEqual(found.manifests[0]?.repositories, ['r.example/a', 'r.example/b']);
  assert.equal(found.madeHere, true);
  assert.deepEqual(found.diffIds, image.diffIds);
  assert.deepEqual(await images.findByPrefix(image.id.slice(7, 19)), found);
  assert.equal(await images.findByPrefix('no'), undefined);
  assert.deepEqual(await images.findByManifest(manifest.digest), found);
  await assert.rejects(images.get(digestOf('no')), { code: 'IMAGE_NOT_FOUND' });
});

test('a repository has what its tags lead to, what is recorded as being in it, and the images of its sets', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const tagged = await publishImage(store, 'r.example/a:1', ['x']);
  const other = await publishImage(store, 'r.example/a/b:1', ['y']);
  const inSet = await storeImage(store, 'z', ['z']);
  await store.images.put(inSet);
  const type = 'application/vnd.oci.image.index.v1+json';
  const set = await store.blobs.put(Buffer.from('{"manifests":[]}'));
  const entry = { digest: digestOf('entry'), sizeBytes: 1, mediaType: 'm', imageId: inSet.id };
  await store.indexes.put({
    digest: set,
    mediaType: type,
    sizeBytes: 16,
    entries: [entry],
    repositories: ['r.example/a'],
  });
  const digests = async (repository: string): Promise<string[]> =>
    (await store.images.manifestsIn(repository)).map(({ digest }) => digest).toSorted();
  const manifestOf = (image: { readonly manifests: readonly { readonly digest: string }[] }): string =>
    image.manifests[0]?.digest ?? '';
  assert.deepEqual(await digests('r.example/a'), [manifestOf(tagged), manifestOf(inSet), set].toSorted());
  assert.deepEqual(await digests('r.example/a/b'), [manifestOf(other)]);
  assert.deepEqual(await digests('r.example'), []);
  assert.deepEqual(await store.images.manifestsIn('r.example/a', set), [{ digest: set, mediaType: type }]);
  assert.deepEqual(await store.images.manifestsIn('r.example/a/b', set), []);
  assert.deepEqual(
    (await store.tags.in('r.example/a')).map(({ name }) => name),
    ['r.example/a:1'],
  );
});

test('a prefix that fits several images is refused', async () => {
  await using fixture = await scratchStore();
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const byPrefix = new Map<string, string>();
  let pair: readonly [string, string] | undefined;
  for (let i = 0; pair === undefined; i++) {
    const prefix = digestOf(`${i}`).slice(7, 9);
    const other = byPrefix.get(prefix);
    if (other !== undefined) pair = [other, `${i}`];
    byPrefix.set(prefix, `${i}`);
  }
  const prefix = digestOf(pair[0]).slice(7, 9);
  for (const [n, config] of pair.entries()) {
    const id = await fixture.store.blobs.put(Buffer.from(config));
    await fixture.store.images.put({ id, platform, diffIds: [], madeHere: false, manifests: [] });
    if (n === 0) assert.deepEqual((await fixture.store.images.findByPrefix(prefix))?.platform, platform);
  }
  await assert.rejects(fixture.store.images.findByPrefix(prefix), { code: 'NAME_AMBIGUOUS' });
});

test('removing an image removes its tags, and says so in their history', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  await store.tags.set('b', { kind: 'image', digest: image.id }, 'tag');
  assert.deepEqual(
    (await store.tags.of(image.id)).map(({ name }) => name),
    ['a', 'b'],
  );
  await store.images.remove(image.id);
  assert.deepEqual(await store.tags.list(), []);
  assert.equal((await store.tags.log('b'))[0]?.reason, 'rmi');
  await assert.rejects(store.images.remove(image.id), { code: 'IMAGE_NOT_FOUND' });
  await assert.rejects(store.tags.set('c', { kind: 'image', digest: image.id }, 'tag'), { code: 'IMAGE_NOT_FOUND' });
});

test('a tag may point to an image index, of which some platforms are absent', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await storeImage(store, 'a', ['x']);
  const bytes = Buffer.from(
    JSON.stringify({ manifests: [{ digest: image.manifests[0]?.digest }, { digest: digestOf('arm') }] }),
  );
  const index = {
    digest: await store.blobs.put(bytes),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    sizeBytes: bytes.length,
    entries: [
      { digest: digestOf('arm'), sizeBytes: 3, mediaType: 'm', platform: { os: 'linux', architecture: 'arm64' } },
    ],
    repositories: ['r.example/a'],
  };
  await store.publish({
    images: [image],
    indexes: [index],
    tags: [{ name: 'multi', target: { kind: 'index', digest: index.digest } }],
    reason: 'pull',
  });
  assert.deepEqual((await store.indexes.find(index.digest))?.entries, index.entries);
  assert.equal((await store.blobs.get(index.digest)).synced, true);
  await store[Symbol.asyncDispose]();
  const later = await fixture.again();
  assert.equal((await later.collect()).deletedBlobs, 0);
  assert.deepEqual((await later.check({ full: true })).problems, []);
  await later.indexes.remove(index.digest);
  assert.deepEqual(await later.tags.list(), []);
  assert.equal((await later.collect()).deletedBlobs, 1);
});

test('publish() changes nothing when a blob of the result is missing', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await storeImage(store, 'a', ['x']);
  const publication = {
    images: [{ ...image, diffIds: [...image.diffIds, diffIdOf('never written')] }],
    tags: [{ name: 'a', target: { kind: 'image' as const, digest: image.id } }],
    reason: 'build',
  };
  await assert.rejects(store.publish(publication), { code: 'BLOB_NOT_FOUND' });
  assert.deepEqual([await store.tags.list(), await store.images.list()], [[], []]);
});

test('encodings lead from a layer to its compressed forms and back', async () => {
  await using fixture = await scratchStore();
  const { encodings } = fixture.store;
  const layer = diffIdOf('layer');
  const gzip = { digest: digestOf('gz'), sizeBytes: 10, mediaType: 'tar+gzip', compressor: 'node-zlib/1/gzip-6' };
  const zstd = { digest: digestOf('zst'), sizeBytes: 9, mediaType: 'tar+zstd', compressor: 'foreign' };
  await encodings.add(layer, gzip);
  await encodings.add(layer, zstd);
  await encodings.add(layer, zstd);
  assert.deepEqual(new Set(await encodings.list(layer)), new Set([gzip, zstd]));
  assert.deepEqual(await encodings.findLayer(zstd.digest), { diffId: layer, encoding: zstd });
  await encodings.remove(layer, zstd.digest);
  assert.equal(await encodings.findLayer(zstd.digest), undefined);
});

test('F-154: two that move a tag at once, and one that deletes it: the last one wins, and all of it is in the history', async () => {
  await using fixture = await scratchStore();
  const other = await fixture.again();
  const x = await publishImage(fixture.store, 'x', ['x']);
  const y = await publishImage(fixture.store, 'y', ['y']);
  const moves = Array.from({ length: 60 }, (_, i) => {
    const store = i % 2 === 0 ? fixture.store : other;
    if (i % 5 === 0) return store.tags.remove('t', `${i}`);
    return store.tags.set('t', { kind: 'image', digest: i % 2 === 0 ? x.id : y.id }, `${i}`);
  });
  await Promise.all(moves);
  const log = await fixture.store.tags.log('t');
  assert.deepEqual((await fixture.store.tags.find('t'))?.target, log[0]?.to);
  for (const [i, move] of log.entries()) assert.deepEqual(move.from, log[i + 1]?.to);
});
