/** Pulling: layers at once, resumed, once in a store, kept as they came. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseDigest } from '../../src/oci/index.ts';
import { until } from '../containers/container-lab.ts';
import { Lab } from '../support/lab.ts';
import { imageOf, indexOf, layerOf, packed, seed, TYPES, type TestImage } from '../support/image-of.ts';
import { sha256 } from '../support/oci-layout.ts';
import { startScriptedRegistry, type Script, type ScriptedRegistry } from '../support/scripted-registry.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
const program = join(import.meta.dirname, '../../bin/shale');

async function registryWith(image: TestImage, script: Script = {}): Promise<ScriptedRegistry> {
  const registry = await startScriptedRegistry(script);
  seed(registry, { 1: image });
  return registry;
}

function asked(registry: ScriptedRegistry, bytes: Buffer): (string | undefined)[] {
  return registry.requests
    .filter((request) => request.method === 'GET' && request.url.endsWith(sha256(bytes)))
    .map((request) => request.headers.range);
}

/** Gives the first half of a blob, and then nothing. */
function stalling(blob: () => Buffer, stalled: () => void): Script {
  return {
    instead(request, response, count) {
      if (request.method !== 'GET' || request.url?.endsWith(sha256(blob())) !== true || count > 1) return false;
      response.writeHead(200, { 'content-length': blob().length });
      response.write(blob().subarray(0, blob().length >> 1), () => setTimeout(stalled, 50));
      return true;
    },
  };
}

