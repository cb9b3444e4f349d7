/** Caches that leave a store and come into another one: in folders, and in images. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { streamOf } from '../../src/base/index.ts';
import type { CacheExportRequest, CacheImportRequest } from '../../src/engine/index.ts';
import { debianTool } from '../support/debian-tools.ts';
import { BUSYBOX, type Built, cannotRun, Lab } from '../support/lab.ts';
import { checkLayout } from '../support/oci-layout.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
const DOCKERFILE = [
  'FROM busybox AS tool',
  'RUN echo made > /made',
  'FROM busybox',
  'COPY --from=tool /made /made',
  'COPY note /note',
  'RUN cat /made /note > /both',
  '',
].join('\n');

describe('exchange of caches', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  let context: string;
  let first: Built;
  /** Holds the archive of the base: another import of it would be another image. */
  let base: Buffer;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
    base = await saved(lab, 'busybox');
    context = lab.context({ Dockerfile: DOCKERFILE, note: 'a note\n' });
  });
  after(() => lab[Symbol.asyncDispose]());

  async function saved(one: Lab, image: string): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of one.engine.save({ images: [image], format: 'oci' }, watch()))
      parts.push(Buffer.from(part));
    return Buffer.concat(parts);
  }

  /** A store that has nothing but the base image. */
  async function fresh(): Promise<Lab> {
    const other = await Lab.open();
    await other.engine.load(streamOf(base), watch());
    return other;
  }

  async function exported(how: Partial<Extract<CacheExportRequest, { kind: 'local' }>> = {}): Promise<string> {
    const folder = join(lab.newFolder(), 'cache');
    first = await lab.build(context, {
      cacheTo: [{ kind: 'local', folder, mode: 'min', ignoreErrors: false, ...how }],
    });
    return folder;
  }

  const from = (folder: string): CacheImportRequest[] => [{ kind: 'local', folder }];
  const ran = (built: Built): string[] =>
    built.steps
      .filter(({ name, cached }) => !cached && !/FROM|export/.test(name))
      .map(({ name }) => name.replace(/^\[.*?\] /, ''));
  const warnings = (built: Built): string =>
    built.events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])).join('\n');
  const blobs = (folder: string): string[] => readdirSync(join(folder, 'blobs/sha256'));

  /** Every layer of a cache gets other bytes of the same length: whoever reads one fails. */
  function spoilLayers(folder: string): number {
    const large = blobs(folder)
      .map((name) => join(folder, 'blobs/sha256', name))
      .filter((path) => !readFileSync(path).toString('latin1').startsWith('{'));
    for (const path of large) writeFileSync(path, Buffer.alloc(statSync(path).size, 1));
    return large.length;
  }

  for (const mode of ['min', 'max'] as const) {
    test(`F-227: a fresh store builds from a cache of mode ${mode} without running a step or reading a layer`, async () => {
      const folder = await exported({ mode });
      assert.equal(spoilLayers(folder), mode === 'min' ? 3 : 4);
      await using other = await fresh();
      const before = await other.store.blobs.list();
      const built = await other.build(context, { cacheFrom: from(folder) });
      assert.deepEqual(ran(built), []);
      assert.equal(built.imageId, first.imageId);
      assert.equal(warnings(built), '');
      const after = await other.store.blobs.list();
      assert.equal(after.length - before.length, 1, 'the config of the image is all that came in');
    });
  }

  test('what runs reads the layers below it, and nothing above or beside them', async () => {
    const folder = await exported({ mode: 'max' });
    await using other = await fresh();
    const changed = other.context({ Dockerfile: `${DOCKERFILE.replace('/both', '/other')}`, note: 'a note\n' });
    const layers = new Set((await lab.stack(first.imageId)).layers.map(({ diffId }) => diffId as string));
    const built = await other.build(changed, { cacheFrom: from(folder) });
    assert.deepEqual(ran(built), ['RUN cat /made /note > /other']);
    const here = (await other.store.blobs.list())
      .map(({ digest }) => digest as string)
      .filter((one) => layers.has(one));
    assert.equal(here.length, 3, 'base and two copies; neither the stage beside them nor the old RUN');
  });

  test('an image of imported layers can be used: they come when something needs them', async () => {
    const folder = await exported();
    await using other = await fresh();
    const built = await other.build(context, { cacheFrom: from(folder), tags: ['web'] });
    assert.equal((await other.engine.check({ full: true, repair: false }, watch())).findings.length, 0);
    assert.equal(await other.read(built.imageId, '/both').catch(() => undefined), undefined);
    const out = other.newFolder();
    await other.build({ dockerfile: 'FROM web\n' }, { outputs: [{ kind: 'local', folder: out, mode: 'copy' }] });
    assert.equal(readFileSync(join(out, 'both'), 'utf8'), 'made\na note\n');
  });

  test('F-224: imported records count in the build that names them, and in no other', async () => {
    const folder = await exported();
    await using other = await fresh();
    await other.build(context, { cacheFrom: from(folder) });
    const again = await other.build(context);
    assert.deepEqual(ran(again).length, 4);
    assert.equal(again.imageId, first.imageId);
    const records = await other.store.cacheRecords.list();
    assert.equal(
      records.some(({ trusted }) => !trusted),
      true,
    );
  });

  test('F-227: a layer that is damaged, cut short or gone is made again, and the build says so', async () => {
    const folder = await exported({ mode: 'max' });
    await using other = await fresh();
    const changed = other.context({ Dockerfile: `${DOCKERFILE.replace('/both', '/x')}`, note: 'a note\n' });
    spoilLayers(folder);
    const built = await other.build(changed, { cacheFrom: from(folder) });
    assert.match(warnings(built), /cannot be had from .*: its step runs again/);
    assert.equal((await other.read(built.imageId, '/x')).toString(), 'made\na note\n');

    await using third = await fresh();
    const gone = await exported();
    for (const name of blobs(gone))
      if (statSync(join(gone, 'blobs/sha256', name)).size < 400) rmSync(join(gone, 'blobs/sha256', name));
    const rebuilt = await third.build(context, { cacheFrom: from(gone) });
    assert.equal(rebuilt.imageId, first.imageId);
  });

  test('a folder without a cache, a damaged one and one of BuildKit are told and left alone', async () => {
    await using other = await fresh();
    const empty = lab.newFolder();
    assert.match(warnings(await other.build(context, { cacheFrom: from(empty) })), /there is no cache in/);
    const folder = await exported();
    assert.match(
      warnings(await other.build(context, { cacheFrom: [{ kind: 'local', folder, tag: 'none' }] })),
      /there is no cache in/,
    );
    const [entry] = (
      JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { manifests: { digest: string }[] }
    ).manifests;
    writeFileSync(join(folder, 'blobs/sha256', String(entry?.digest.slice(7))), '{}');
    assert.match(
      warnings(await other.build(context, { cacheFrom: from(folder) })),
      /is not used: the blob sha256:[0-9a-f]{64} has 2 bytes, expected \d+/,
    );
    writeFileSync(join(folder, 'index.json'), 'no json');
    assert.match(warnings(await other.build(context, { cacheFrom: from(folder) })), /is not used: .*JSON/);
  });

  test('a cache is a valid layout, the same every time, and leaves nothing of the one before in its folder', async (t) => {
    const folder = await exported({ mode: 'max' });
    const names = blobs(folder);
    const cache = [{ kind: 'local', folder, mode: 'max', ignoreErrors: false }] as const;
    await lab.build(context, { cacheTo: cache });
    assert.deepEqual(blobs(folder), names);
    writeFileSync(join(context, 'note'), 'another note\n');
    await lab.build(context, { cacheTo: cache });
    writeFileSync(join(context, 'note'), 'a note\n');
    assert.equal(blobs(folder).length, names.length);
    const skopeo = debianTool('bookworm', 'skopeo', 'usr/bin/skopeo');
    if (skopeo === undefined) return t.diagnostic('skopeo cannot be fetched');
    const copy = join(lab.newFolder(), 'copy');
    execFileSync(skopeo, ['copy', '-q', '--insecure-policy', `oci:${folder}:latest`, `oci:${copy}:latest`], {
      stdio: 'pipe',
    });
    await using other = await fresh();
    writeFileSync(join(context, 'note'), 'another note\n');
    assert.deepEqual(ran(await other.build(context, { cacheFrom: from(copy) })), []);
    writeFileSync(join(context, 'note'), 'a note\n');
  });

  test('imported layers go on into another cache without being read, where they are already', async () => {
    const folder = await exported();
    spoilLayers(folder);
    await using other = await fresh();
    const cacheTo = [{ kind: 'local', folder, mode: 'min', ignoreErrors: false }] as const;
    const built = await other.build(context, { cacheFrom: from(folder), cacheTo });
    assert.deepEqual(ran(built), []);
  });

  test('a cache that cannot be written fails the build before a name moves, unless that is to be ignored', async () => {
    const folder = join(lab.newFolder(), 'file');
    writeFileSync(folder, '');
    const to = (ignoreErrors: boolean) => [{ kind: 'local', folder, mode: 'min', ignoreErrors }] as const;
    await assert.rejects(lab.build(context, { cacheTo: to(false), tags: ['unmoved'] }), {
      code: 'CACHE_EXPORT_FAILED',
    });
    await assert.rejects(lab.engine.inspect('unmoved', 'image'), { code: 'IMAGE_NOT_FOUND' });
    assert.match(warnings(await lab.build(context, { cacheTo: to(true) })), /cannot write the cache to/);
  });

  test('inline: the image carries its cache, from store to store; equal builds carry equal ones', async () => {
    const built = await lab.build(context, { tags: ['carrier'], cacheTo: [{ kind: 'inline' }] });
    const older = await lab.build(context, { buildArgs: { BUILDKIT_INLINE_CACHE: '1' }, noCache: true });
    assert.equal(older.imageId, built.imageId);
    await using other = await fresh();
    await other.engine.load(streamOf(await saved(lab, 'carrier')), watch());
    const found = await other.build(context, { cacheFrom: [{ kind: 'image', name: 'carrier' }] });
    assert.deepEqual(ran(found), []);
    assert.notEqual(found.imageId, built.imageId, 'the image itself carries none unless it is told to');
    assert.match(
      warnings(await other.build(context, { cacheFrom: [{ kind: 'image', name: 'absent:1' }] })),
      /there is no cache in absent:1/,
    );
    const derived = await other.build({ dockerfile: 'FROM carrier\nLABEL a=b\n' });
    assert.equal((await saved(other, derived.imageId)).includes('shale.cache.v1'), false);
  });

  test('inline caches in a layout’s folder serve as --cache-from, too', async () => {
    const folder = join(lab.newFolder(), 'layout');
    await lab.build(context, {
      cacheTo: [{ kind: 'inline' }],
      outputs: [{ kind: 'archive', format: 'oci', to: { kind: 'folder', path: folder }, names: [] }],
    });
    assert.deepEqual(checkLayout(folder), []);
    await using other = await fresh();
    assert.deepEqual(ran(await other.build(context, { cacheFrom: from(folder) })), []);
  });
});
