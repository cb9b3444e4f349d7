/**
 * Explorations of ten images in the forms that images lie in, against a second reading of dive's definitions that shares
 * nothing with ours (tests/support/dive-reference.ts): sizes of layers, trees with their states, score and waste.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isShaleError, toText } from '../../src/base/index.ts';
import type { Exploration } from '../../src/explore/index.ts';
import { applied, diveAnswer, membersOf, statesOf, type TarMember } from '../support/dive-reference.ts';
import { imageOf, packed, seed, TYPES, type TestImage } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { randomLayers } from '../support/random-layers.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';
import { tarOf } from '../support/tar-of.ts';

const watch = { signal: new AbortController().signal };

type Compression = 'none' | 'gzip' | 'zstd';

function made(number: number, compression: Compression): { readonly tars: Buffer[]; readonly image: TestImage } {
  const tars = randomLayers(1000 + number, 3 + (number % 4)).map((entries) => tarOf(entries));
  return { tars, image: imageOf(tars.map((tar) => packed(tar, compression))) };
}

function writeLayout(folder: string, image: TestImage): void {
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  for (const bytes of [image.manifest, image.config, ...image.layers.map((layer) => layer.packed)])
    writeFileSync(join(blobs, sha256(bytes)), bytes);
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = [{ mediaType: TYPES.manifest, digest: image.digest, size: image.manifest.length }];
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

function dockerArchive(image: TestImage, layers: readonly Buffer[]): Buffer {
  const config = `${sha256(image.config)}.json`;
  const names = layers.map((_, i) => `${i}/layer.tar`);
  const listed = [{ Config: config, RepoTags: ['explored:1'], Layers: names }];
  return tarOf([
    { path: config, content: image.config },
    ...layers.map((layer, i) => ({ path: `${i}/layer.tar`, content: layer })),
    { path: 'manifest.json', content: JSON.stringify(listed) },
  ]);
}

/** The layout as an archive. */
function layoutArchive(folder: string, image: TestImage): Buffer {
  writeLayout(folder, image);
  const blobs = readdirSync(join(folder, 'blobs/sha256'));
  const bytes = new Map(
    [image.manifest, image.config, ...image.layers.map((layer) => layer.packed)].map((blob) => [sha256(blob), blob]),
  );
  const manifests = [{ mediaType: TYPES.manifest, digest: image.digest, size: image.manifest.length }];
  return tarOf([
    { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...blobs.map((name) => ({ path: `blobs/sha256/${name}`, content: bytes.get(name) ?? '' })),
  ]);
}

function check(exploration: Exploration, tars: readonly Buffer[]): void {
  const layers = tars.map(membersOf);
  const expected = diveAnswer(layers);
  const { report } = exploration;
  assert.deepEqual(
    report.layers.map(({ content }) => content.bytes),
    expected.layerBytes,
  );
  assert.deepEqual(
    report.layers.map(({ tarBytes }) => tarBytes),
    tars.map(({ length }) => length),
  );
  const { dive, shale } = report.scores;
  assert.equal(dive.efficiency.toFixed(12), expected.efficiency.toFixed(12));
  assert.equal(dive.wastedBytes, expected.wastedBytes);
  assert.deepEqual(
    new Map(dive.inefficient.map(({ path, count, bytes }) => [toText(path), { count, bytes }])),
    expected.inefficient,
  );
  assert.equal(
    shale.totalBytes,
    expected.layerBytes.reduce((sum, bytes) => sum + bytes, 0),
  );
  checkTrees(exploration, layers);
  checkEveryByte(exploration);
}

function checkTrees(exploration: Exploration, layers: readonly (readonly TarMember[])[]): void {
  let below = applied(new Map(), []);
  for (const [number, members] of layers.entries()) {
    const after = applied(below, members);
    const shown = Array.from(
      exploration.walk({ from: number, to: number }, ''),
      ({ path, state }) => [toText(path), state] as const,
    );
    assert.deepEqual(new Map(shown), statesOf(below, after), `the tree of layer ${number}`);
    below = after;
  }
}

/** Lost and kept bytes are all bytes. */
function checkEveryByte({ report }: Exploration): void {
  const lost = report.waste.causes.filter(({ weight }) => weight === 'lost').reduce((sum, { bytes }) => sum + bytes, 0);
  assert.equal(lost, report.scores.shale.lostBytes);
  // Of a file with several names one may be written anew, so that a container sees more than what is kept of its layer.
  assert.ok(report.totals.stored.bytes - lost <= report.totals.visible.bytes);
  const hidden = report.layers.reduce((sum, layer) => sum + layer.hiddenLater.bytes, 0);
  const all = report.layers.reduce((sum, { content }) => sum + content.bytes, 0);
  assert.ok(all - hidden <= report.totals.visible.bytes);
}

describe('shale explore beside dive’s definitions', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab[Symbol.asyncDispose]());

  const open = (image: string): Promise<Exploration> => lab.engine.explore({ image, folder: lab.folder }, watch);

  for (const [number, compression] of (['none', 'gzip', 'zstd'] as const).entries())
    test(`an OCI layout with layers in ${compression}`, async () => {
      const { tars, image } = made(number, compression);
      const folder = join(lab.folder, `layout-${number}`);
      writeLayout(folder, image);
      await using first = await open(folder);
      check(first, tars);
      assert.equal(first.report.image.source, 'layout');
      assert.equal(first.report.image.digest, image.digest);
      assert.deepEqual(
        first.report.layers.map(({ compressedBytes }) => compressedBytes),
        image.layers.map((layer) => layer.packed.length),
      );
      // The second time the layers themselves are not read.
      for (const layer of image.layers) rmSync(join(folder, 'blobs/sha256', sha256(layer.packed)), { force: true });
      await using second = await open(`oci:${folder}`);
      check(second, tars);
    });

  test('OCI archives with layers in gzip and zstd', async () => {
    for (const [number, compression] of [
      [3, 'gzip'],
      [4, 'zstd'],
    ] as const) {
      const { tars, image } = made(number, compression);
      const path = join(lab.folder, `archive-${number}.tar`);
      writeFileSync(path, layoutArchive(join(lab.folder, `folder-${number}`), image));
      await using exploration = await open(`./archive-${number}.tar`);
      check(exploration, tars);
    }
  });

  test('docker archives: plain, with layers in gzip, and compressed as a whole', async () => {
    for (const [number, form] of ['plain', 'layers', 'whole'].entries()) {
      const { tars, image } = made(5 + number, 'none');
      const path = join(lab.folder, `docker-${form}.tar`);
      const archive = dockerArchive(image, form === 'layers' ? tars.map((tar) => gzipSync(tar)) : tars);
      writeFileSync(path, form === 'whole' ? gzipSync(archive) : archive);
      await using exploration = await open(path);
      check(exploration, tars);
      assert.equal(exploration.report.image.source, 'docker-archive');
      await readsContents(exploration, tars);
      await assert.rejects(
        lab.engine.explore({ image: path, folder: lab.folder, platform: 'linux/s390x' }, watch),
        (error) => isShaleError(error, 'PLATFORM_UNKNOWN'),
      );
    }
  });

  test('a layer that is not what its config says, and an image that is not there, are refused', async () => {
    const { tars, image } = made(10, 'none');
    const [first = Buffer.alloc(0), ...others] = tars;
    const path = join(lab.folder, 'wrong.tar');
    writeFileSync(path, dockerArchive(image, [Buffer.concat([first, Buffer.alloc(512)]), ...others]));
    await assert.rejects(open(path), (error) => isShaleError(error, 'DIGEST_MISMATCH'));
    await assert.rejects(open('./nothing.tar'), (error) => isShaleError(error, 'IMAGE_NOT_FOUND'));
    await assert.rejects(open('nothing:1'), (error) => isShaleError(error, 'IMAGE_NOT_FOUND'));
  });

  test('an image of the store', async () => {
    const { tars, image } = made(8, 'none');
    const path = join(lab.folder, 'load.tar');
    writeFileSync(path, dockerArchive(image, tars));
    await lab.engine.load({ file: path }, watch);
    await using exploration = await open('explored:1');
    check(exploration, tars);
    assert.equal(exploration.report.image.source, 'store');
    assert.deepEqual(exploration.report.image.tags, ['explored:1']);
    await readsContents(exploration, tars);
  });

  test('an image of a registry, whose layers are fetched once', async () => {
    await using registry = await startScriptedRegistry();
    const { tars, image } = made(9, 'zstd');
    seed(registry, { 1: image });
    const name = `docker://${registry.host}/team/app:1`;
    {
      await using exploration = await open(name);
      check(exploration, tars);
      assert.equal(exploration.report.image.source, 'registry');
    }
    const layers = new Set(image.layers.map((layer) => sha256(layer.packed)));
    const fetched = (): number => registry.requests.filter(({ url }) => layers.has(url.slice(-64))).length;
    const before = fetched();
    assert.ok(before >= image.layers.length);
    await using again = await open(name);
    check(again, tars);
    assert.equal(fetched(), before);
    await readsContents(again, tars);
  });
});

/** Every file of the merged tree has the bytes that the tars have. */
async function readsContents(exploration: Exploration, tars: readonly Buffer[]): Promise<void> {
  const top = tars.length - 1;
  let tree = applied(new Map(), []);
  for (const tar of tars) tree = applied(tree, membersOf(tar));
  for (const entry of exploration.walk({ from: 0, to: top }, '')) {
    const member = tree.get(toText(entry.path));
    if (entry.kind !== 'file' || member?.type !== '0') continue;
    const bytes: Uint8Array[] = [];
    for await (const chunk of exploration.stream({ path: entry.path, layer: top })) bytes.push(chunk);
    assert.equal(sha256(Buffer.concat(bytes)), member.hash, toText(entry.path));
    const part = await exploration.read({ path: entry.path, layer: top }, { offset: 3, lengthBytes: 10 });
    assert.deepEqual(Buffer.from(part), Buffer.concat(bytes).subarray(3, 13));
  }
}
