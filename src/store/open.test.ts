import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { scratch, scratchStore, publishImage } from './store.fixture.ts';
import { openStore } from './open.ts';
import { FORMAT_VERSION } from './schema.ts';

test('openStore() makes a store, and several at once agree on one', async () => {
  using folder = scratch();
  const root = join(folder.path, 'deep', 'store');
  const stores = await Promise.all(Array.from({ length: 5 }, () => openStore({ root })));
  assert.equal(readFileSync(join(root, 'version'), 'utf8'), `shale store ${FORMAT_VERSION}\n`);
  const digest = await stores[0]?.blobs.put(Buffer.from('x'));
  assert.ok(digest !== undefined && (await stores[4]?.blobs.find(digest)));
  for (const store of stores) await store[Symbol.asyncDispose]();
});

test('F-113: the root and its folders are closed to others, blobs are read-only', async () => {
  await using fixture = await scratchStore();
  for (const name of ['', 'blobs', 'blobs/sha256', 'containers', 'trees', 'index', 'ingest', 'volumes']) {
    assert.equal(lstatSync(join(fixture.root, name)).mode & 0o777, 0o700, name);
  }
  const digest = await fixture.store.blobs.put(Buffer.from('x'));
  assert.equal(lstatSync(fixture.store.blobs.path(digest)).mode & 0o777, 0o400);
  chmodSync(fixture.root, 0o755);
  assert.deepEqual(
    (await fixture.store.check()).problems.map(({ code }) => code),
    ['STORE_MODE'],
  );
  await fixture.store.repair();
  assert.equal(lstatSync(fixture.root).mode & 0o777, 0o700);
});

test('openStore() refuses a store of a newer shale, whichever mark it sees', async () => {
  await using fixture = await scratchStore();
  writeFileSync(join(fixture.root, 'version'), 'shale store 99\n');
  await assert.rejects(openStore({ root: fixture.root }), { code: 'STORE_TOO_NEW' });
  writeFileSync(join(fixture.root, 'version'), `shale store ${FORMAT_VERSION}\n`);
  const db = new DatabaseSync(join(fixture.root, 'shale.db'));
  db.exec('PRAGMA user_version = 99');
  db.close();
  await assert.rejects(openStore({ root: fixture.root }), { code: 'STORE_TOO_NEW' });
});

test('openStore() makes no store in a folder that holds something else', async () => {
  using folder = scratch();
  writeFileSync(join(folder.path, 'thesis.tex'), '');
  await assert.rejects(openStore({ root: folder.path }), { code: 'STORE_FOREIGN' });
  assert.ok(!existsSync(join(folder.path, 'blobs')));
});

test('openStore() goes on where the making of a store was interrupted', async () => {
  using folder = scratch();
  mkdirSync(join(folder.path, 'blobs', 'sha256'), { recursive: true });
  writeFileSync(join(folder.path, 'shale.db'), '');
  await using store = await openStore({ root: folder.path });
  await store.blobs.put(Buffer.from('x'));
});

test('a damaged database or version file is reported, not replaced', async () => {
  await using fixture = await scratchStore();
  await fixture.store[Symbol.asyncDispose]();
  writeFileSync(join(fixture.root, 'shale.db'), 'this is no database, this is a text of some length');
  await assert.rejects(openStore({ root: fixture.root }), { code: 'STORE_DAMAGED' });
  writeFileSync(join(fixture.root, 'version'), '');
  await assert.rejects(openStore({ root: fixture.root }), { code: 'STORE_DAMAGED' });
});

test('F-115: a store that is opened for reading answers, and refuses every write at once', async () => {
  await using fixture = await scratchStore();
  const image = await publishImage(fixture.store, 'a', ['layer']);
  const reader = await fixture.again({ readOnly: true });
  assert.equal((await reader.tags.get('a')).target.digest, image.id);
  assert.ok(await reader.blobs.find(image.id));
  assert.deepEqual((await reader.check({ full: true })).problems, []);
  assert.equal((await reader.usage()).images.count, 1);
  const before = performance.now();
  for (const write of [
    () => reader.blobs.put(Buffer.from('x')),
    () => reader.tags.remove('a', 'rmi'),
    () => reader.collect(),
    () => reader.repair(),
    () => reader.reset(),
    () => reader.publish({ reason: 'x' }),
    () => reader.leases.hold([{ kind: 'blob', digest: image.id }]),
    () => reader.builds.start({ name: 'x' }),
  ]) {
    await assert.rejects(write, { code: 'STORE_READ_ONLY' });
  }
  assert.ok(performance.now() - before < 10_000, 'it waits for nothing');
  using folder = scratch();
  await assert.rejects(openStore({ root: join(folder.path, 'none'), readOnly: true }), { code: 'STORE_NOT_FOUND' });
  assert.ok(!existsSync(join(folder.path, 'none')));
});

test('a closed store says so', async () => {
  await using fixture = await scratchStore();
  await fixture.store[Symbol.asyncDispose]();
  await fixture.store[Symbol.asyncDispose]();
  await assert.rejects(fixture.store.tags.list(), { code: 'STORE_CLOSED' });
});

test('reset() empties the store, but not under a running command or container', async () => {
  await using fixture = await scratchStore();
  await publishImage(fixture.store, 'a', ['layer']);
  const other = await fixture.again();
  await other.leases.hold([{ kind: 'container', id: 'c' }]);
  await assert.rejects(fixture.store.reset(), { code: 'STORE_IN_USE' });
  await fixture.store.reset({ force: true });
  assert.deepEqual(await fixture.store.blobs.list(), []);
  assert.deepEqual(await fixture.store.tags.list(), []);
  await publishImage(fixture.store, 'a', ['layer']);
  assert.deepEqual((await fixture.store.check({ full: true })).problems, []);
});

test('removeFrom() removes a volume with all that is in it, and takes no path', async () => {
  await using fixture = await scratchStore();
  const volumes = await fixture.store.folder('volumes');
  mkdirSync(join(volumes, 'data', 'deep'), { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(`${volumes}/data/deep/`), Buffer.from([0xff, 0xfe])]), 'x');
  assert.equal(await fixture.store.removeFrom('volumes', 'data'), true);
  assert.equal(await fixture.store.removeFrom('volumes', 'data'), false);
  assert.ok(!existsSync(join(volumes, 'data')));
  for (const name of ['..', '.', '', 'a/b']) {
    await assert.rejects(fixture.store.removeFrom('volumes', name), { code: 'INVARIANT' });
  }
});
