import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { asDiffId } from '../oci/index.ts';
import { diffIdOf, ownerOfAnotherBoot, publishImage, scratchStore, storeImage } from './store.fixture.ts';
import type { CheckReport } from './types.ts';

const INDEX = { name: 'erofs', version: 1, folder: 'index', type: 'file' } as const;

function codes(report: Pick<CheckReport, 'problems'>): readonly string[] {
  return report.problems.map(({ code }) => code);
}

test('F-105: check --full names the digest of a flipped bit and the images that it affects', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['layer one']);
  await publishImage(store, 'b', ['layer two']);
  const layer = image.diffIds[0] ?? diffIdOf('');
  const path = store.blobs.path(layer);
  const before = readFileSync(path);
  const times = (await import('node:fs')).lstatSync(path);
  chmodSync(path, 0o600);
  writeFileSync(path, Buffer.concat([Buffer.from('L'), before.subarray(1)]));
  assert.ok(times.size === before.length);
  const { problems } = await store.check({ full: true });
  assert.deepEqual(
    problems.map(({ code, digest, images }) => ({ code, digest, images })),
    [{ code: 'BLOB_CORRUPT', digest: layer, images: [image.id] }],
  );
});

const DAMAGES: Record<string, { readonly code: string; readonly damage: (path: string) => void }> = {
  emptied: { code: 'BLOB_TRUNCATED', damage: (path) => truncateSync(path) },
  cut: { code: 'BLOB_TRUNCATED', damage: (path) => truncateSync(path, 3) },
  grown: { code: 'BLOB_GROWN', damage: (path) => appendFileSync(path, 'x') },
  deleted: { code: 'BLOB_MISSING', damage: (path) => rmSync(path) },
  'replaced by a link': {
    code: 'BLOB_NOT_A_FILE',
    damage: (path) => {
      rmSync(path);
      symlinkSync('/etc/hostname', path);
    },
  },
  'replaced by a folder': {
    code: 'BLOB_NOT_A_FILE',
    damage: (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  },
};

for (const [name, { code, damage }] of Object.entries(DAMAGES)) {
  test(`F-106: a layer blob that was ${name} is reported as ${code}, and other images stay whole`, async () => {
    await using fixture = await scratchStore();
    const { store } = fixture;
    const image = await publishImage(store, 'a', ['layer one']);
    const other = await publishImage(store, 'b', ['layer two']);
    const path = store.blobs.path(image.diffIds[0] ?? diffIdOf(''));
    if (existsSync(path)) chmodSync(path, 0o600);
    damage(path);
    const report = await store.check();
    assert.deepEqual(codes(report), [code]);
    assert.deepEqual(report.problems[0]?.images, [image.id]);
    for (const digest of [other.id, ...other.diffIds]) assert.ok(await store.blobs.find(digest));

    const repaired = await store.repair();
    assert.deepEqual(codes({ problems: repaired.remaining }), ['BLOB_MISSING']);
    const again = await store.repair();
    assert.deepEqual([again.repaired, codes({ problems: again.remaining })], [[], ['BLOB_MISSING']]);
    await publishImage(store, 'a', ['layer one']);
    assert.deepEqual((await store.check({ full: true })).problems, []);
  });
}

test('F-109: what has no record, and records of what is not there, are reported and mended', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  const layer = image.diffIds[0] ?? diffIdOf('');
  await store.derived.write(INDEX, layer, Buffer.from('index'));
  await store.derived.write({ ...INDEX, name: 'contents' }, layer, Buffer.from('contents'));
  rmSync(store.derived.path(INDEX, layer));
  chmodSync(store.derived.path({ ...INDEX, name: 'contents' }, layer), 0o600);
  writeFileSync(store.derived.path({ ...INDEX, name: 'contents' }, layer), 'CONTENTS');
  mkdirSync(join(fixture.root, 'trees', 'tree-v1', 'a'.repeat(64), 'etc'), { recursive: true });
  mkdirSync(join(fixture.root, 'containers', 'b'.repeat(64)));
  await store.containers.create({
    id: 'c'.repeat(64),
    name: 'c',
    diffIds: [],
    volumes: [],
    config: {},
    state: {},
    active: false,
  });
  rmSync(store.containers.folder('c'.repeat(64)), { recursive: true });
  await store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [diffIdOf('gone')] });
  const db = new DatabaseSync(join(fixture.root, 'shale.db'));
  db.exec(`INSERT INTO tags VALUES ('dangling', 'image', '${diffIdOf('none')}', 1)`);
  db.close();

  const expected = [
    'TAG_DANGLING',
    'TAG_JOURNAL_STALE',
    'INDEX_STALE',
    'INDEX_MISSING',
    'INDEX_UNMANAGED',
    'CACHE_RECORD_BROKEN',
    'CONTAINER_FOLDER_MISSING',
    'CONTAINER_FOLDER_UNMANAGED',
  ];
  assert.deepEqual(codes(await store.check({ full: true })), expected);
  const report = await store.repair({ full: true });
  // The copy of the tags' history is right again once the dangling tag has gone.
  const mended = expected.filter((code) => code !== 'TAG_JOURNAL_STALE');
  assert.deepEqual(codes({ problems: report.repaired }), mended);
  assert.deepEqual(report.remaining, []);
  assert.equal((await store.tags.get('a')).target.digest, image.id);
  await store.images.remove(image.id);
  await store.collect();
});

