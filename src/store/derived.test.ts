import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diffIdOf, ownerOfAnotherBoot, publishImage, scratchStore } from './store.fixture.ts';
import type { DerivedKind } from './types.ts';

const INDEX: DerivedKind = { name: 'erofs', version: 1, folder: 'index', type: 'file' };
const TREE: DerivedKind = { name: 'tree', version: 1, folder: 'trees', type: 'directory' };
const KEY = diffIdOf('layer');

async function makeTree(store: Awaited<ReturnType<typeof scratchStore>>['store'], synced: boolean): Promise<string> {
  await using draft = await store.derived.create(TREE, KEY);
  mkdirSync(join(draft.path, 'etc'), { recursive: true });
  writeFileSync(join(draft.path, 'etc', 'passwd'), 'root');
  return await draft.commit({ synced });
}

test('write() puts a derived file in its place once, and find() gives it', async () => {
  await using fixture = await scratchStore();
  const { derived } = fixture.store;
  assert.equal(await derived.find(INDEX, KEY), undefined);
  const path = await derived.write(INDEX, KEY, Buffer.from('index'));
  assert.equal(path, derived.path(INDEX, KEY));
  assert.equal(await derived.write(INDEX, KEY, Buffer.from('other')), path);
  assert.equal(readFileSync(path, 'latin1'), 'index');
  assert.equal(await derived.has(INDEX, KEY), true);
  assert.equal(await derived.has({ ...INDEX, version: 2 }, KEY), false);
  assert.deepEqual(
    (await derived.list()).map(({ kind, sizeBytes }) => ({ kind, sizeBytes })),
    [{ kind: 'erofs', sizeBytes: 5 }],
  );
  assert.equal(await derived.evict(INDEX, KEY), true);
  assert.equal(await derived.evict(INDEX, KEY), false);
  assert.ok(!existsSync(path));
});

test('a draft that is not committed leaves nothing, and the first commit of two stays', async () => {
  await using fixture = await scratchStore();
  const { derived } = fixture.store;
  {
    await using draft = await derived.create(TREE, KEY);
    mkdirSync(draft.path);
  }
  assert.equal(await derived.find(TREE, KEY), undefined);
  await using a = await derived.create(INDEX, KEY);
  await using b = await derived.create(INDEX, KEY);
  writeFileSync(a.path, 'a');
  writeFileSync(b.path, 'b');
  assert.equal(await a.commit(), await b.commit());
  assert.equal(readFileSync(derived.path(INDEX, KEY), 'latin1'), 'a');
  const path = await makeTree(fixture.store, false);
  assert.equal(await makeTree(fixture.store, false), path);
  assert.equal(await derived.find(TREE, KEY), path);
  await b[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(join(fixture.root, 'ingest')), []);
});

test('after a reboot a derived file is trusted by its checksum, a tree only when it was synced', async () => {
  await using fixture = await scratchStore({ owner: ownerOfAnotherBoot() });
  await fixture.store.derived.write(INDEX, KEY, Buffer.from('index'));
  const torn = await fixture.store.derived.write({ ...INDEX, name: 'contents' }, KEY, Buffer.from('contents'));
  chmodSync(torn, 0o600);
  writeFileSync(torn, '\0'.repeat(8));
  await makeTree(fixture.store, false);
  const now = await fixture.again({ owner: ownerOfAnotherBoot('this-boot') });
  assert.ok(await now.derived.find(INDEX, KEY));
  assert.equal(await now.derived.find({ ...INDEX, name: 'contents' }, KEY), undefined);
  assert.equal(await now.derived.find(TREE, KEY), undefined);
  await now.derived.write({ ...INDEX, name: 'contents' }, KEY, Buffer.from('contents'));
  assert.equal(readFileSync(torn, 'latin1'), 'contents');
  await makeTree(now, true);
  const later = await fixture.again({ owner: ownerOfAnotherBoot('a-later-boot') });
  assert.ok(await later.derived.find(TREE, KEY));
});

test('a derived file of the wrong size is not trusted, and written anew', async () => {
  await using fixture = await scratchStore();
  const { derived } = fixture.store;
  const path = await derived.write(INDEX, KEY, Buffer.from('index'));
  chmodSync(path, 0o600);
  writeFileSync(path, '');
  assert.equal(await derived.find(INDEX, KEY), undefined);
  await derived.write(INDEX, KEY, Buffer.from('index'));
  assert.equal(lstatSync(path).size, 5);
});

test('collect() keeps derived files of reachable layers and removes others, older versions and orphans', async () => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const image = await publishImage(maker, 'a', ['one', 'two']);
  const [one = KEY, two = KEY] = image.diffIds;
  const chain = diffIdOf('chain');
  await maker.derived.write(INDEX, one, Buffer.from('v1'));
  await maker.derived.write({ ...INDEX, version: 2 }, one, Buffer.from('v2'));
  await maker.derived.write({ ...INDEX, name: 'fix-up' }, chain, Buffer.from('x'), { layers: [one, two] });
  await maker.derived.write(INDEX, KEY, Buffer.from('no image has it'));
  const orphan = join(fixture.root, 'trees', 'tree-v1', 'a'.repeat(64));
  mkdirSync(orphan, { recursive: true });

  assert.equal((await fixture.store.collect()).deletedDerived, 1, 'the orphan; the rest is held');
  await maker[Symbol.asyncDispose]();
  assert.equal((await fixture.store.collect()).deletedDerived, 2);
  assert.ok(!existsSync(orphan));
  assert.deepEqual(
    (await fixture.store.derived.list()).map(({ kind, version }) => `${kind} ${version}`),
    ['erofs 2', 'fix-up 1'],
  );
  await fixture.store.images.remove(image.id);
  assert.equal((await fixture.store.collect()).deletedDerived, 2);
});