describe('pull', { concurrency: 3 }, () => {
  test('what it has brought so far is safe from the same engine, which is asked to remove and prune meanwhile', async () => {
    const image = imageOf([layerOf('a', 5000), layerOf('b', 5000)]);
    const [first, last] = image.layers;
    assert.ok(first !== undefined && last !== undefined);
    const pruned = Promise.withResolvers<void>();
    await using registry = await registryWith(image, {
      instead(request, response) {
        if (request.url?.endsWith(sha256(last.packed)) !== true) return false;
        const { length } = last.packed;
        void pruned.promise.then(() => response.writeHead(200, { 'content-length': length }).end(last.packed));
        return true;
      },
    });
    await using lab = await Lab.open();
    const name = `${registry.host}/team/app:1`;
    const pulling = lab.engine.pull({ image: name }, watch());
    try {
      const diffId = parseDigest(`sha256:${sha256(first.tar)}`);
      const isHere = async (): Promise<boolean> =>
        (await lab.store.blobs.list()).some(({ digest }) => digest === diffId);
      await until(isHere, 'the first layer is in the store');
      await lab.engine.prune({ what: ['images', 'build-cache'], all: true }, watch());
      await lab.engine.cache.prune({}, watch());
    } finally {
      pruned.resolve();
    }
    await pulling;
    assert.equal((await lab.read(name, '/a')).length, 5000);
    // What this test looked at is in use no more; and with nothing under way the engine lets go of what it has pulled.
    await lab.store.leases.release();
    await lab.engine.removeImage(name, { force: false });
    assert.deepEqual(await lab.store.blobs.list(), []);
  });

  test('fetches layers at the same time', async () => {
    const image = imageOf([layerOf('a', 5000), layerOf('b', 5000), layerOf('c', 5000)]);
    const [first, , last] = image.layers.map((layer) => sha256(layer.packed));
    const both = Promise.withResolvers<void>();
    const asked = new Set<string>();
    await using registry = await registryWith(image, {
      instead(request, response) {
        const layer = image.layers.find(({ packed: bytes }) => request.url?.endsWith(sha256(bytes)));
        const hex = layer === undefined ? '' : sha256(layer.packed);
        if (layer === undefined || (hex !== first && hex !== last)) return false;
        // The lowest and the highest layer are answered only when both were asked for.
        if (asked.add(hex).size === 2) both.resolve();
        void both.promise.then(() =>
          response.writeHead(200, { 'content-length': layer.packed.length }).end(layer.packed),
        );
        return true;
      },
    });
    await using lab = await Lab.open();
    await lab.engine.pull({ image: `${registry.host}/team/app:1`, platform: 'linux/amd64' }, watch());
  });

  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    test(`F-159: a ${compression} layer that was interrupted is taken up by the next command where it ended`, async () => {
      const image = imageOf([layerOf('a', 300_000, compression)]);
      const [layer] = image.layers;
      assert.ok(layer);
      const controller = new AbortController();
      await using registry = await registryWith(
        image,
        stalling(
          () => layer.packed,
          () => controller.abort(new Error('enough')),
        ),
      );
      await using lab = await Lab.open();
      const request = { image: `${registry.host}/team/app:1`, platform: 'linux/amd64' };
      await assert.rejects(lab.engine.pull(request, { signal: controller.signal }), /enough/);
      assert.deepEqual(await lab.engine.images({ all: true }), []);
      await using later = await lab.again();
      const pulled = await later.engine.pull(request, watch());
      assert.equal((await later.read(pulled.imageId, '/a')).length, 300_000);
      assert.deepEqual(asked(registry, layer.packed), [undefined, `bytes=${layer.packed.length >> 1}-`]);
      assert.deepEqual((await later.engine.check({ full: true, repair: false }, watch())).findings, []);
    });
  }

  test('F-159: what a killed process brought is not fetched again', async () => {
    const image = imageOf([layerOf('a', 300_000)]);
    const layer = image.layers[0]?.packed ?? assert.fail();
    let stalled = (): void => {};
    await using registry = await registryWith(
      image,
      stalling(
        () => layer,
        () => stalled(),
      ),
    );
    await using lab = await Lab.open();
    const name = `${registry.host}/team/app:1`;
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
    const child = spawn(program, ['pull', '-q', '--platform', 'linux/amd64', name], { env, stdio: 'ignore' });
    await new Promise<void>((resolve) => (stalled = resolve));
    child.kill('SIGKILL');
    await once(child, 'close');
    const pulled = await lab.engine.pull({ image: name, platform: 'linux/amd64' }, watch());
    assert.equal((await lab.read(pulled.imageId, '/a')).length, 300_000);
    const [, range] = asked(registry, layer);
    assert.ok(Number(/bytes=(\d+)-/.exec(range ?? '')?.[1]) > 0, String(range));
  });

  test('F-147: a layer is fetched once, however many commands and processes want it', async () => {
    const image = imageOf([layerOf('a', 400_000), layerOf('b', 400_000)]);
    await using registry = await registryWith(image);
    await using lab = await Lab.open();
    const name = `${registry.host}/team/app:1`;
    const env = { ...process.env, SHALE_HOME: lab.home, SHALE_RUN: lab.runRoot };
    const processes = Array.from({ length: 3 }, async () => {
      const child = spawn(program, ['pull', '-q', '--platform', 'linux/amd64', name], { env, stdio: 'inherit' });
      const [status] = (await once(child, 'close')) as [number];
      assert.equal(status, 0);
    });
    const here = Array.from({ length: 3 }, () => lab.engine.pull({ image: name, platform: 'linux/amd64' }, watch()));
    await Promise.all([...processes, ...here]);
    for (const layer of image.layers) assert.deepEqual(asked(registry, layer.packed), [undefined]);
    assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
  });

  test('F-068: gzip of several members, stargz style, and zstd with skippable frames give the layer, and the bytes are kept', async () => {
    const plain = layerOf('a', 50_000, 'none').tar;
    const members = [0, 1, 2, 3].map((i) =>
      gzipSync(plain.subarray(i * 13_000, i === 3 ? undefined : (i + 1) * 13_000)),
    );
    const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('toc')]);
    const zstd = packed(plain, 'zstd');
    const layers = [
      { ...packed(plain, 'gzip'), packed: Buffer.concat(members) },
      { ...zstd, packed: Buffer.concat([zstd.packed, skippable]) },
    ];
    for (const layer of layers) {
      const image = imageOf([layer]);
      await using registry = await registryWith(image);
      await using lab = await Lab.open();
      const pulled = await lab.engine.pull({ image: `${registry.host}/team/app:1`, platform: 'linux/amd64' }, watch());
      assert.equal((await lab.read(pulled.imageId, '/a')).length, 50_000);
      const kept = await lab.store.blobs.find(parseDigest(`sha256:${sha256(layer.packed)}`));
      assert.equal(kept?.sizeBytes, layer.packed.length);
    }
  });

  test('progress tells bytes, and what was there already', async () => {
    const shared = layerOf('a', 20_000);
    await using registry = await startScriptedRegistry();
    seed(registry, { 1: imageOf([shared]), 2: imageOf([shared, layerOf('b', 100)]) });
    await using lab = await Lab.open();
    const told: string[] = [];
    for (const tag of ['1', '2']) {
      const progress = (event: { kind: string }): void => void told.push(JSON.stringify(event));
      await lab.engine.pull(
        { image: `${registry.host}/team/app:${tag}`, platform: 'linux/amd64' },
        { ...watch(), progress },
      );
    }
    const what = sha256(shared.packed).slice(0, 12);
    const size = shared.packed.length;
    const about = told.filter((line) => line.includes(what)).map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([about.at(-2)?.['current'], about.at(-2)?.['had']], [size, undefined]);
    assert.deepEqual([about.at(-1)?.['current'], about.at(-1)?.['had']], [size, size]);
    assert.match(told[0] ?? '', /"vertex-started".*pull 127/);
  });

  test('--all-tags brings every tag of a name', async () => {
    await using registry = await startScriptedRegistry();
    seed(registry, { a: imageOf([layerOf('a', 100)]), b: imageOf([layerOf('b', 100)]) });
    await using lab = await Lab.open();
    const names: string[] = [];
    const request = { image: `${registry.host}/team/app`, platform: 'linux/amd64' };
    for await (const { name } of lab.engine.pullAllTags(request, watch())) names.push(name);
    assert.deepEqual(
      names,
      ['a', 'b'].map((tag) => `${registry.host}/team/app:${tag}`),
    );
  });
});

