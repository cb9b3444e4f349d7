import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { isShaleError } from '../base/index.ts';
import { asDiffId, digestFromHex, type DiffId } from '../oci/index.ts';
import { openStore } from './open.ts';
import { rebuildDatabase } from './rebuild.ts';
import { digestOf, diffIdOf, scratchStore, type ScratchStore } from './store.fixture.ts';
import type { NewImage, Store } from './types.ts';

const DAMAGES: Readonly<Record<string, (database: string) => void>> = {
  deleted: (path) => {
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
  },
  // As a rebuild leaves it that was killed.
  'deleted but for its log': (path) => {
    writeFileSync(`${path}-wal`, Buffer.alloc(8192, 1));
    writeFileSync(`${path}.new`, 'half of a new one');
    rmSync(path);
  },
  emptied: (path) => {
    truncateSync(path);
    rmSync(`${path}-wal`, { force: true });
  },
  'cut in half': (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
  'overwritten at its start': (path) => overwrite(path, 0, 200),
  'overwritten from its second page on': (path) => overwrite(path, 4096, statSync(path).size),
};

function overwrite(path: string, from: number, to: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(to - from, 0xa5), 0, to - from, from);
  closeSync(fd);
}

async function unpack(path: string): Promise<DiffId | undefined> {
  try {
    return asDiffId(
      digestFromHex(
        createHash('sha256')
          .update(gunzipSync(readFileSync(path)))
          .digest('hex'),
      ),
    );
  } catch {
    return undefined;
  }
}

const CONTAINER = {
  id: 'c'.repeat(64),
  name: 'web',
  volumes: ['data'],
  config: { image: 'a', program: { args: ['/a'] } },
  state: { kind: 'exited', exitCode: 3 },
  active: false,
};

/** A store with all that should come back; closed. */
async function filled(fixture: ScratchStore): Promise<readonly NewImage[]> {
  const { store } = fixture;
  const [one, two, lazy] = [await imageIn(store, 'one'), await imageIn(store, 'two'), await imageIn(store, 'lazy')];
  const target = ({ id }: NewImage) => ({ kind: 'image', digest: id }) as const;
  await store.publish({
    images: [one],
    tags: [{ name: 'r.example/a:1', target: target(one) }],
    reason: 'build b1',
    origin: { of: 'x' },
  });
  await store.publish({ images: [two], tags: [{ name: 'r.example/a:1', target: target(two) }], reason: 'build b2' });
  await store.publish({ images: [lazy], tags: [{ name: 'r.example/lazy:1', target: target(lazy) }], reason: 'pull' });
  await store.tags.set('r.example/b:1', target(one), 'tag');
  await store.tags.set('r.example/gone:1', target(one), 'tag');
  await store.tags.remove('r.example/gone:1', 'rmi');
  const set = Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.shale.images.v1+json',
      kind: 'index',
      manifests: [{ mediaType: 'm', digest: one.id, size: 1, platform: { os: 'linux', architecture: 'amd64' } }],
    }),
  );
  const digest = await store.blobs.put(set);
  const entries = [
    { digest: one.id, sizeBytes: 1, mediaType: 'm', platform: { os: 'linux', architecture: 'amd64' }, imageId: one.id },
  ];
  await store.publish({
    indexes: [
      { digest, mediaType: 'application/vnd.shale.images.v1+json', sizeBytes: set.length, entries, repositories: [] },
    ],
    tags: [{ name: 'r.example/set:1', target: { kind: 'index', digest } }],
    reason: 'build b3',
  });
  await store.containers.create({ ...CONTAINER, imageId: one.id, diffIds: one.diffIds });
  await store.containers.update(CONTAINER.id, () => ({ name: 'renamed' }));
  await store[Symbol.asyncDispose]();
  return [one, two, lazy];
}

/** An image whose layer is there as gzip and as a tar; of `lazy` the layer is known by its manifest only. */
async function imageIn(store: Store, name: string): Promise<NewImage> {
  const layer = Buffer.from(`layer of ${name}`);
  const packed = gzipSync(layer);
  const diffId = diffIdOf(layer);
  if (name !== 'lazy') {
    await store.blobs.put(layer);
    await store.blobs.put(packed);
    await store.encodings.add(diffId, {
      digest: digestOf(packed),
      sizeBytes: packed.length,
      mediaType: 'gzip',
      compressor: 'foreign',
    });
  }
  const config = { os: 'linux', architecture: 'amd64', config: {}, rootfs: { type: 'layers', diff_ids: [diffId] } };
  const id = await store.blobs.put(Buffer.from(JSON.stringify({ ...config, name })));
  const layers = [{ mediaType: 'gzip', digest: digestOf(packed), size: packed.length }];
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { digest: id }, layers }));
  if (name === 'lazy')
    await store.layers.put({
      diffId,
      sources: [
        { repository: 'r.example/lazy', mediaType: 'gzip', digest: digestOf(packed), sizeBytes: packed.length },
      ],
    });
  return {
    id,
    platform: { os: 'linux', architecture: 'amd64' },
    diffIds: [diffId],
    madeHere: name !== 'lazy',
    manifests: [
      {
        digest: await store.blobs.put(manifest),
        sizeBytes: manifest.length,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        repositories: name === 'lazy' ? ['r.example/lazy'] : [],
      },
    ],
  };
}