test('F-109: an image that has lost everything can still be removed', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  for (const name of readdirSync(join(fixture.root, 'blobs', 'sha256')))
    rmSync(join(fixture.root, 'blobs', 'sha256', name));
  assert.ok(codes(await store.check()).includes('BLOB_MISSING'));
  await store.collect();
  await store.images.remove(image.id);
  await store.collect();
  await store.repair();
  assert.deepEqual((await store.check({ full: true })).problems, []);
});

test('F-111: repair of a healthy store changes no byte', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  await store.derived.write(INDEX, image.diffIds[0] ?? diffIdOf(''), Buffer.from('index'));
  await store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: image.diffIds });
  const snapshot = (): readonly string[] =>
    readdirSync(fixture.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => `${path} ${readFileSync(path, 'base64')}`);
  await store.check({ full: true });
  const before = snapshot();
  assert.deepEqual((await store.repair({ full: true })).repaired, []);
  assert.deepEqual(snapshot(), before);
});

test('a layer that is lazy, or held in another encoding, is not missed', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  const layer = image.diffIds[0] ?? diffIdOf('');
  const gzip = await store.blobs.put(Buffer.from('gz'));
  await store.encodings.add(layer, { digest: gzip, sizeBytes: 2, mediaType: 'm', compressor: 'c' });
  const db = new DatabaseSync(join(fixture.root, 'shale.db'));
  db.exec(`DELETE FROM blobs WHERE digest = '${layer}'`);
  db.close();
  rmSync(store.blobs.path(layer));
  assert.deepEqual((await store.check({ full: true })).problems, []);
});

test('F-123: what a power cut tore of a layer that can be fetched is no damage, of one that was promised it is', async () => {
  await using fixture = await scratchStore();
  const before = await fixture.again({ owner: ownerOfAnotherBoot() });
  const image = await storeImage(before, 'a', ['lazy layer']);
  const layer = image.diffIds[0] ?? diffIdOf('');
  const path = before.blobs.path(layer);
  const bytes = readFileSync(path);
  const source = { repository: 'r.example/a', digest: layer, sizeBytes: bytes.length, mediaType: 'm' };
  await before.layers.put({ diffId: layer, sources: [source] });
  // Recorded without its layer, as one that is only asked for its config; the layer comes later, and nothing promises it.
  rmSync(path);
  const db = new DatabaseSync(join(fixture.root, 'shale.db'));
  db.exec(`DELETE FROM blobs WHERE digest = '${layer}'`);
  db.close();
  await before.publish({
    images: [image],
    tags: [{ name: 'a', target: { kind: 'image', digest: image.id } }],
    reason: 'pull',
  });
  await before.blobs.put(bytes);
  chmodSync(path, 0o600);
  truncateSync(path);
  const severities = async (): Promise<readonly string[]> =>
    (await fixture.store.check({ full: true })).problems.map(({ code, severity }) => `${code} ${severity}`);
  assert.deepEqual(await severities(), ['BLOB_TRUNCATED leftover']);
  const other = await publishImage(fixture.store, 'b', ['promised']);
  const promised = fixture.store.blobs.path(other.diffIds[0] ?? layer);
  chmodSync(promised, 0o600);
  truncateSync(promised);
  assert.deepEqual((await severities()).toSorted(), ['BLOB_TRUNCATED damage', 'BLOB_TRUNCATED leftover']);
});

test('an unreadable manifest is named as what stops collection', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const image = await publishImage(store, 'a', ['x']);
  const path = store.blobs.path(asDiffId(image.manifests[0]?.digest ?? image.id));
  chmodSync(path, 0o600);
  writeFileSync(path, '{'.padEnd(readFileSync(path).length));
  assert.deepEqual(codes(await store.check()), ['BLOB_CORRUPT', 'MANIFEST_UNREADABLE']);
});

test('F-109: the folder of a container that a living process is making is left alone, that of a dead one is not', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const folders = ['d', 'e'].map((letter) => store.containers.folder(letter.repeat(64)));
  for (const [index, writer] of [store.owner, ownerOfAnotherBoot()].entries()) {
    mkdirSync(folders[index] ?? '');
    writeFileSync(join(folders[index] ?? '', 'record.json'), JSON.stringify({ name: 'made', writer }));
  }
  const { problems } = await store.check();
  assert.deepEqual(
    problems.map(({ code, path }) => [code, path]),
    [['CONTAINER_FOLDER_UNMANAGED', folders[1]]],
  );
  await store.collect();
  assert.deepEqual(
    folders.map((folder) => existsSync(folder)),
    [true, false],
  );
});