test('an index is pulled whole with --all-platforms: one name, the image of this machine, gone with the name', async () => {
  const shared = layerOf('shared', 3000);
  const images = ['amd64', 'arm64', 's390x'].map((architecture) => ({
    ...imageOf([shared, layerOf(architecture, 1000)], architecture),
    architecture,
  }));
  const index = indexOf(images);
  await using registry = await startScriptedRegistry();
  for (const image of images) seed(registry, { [image.architecture]: image });
  for (const name of ['multi', `sha256:${sha256(index)}`])
    registry.manifests.set(`team/app:${name}`, { bytes: index, type: TYPES.index });
  await using lab = await Lab.open();
  const name = `${registry.host}/team/app:multi`;
  const pulled = await lab.engine.pull({ image: name, allPlatforms: true }, watch());
  assert.equal(pulled.digest, `sha256:${sha256(index)}`);
  assert.deepEqual(asked(registry, shared.packed), [undefined]);
  const [row, ...more] = await lab.engine.images({ all: false });
  assert.deepEqual(more, []);
  assert.equal(row?.id, pulled.digest);
  assert.deepEqual(row?.platforms, ['linux/amd64', 'linux/arm64', 'linux/s390x']);
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const inspected = await lab.engine.inspect(name, 'image');
  assert.equal(inspected['Architecture'], own);
  assert.deepEqual(inspected['RepoTags'], [name]);
  assert.equal((await lab.read(name, `/${own}`)).length, 1000);
  await lab.engine.tag(name, 'other:1');
  assert.equal((await lab.engine.images({ all: false })).length, 2);
  assert.deepEqual(
    (await lab.engine.removeImage('other:1', { force: false })).map((one) => one.kind),
    ['untagged'],
  );
  await lab.engine.prune({ what: ['images'], all: false }, watch());
  assert.equal((await lab.engine.images({ all: false })).length, 1);
  assert.equal((await lab.engine.images({ all: true })).length, 4, 'its images are no loose ones');
  // What this test looked at is in use no more.
  await lab.store.leases.release();
  const removed = await lab.engine.removeImage(name, { force: false });
  assert.deepEqual(
    removed.map((one) => one.kind),
    ['untagged', 'deleted', 'deleted', 'deleted', 'deleted'],
  );
  assert.deepEqual(await lab.engine.images({ all: true }), []);
  assert.deepEqual(await lab.store.blobs.list(), []);
});