/** All that a store says of images, tags and containers, without when it was added. */
async function knownBy(store: Store): Promise<unknown> {
  const images = [...(await store.images.list())].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const layers = images.flatMap(({ diffIds }) => diffIds);
  return {
    images: images.map(({ addedAt: _addedAt, sizeBytes: _size, ...image }) => image),
    indexes: (await store.indexes.list()).map(({ addedAt: _addedAt, ...index }) => index),
    tags: await store.tags.list(),
    log: [await store.tags.log('r.example/a:1'), await store.tags.log('r.example/gone:1')],
    encodings: await Promise.all(layers.map((layer) => store.encodings.list(layer))),
    sources: await Promise.all(layers.map(async (layer) => (await store.layers.find(layer))?.sources ?? [])),
    containers: (await store.containers.list()).map(({ state: _state, ...container }) => container),
  };
}

for (const [how, damage] of Object.entries(DAMAGES)) {
  test(`a database that was ${how} is refused, and made anew with all images, tags, history and containers`, async () => {
    await using fixture = await scratchStore();
    await filled(fixture);
    const before = await within(fixture, knownBy);
    const database = join(fixture.root, 'shale.db');
    damage(database);
    // Whatever is tried before the repair must not take what is left for a new store.
    assert.match(await codesOf(fixture.root), /STORE_DAMAGED|DATABASE_DAMAGED/);

    const report = await rebuildDatabase({ root: fixture.root }, unpack);
    assert.deepEqual(report, { images: 3, tags: 4, containers: 1, rebuilt: true });
    await within(fixture, async (store) => {
      assert.deepEqual(await knownBy(store), before);
      assert.deepEqual((await store.check({ full: true })).problems, []);
      await store.collect({ images: 'untagged' });
      assert.deepEqual(await knownBy(store), before);
    });
    assert.equal(existsSync(`${database}.damaged`), !how.startsWith('deleted'));
    assert.equal((await rebuildDatabase({ root: fixture.root }, unpack)).rebuilt, false);
  });
}

async function within<T>(fixture: ScratchStore, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await fixture.again();
  try {
    return await work(store);
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

test('the history of tags has a copy: made where it is missing, mended where it is torn, gone with a reset', async () => {
  await using fixture = await scratchStore();
  const [one, two] = await filled(fixture);
  assert.ok(one !== undefined && two !== undefined);
  const journal = join(fixture.root, 'tags.log');
  const codes = async (store: Store) => (await store.check()).problems.map(({ code }) => code);
  const whole = readFileSync(journal, 'utf8');
  assert.equal(whole.split('\n').length, 1 + 7);
  rmSync(journal);
  await within(fixture, async (store) => {
    assert.deepEqual(await codes(store), ['TAG_JOURNAL_STALE']);
    // The next move writes all of it.
    await store.tags.set('r.example/c:1', { kind: 'image', digest: one.id }, 'tag');
    assert.deepEqual(await codes(store), []);
    assert.ok(readFileSync(journal, 'utf8').startsWith(whole));
    // A line that a full disk has cut costs itself, not the next one.
    truncateSync(journal, statSync(journal).size - 10);
    await store.tags.set('r.example/d:1', { kind: 'image', digest: two.id }, 'tag');
    assert.deepEqual(await codes(store), ['TAG_JOURNAL_STALE']);
    assert.match(readFileSync(journal, 'utf8'), /r\.example\/d:1/);
    assert.deepEqual((await store.repair()).remaining, []);
    assert.deepEqual(await codes(store), []);
    await store.reset();
    assert.ok(!existsSync(journal));
    assert.deepEqual(await codes(store), []);
  });
});

test('a move that was written down but not committed gives its number to the next', async () => {
  await using fixture = await scratchStore();
  const [one, two] = await filled(fixture);
  assert.ok(one !== undefined && two !== undefined);
  const journal = join(fixture.root, 'tags.log');
  const lines = readFileSync(journal, 'utf8').split('\n');
  const database = join(fixture.root, 'shale.db');
  const db = new DatabaseSync(database);
  db.exec("DELETE FROM tag_log WHERE seq = 7; DELETE FROM tags WHERE name = 'r.example/set:1'");
  db.close();
  await within(fixture, (store) => store.tags.set('r.example/next:1', { kind: 'image', digest: two.id }, 'tag'));
  assert.equal(readFileSync(journal, 'utf8').split('\n').length, lines.length + 1);
  DAMAGES['deleted']?.(database);
  await rebuildDatabase({ root: fixture.root }, unpack);
  await within(fixture, async (store) => {
    const names = (await store.tags.list()).map(({ name }) => name);
    assert.deepEqual(names, ['r.example/a:1', 'r.example/b:1', 'r.example/lazy:1', 'r.example/next:1']);
  });
});

test('what a damaged database still gives is kept, where nothing else has it', async () => {
  await using fixture = await scratchStore();
  await filled(fixture);
  const before = await within(fixture, knownBy);
  rmSync(join(fixture.root, 'tags.log'));
  rmSync(join(fixture.root, 'containers', CONTAINER.id, 'record.json'));
  const database = join(fixture.root, 'shale.db');
  const db = new DatabaseSync(database);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const page = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'cache_keys'").get()?.['rootpage']);
  db.close();
  overwrite(database, (page - 1) * 4096, page * 4096);
  await rebuildDatabase({ root: fixture.root }, unpack);
  await within(fixture, async (store) => {
    assert.deepEqual(await knownBy(store), before);
    assert.deepEqual((await store.containers.get('renamed')).state, CONTAINER.state);
  });
});

test('a manifest that lies about its layers makes no image and no encoding', async () => {
  await using fixture = await scratchStore();
  const { store } = fixture;
  const packed = gzipSync('other bytes');
  await store.blobs.put(packed);
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [diffIdOf('promised')] } };
  const id = await store.blobs.put(Buffer.from(JSON.stringify(config)));
  const layers = [{ mediaType: 'gzip', digest: digestOf(packed), size: packed.length }];
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { digest: id }, layers }));
  const digest = await store.blobs.put(manifest);
  const entries = [{ digest: id, sizeBytes: 1, mediaType: '' }];
  const index = {
    digest,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    sizeBytes: manifest.length,
    entries,
    repositories: [],
  };
  await store.publish({
    indexes: [index],
    tags: [{ name: 'r.example/a:1', target: { kind: 'index', digest } }],
    reason: 'serve registry',
  });
  await store[Symbol.asyncDispose]();
  DAMAGES['deleted']?.(join(fixture.root, 'shale.db'));
  await rebuildDatabase({ root: fixture.root }, unpack);
  await within(fixture, async (again) => {
    assert.deepEqual(await again.images.list(), []);
    assert.deepEqual(await again.encodings.list(diffIdOf('promised')), []);
    assert.deepEqual(
      (await again.indexes.list()).map((one) => [one.digest, one.repositories]),
      [[digest, ['r.example/a']]],
    );
    await again.collect();
    assert.ok(await again.blobs.find(digestOf(packed)));
    assert.deepEqual((await again.check({ full: true })).problems, []);
  });
});

test('a version file that a crash has emptied is written again; a newer store is left alone', async () => {
  await using fixture = await scratchStore();
  await filled(fixture);
  const before = await within(fixture, knownBy);
  const version = join(fixture.root, 'version');
  writeFileSync(version, '');
  await assert.rejects(openStore({ root: fixture.root }), { code: 'STORE_DAMAGED' });
  assert.equal((await rebuildDatabase({ root: fixture.root }, unpack)).rebuilt, false);
  assert.deepEqual(await within(fixture, knownBy), before);
  writeFileSync(version, 'shale store 99\n');
  await assert.rejects(rebuildDatabase({ root: fixture.root }, unpack), { code: 'STORE_TOO_NEW' });
  await assert.rejects(rebuildDatabase({ root: join(fixture.root, 'none') }, unpack), { code: 'STORE_NOT_FOUND' });
});

test(
  'nothing is made anew under a process that has the database open',
  { skip: !existsSync('/proc/self/fd') && 'no /proc' },
  async () => {
    await using fixture = await scratchStore();
    await filled(fixture);
    const database = join(fixture.root, 'shale.db');
    overwrite(database, 4096, statSync(database).size);
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', openSync(database, 'r')] });
    try {
      await assert.rejects(rebuildDatabase({ root: fixture.root }, unpack), {
        code: 'STORE_IN_USE',
        data: { pid: holder.pid },
      });
    } finally {
      holder.kill();
    }
  },
);

/** What a store that is opened, and checked where it opens, says is wrong. */
async function codesOf(root: string): Promise<string> {
  try {
    await using store = await openStore({ root });
    return (await store.check({ full: true })).problems.map(({ code }) => code).join(' ');
  } catch (error) {
    if (isShaleError(error)) return error.code;
    throw error;
  }
}
