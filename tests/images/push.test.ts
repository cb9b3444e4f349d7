/** Pushing and copying: what is there is not sent, what breaks goes on, what came keeps its digests. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { isShaleError } from '../../src/base/index.ts';
import { descriptorOf, imageOf, indexOf, layerOf, seed, TYPES } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { answer, fault, startScriptedRegistry, type ScriptedRegistry } from '../support/scripted-registry.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });
const CONTENT = layerOf('x', 300_000, 'none').tar.toString('latin1');

/** A lab with one image that was built in it. */
async function labWith(name: string): Promise<Lab> {
  const lab = await Lab.open();
  const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY b /b\nCMD ["x"]\n', a: CONTENT, b: 'b' });
  await lab.build(context, { tags: [name], platforms: ['linux/amd64'] });
  return lab;
}

function sent(registry: ScriptedRegistry): string[] {
  const writes = ['POST', 'PATCH', 'PUT'];
  return registry.requests.filter((one) => writes.includes(one.method)).map((one) => `${one.method} ${one.url}`);
}

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly digest: string; readonly mediaType: string };
  readonly layers: readonly { readonly digest: string; readonly mediaType: string; readonly size: number }[];
}

function manifestAt(registry: ScriptedRegistry, key: string): Manifest {
  const found = registry.manifests.get(key) ?? assert.fail(`${key} is not there`);
  return JSON.parse(found.bytes.toString()) as Manifest; // Looked at field by field.
}

describe('push', { concurrency: 3 }, () => {
  test('F-181: sends blobs first and the tag last; again it sends nothing; another tag is one request', async () => {
    await using registry = await startScriptedRegistry();
    const name = `${registry.host}/team/app:1`;
    await using lab = await labWith(name);
    const pushed = await lab.engine.push({ image: name, force: false }, watch());
    const { config, layers } = manifestAt(registry, 'team/app:1');
    assert.equal(config.digest, (await lab.engine.inspect(name, 'image'))['Id']);
    assert.deepEqual(
      [...registry.blobs.keys()].toSorted(),
      [config, ...layers].map((one) => one.digest.slice(7)).toSorted(),
    );
    assert.equal(sent(registry).at(-1), 'PUT /v2/team/app/manifests/1');
    for (const layer of layers) assert.equal(layer.mediaType, `${TYPES.layer}+gzip`);
    const before = registry.requests.length;
    assert.equal((await lab.engine.push({ image: name, force: false }, watch())).digest, pushed.digest);
    assert.deepEqual(
      registry.requests.slice(before).map((one) => one.method),
      ['HEAD', 'HEAD'],
    );
    await lab.engine.push({ image: name, destination: `${registry.host}/team/app:2`, force: false }, watch());
    assert.deepEqual(sent(registry).slice(-1), ['PUT /v2/team/app/manifests/2']);
    const { RepoDigests } = await lab.engine.inspect(name, 'image');
    assert.deepEqual(RepoDigests, [`${registry.host}/team/app@${pushed.digest}`]);
  });

  test('an image of another platform is refused, and nothing is sent', async () => {
    await using registry = await startScriptedRegistry();
    const name = `${registry.host}/team/app:1`;
    await using lab = await labWith(name);
    const pushing = lab.engine.push({ image: name, platform: 'linux/arm64', force: false }, watch());
    await assert.rejects(pushing, (error) => isShaleError(error, 'PLATFORM_UNKNOWN'));
    assert.deepEqual(sent(registry), []);
  });

  test('the compression is the one that is asked for, and the same in every store', async () => {
    await using registry = await startScriptedRegistry();
    const name = `${registry.host}/team/app:1`;
    const digests = new Set<string>();
    for (let i = 0; i < 2; i++) {
      await using lab = await labWith(name);
      for (const [compression, level] of [
        ['gzip', undefined],
        ['gzip', 1],
        ['zstd', undefined],
        ['none', undefined],
      ] as const) {
        const how = { compression, ...(level !== undefined && { level }) };
        const pushed = await lab.engine.push({ image: name, force: false, ...how }, watch());
        digests.add(pushed.digest);
        const [layer] = manifestAt(registry, 'team/app:1').layers;
        assert.equal(layer?.mediaType, compression === 'none' ? TYPES.layer : `${TYPES.layer}+${compression}`);
      }
    }
    assert.equal(digests.size, 4);
  });

  test('a pulled image is pushed on with the very same digests, and taken from its repository where it can be', async () => {
    await using registry = await startScriptedRegistry({ mounts: true });
    await using other = await startScriptedRegistry();
    const image = imageOf([layerOf('a', 20_000, 'zstd'), layerOf('b', 20_000), layerOf('c', 100, 'none')]);
    seed(registry, { 1: image });
    await using lab = await Lab.open();
    const name = `${registry.host}/team/app:1`;
    const pulled = await lab.engine.pull({ image: name, platform: 'linux/amd64' }, watch());
    for (const destination of [`${other.host}/else/where:1`, `${registry.host}/team/copy:1`]) {
      const pushed = await lab.engine.push({ image: name, destination, force: false }, watch());
      assert.equal(pushed.digest, pulled.digest);
    }
    assert.deepEqual(other.manifests.get('else/where:1')?.bytes, image.manifest);
    const mounts = sent(registry).filter((line) => line.includes('mount='));
    assert.ok(
      mounts.every((line) => line.includes('from=team%2Fapp')),
      mounts.join(' '),
    );
  });

  test('a layer on a pulled base leaves the layers of the base as they came', async () => {
    await using registry = await startScriptedRegistry();
    const base = imageOf([layerOf('a', 20_000)]);
    seed(registry, { base });
    await using lab = await Lab.open();
    const name = `${registry.host}/team/app:base`;
    await lab.engine.pull({ image: name, platform: 'linux/amd64' }, watch());
    const context = lab.context({ Dockerfile: `FROM ${name}\nCOPY f /f\n`, f: 'f' });
    const mine = `${registry.host}/team/mine:1`;
    await lab.build(context, { tags: [mine], platforms: ['linux/amd64'] });
    await lab.engine.push({ image: mine, force: false }, watch());
    const { layers } = manifestAt(registry, 'team/mine:1');
    assert.equal(layers[0]?.digest, `sha256:${sha256(base.layers[0]?.packed ?? Buffer.alloc(0))}`);
  });

  for (const [what, instead] of [
    ['cut in the middle', 'cut'],
    ['answered 416', '416'],
    ['of a session that is lost', '404'],
    ['answered 503', '503'],
  ] as const) {
    test(`F-180: an upload ${what} goes on, and ends right`, async () => {
      let faults = 0;
      await using registry = await startScriptedRegistry({
        instead(request, response) {
          const isLarge = Number(request.headers['content-length'] ?? 0) > 100_000;
          if (request.method !== 'PATCH' || !isLarge || faults > 0) return false;
          faults++;
          if (instead !== 'cut') {
            request.resume();
            request.on('end', () =>
              instead === '404' ? fault(response, 404, 'BLOB_UPLOAD_UNKNOWN') : answer(response, Number(instead)),
            );
            return true;
          }
          // The registry keeps what came until the cut.
          let seen = 0;
          request.on('data', (chunk: Buffer) => {
            seen += chunk.length;
            if (seen > 100_000) request.destroy();
          });
          return false;
        },
      });
      const name = `${registry.host}/team/app:1`;
      await using lab = await labWith(name);
      await lab.engine.push({ image: name, compression: 'none', force: false }, watch());
      assert.equal(faults, 1);
      const [layer] = manifestAt(registry, 'team/app:1').layers;
      assert.equal(registry.blobs.get(layer?.digest.slice(7) ?? '')?.length, layer?.size);
      if (instead !== 'cut') return;
      const ranges = registry.requests
        .filter((one) => one.method === 'PATCH')
        .map((one) => one.headers['content-range']);
      assert.ok(
        ranges.some((range) => /^[1-9]\d*-\d+$/.test(range ?? '')),
        String(ranges),
      );
    });
  }

  test('F-180: a registry that misses what it has just taken is told again, and then believed', async () => {
    let misses = 1;
    await using registry = await startScriptedRegistry({
      instead(request, response) {
        if (request.method !== 'PUT' || request.url?.includes('/manifests/') !== true || misses-- <= 0) return false;
        request.resume();
        request.on('end', () => fault(response, 404, 'MANIFEST_BLOB_UNKNOWN'));
        return true;
      },
    });
    const name = `${registry.host}/team/app:1`;
    await using lab = await labWith(name);
    await lab.engine.push({ image: name, force: false }, watch());
    misses = 100;
    const other = { image: name, destination: `${registry.host}/team/other:1`, force: false };
    await assert.rejects(lab.engine.push(other, watch()), (error) => isShaleError(error, 'MANIFEST_BLOB_UNKNOWN'));
    assert.equal(registry.manifests.has('team/other:1'), false);
  });

  test('F-164: who may not write is told so, and to log in', async () => {
    await using registry = await startScriptedRegistry({
      instead: (request, response) => request.method === 'POST' && fault(response, 403, 'DENIED'),
    });
    const name = `${registry.host}/team/app:1`;
    await using lab = await labWith(name);
    await assert.rejects(lab.engine.push({ image: name, force: false }, watch()), (error) => {
      assert.ok(isShaleError(error, 'REGISTRY_AUTH'), String(error));
      assert.match(error.message, /may not be written without a login/);
      assert.match(String(error.hint), /shale login/);
      return true;
    });
  });

  test('what was made here is pushed under a name of Docker Hub’s own images only with --force', async () => {
    await using lab = await labWith('debian:made');
    await assert.rejects(lab.engine.push({ image: 'debian:made', force: false }, watch()), (error) =>
      isShaleError(error, 'PUSH_REFUSED'),
    );
  });

  test('every tag of a name, and an index with all its images', async () => {
    await using from = await startScriptedRegistry();
    await using to = await startScriptedRegistry();
    const images = ['amd64', 'arm64'].map((architecture) => ({
      ...imageOf([layerOf(architecture, 1000)], architecture),
      architecture,
    }));
    for (const image of images) seed(from, { [image.architecture]: image });
    const index = indexOf(images);
    from.manifests.set('team/app:multi', { bytes: index, type: TYPES.index });
    await using lab = await Lab.open();
    await lab.engine.pull({ image: `${from.host}/team/app:multi`, allPlatforms: true }, watch());
    for (const tag of ['a', 'b']) await lab.engine.tag(`${from.host}/team/app:multi`, `${to.host}/all/versions:${tag}`);
    const names: string[] = [];
    for await (const { name } of lab.engine.pushAllTags({ image: `${to.host}/all/versions`, force: false }, watch()))
      names.push(name);
    assert.deepEqual(
      names,
      ['a', 'b'].map((tag) => `${to.host}/all/versions:${tag}`),
    );
    assert.deepEqual(to.manifests.get('all/versions:b')?.bytes, index);
    for (const { manifest, digest } of images)
      assert.deepEqual(to.manifests.get(`all/versions:${digest}`)?.bytes, manifest);
    const one = {
      image: `${to.host}/all/versions:a`,
      destination: `${to.host}/one:1`,
      platform: 'linux/arm64',
      force: false,
    };
    assert.equal((await lab.engine.push(one, watch())).digest, images[1]?.digest);
  });
});

describe('copy', { concurrency: 3 }, () => {
  test('moves an image through every kind of place with the same bytes', async () => {
    await using registry = await startScriptedRegistry();
    const image = imageOf([layerOf('a', 5000, 'zstd'), layerOf('b', 5000)]);
    seed(registry, { 1: image });
    await using lab = await Lab.open();
    const folder = lab.newFolder();
    const steps = [
      `docker://${registry.host}/team/app:1`,
      'oci:layout:tag',
      'oci-archive:a.tar:tag',
      'dir:dir',
      'store:copied:1',
      `docker://${registry.host}/team/back:1`,
    ];
    for (const [at, destination] of steps.entries()) {
      const source = steps[at - 1];
      if (source === undefined) continue;
      const { digest } = await lab.engine.copyImage({ source, destination, folder, referrers: false }, watch());
      assert.equal(digest, image.digest, destination);
    }
    assert.deepEqual(registry.manifests.get('team/back:1')?.bytes, image.manifest);
    assert.deepEqual(readFileSync(join(folder, 'dir/manifest.json')), image.manifest);
    assert.equal((await lab.read('copied:1', '/a')).length, 5000);
    const gzipped = { source: 'oci-archive:a.tar.gz:tag', destination: 'store:again:1', folder, referrers: false };
    execFileSync('gzip', ['-k', join(folder, 'a.tar')]);
    assert.equal((await lab.engine.copyImage(gzipped, watch())).digest, image.digest);
    assert.deepEqual((await lab.engine.check({ full: true, repair: false }, watch())).findings, []);
  });

  test('writes archives that load reads, and reads those of save', async () => {
    await using registry = await startScriptedRegistry();
    const image = imageOf([layerOf('a', 5000)]);
    seed(registry, { 1: image });
    await using lab = await Lab.open();
    const folder = lab.newFolder();
    const source = `docker://${registry.host}/team/app:1`;
    const request = { source, destination: 'docker-archive:d.tar:some/name:1', folder, referrers: false };
    await lab.engine.copyImage(request, watch());
    const [loaded] = await lab.engine.load({ file: join(folder, 'd.tar') }, watch());
    assert.deepEqual(loaded?.tags, ['some/name:1']);
    const missing = lab.engine.load({ file: join(folder, 'none.tar') }, watch());
    await assert.rejects(missing, (error) => isShaleError(error, 'ARCHIVE_NOT_FOUND'));
    const back = { source: 'docker-archive:d.tar:some/name:1', destination: 'oci:back:1', folder, referrers: false };
    await lab.engine.copyImage(back, watch());
    const index = JSON.parse(readFileSync(join(folder, 'back/index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    const bytes = readFileSync(join(folder, 'back/blobs/sha256', index.manifests[0]?.digest.slice(7) ?? ''));
    const { layers } = JSON.parse(bytes.toString()) as Manifest;
    assert.equal(layers[0]?.digest, `sha256:${sha256(image.layers[0]?.packed ?? Buffer.alloc(0))}`);
  });

  test('F-092: keeps artifacts and what refers to an image, and the tag that lists it where the registry does not', async () => {
    for (const listsReferrers of [true, false]) {
      await using from = await startScriptedRegistry({ listsReferrers: true });
      await using to = await startScriptedRegistry({ listsReferrers });
      const image = imageOf([layerOf('a', 100)]);
      seed(from, { 1: image });
      const [empty, sbom] = [Buffer.from('{}'), Buffer.from('{"spdx":"…"}')];
      for (const blob of [empty, sbom]) from.blobs.set(sha256(blob), blob);
      const artifact = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: TYPES.manifest,
          artifactType: 'application/spdx+json',
          config: descriptorOf(empty, 'application/vnd.oci.empty.v1+json'),
          layers: [descriptorOf(sbom, 'application/spdx+json')],
          subject: descriptorOf(image.manifest, TYPES.manifest),
        }),
      );
      from.manifests.set(`team/app:sha256:${sha256(artifact)}`, { bytes: artifact, type: TYPES.manifest });
      await using lab = await Lab.open();
      const request = {
        folder: '/',
        referrers: true,
        source: `docker://${from.host}/team/app:1`,
        destination: `docker://${to.host}/b:1`,
      };
      await lab.engine.copyImage(request, watch());
      assert.deepEqual(to.manifests.get(`b:sha256:${sha256(artifact)}`)?.bytes, artifact);
      const [referrer, ...more] = await lab.engine.registry.referrers(`${to.host}/b:1`, undefined, watch().signal);
      assert.deepEqual(
        [referrer?.digest, referrer?.artifactType, more.length],
        [`sha256:${sha256(artifact)}`, 'application/spdx+json', 0],
      );
      assert.equal(to.manifests.has(`b:${image.digest.replace(':', '-')}`), !listsReferrers);
      await assert.rejects(lab.engine.pull({ image: `${to.host}/b@sha256:${sha256(artifact)}` }, watch()), /artifact/);
    }
  });

  test('gives other media types only when it is asked to, and refuses what has none', async () => {
    await using registry = await startScriptedRegistry();
    seed(registry, { gzip: imageOf([layerOf('a', 100)]), zstd: imageOf([layerOf('a', 100, 'zstd')]) });
    await using lab = await Lab.open();
    const copy = (tag: string) =>
      lab.engine.copyImage(
        {
          source: `docker://${registry.host}/team/app:${tag}`,
          destination: `docker://${registry.host}/docker:${tag}`,
          folder: '/',
          format: 'docker',
          referrers: false,
        },
        watch(),
      );
    await copy('gzip');
    const { mediaType, config, layers } = manifestAt(registry, 'docker:gzip');
    assert.equal(mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
    assert.equal(config.mediaType, 'application/vnd.docker.container.image.v1+json');
    assert.equal(layers[0]?.mediaType, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
    assert.ok(gunzipSync(registry.blobs.get(layers[0]?.digest.slice(7) ?? '') ?? Buffer.alloc(0)).length > 100);
    await assert.rejects(copy('zstd'), (error) => isShaleError(error, 'FORMAT_UNSUPPORTED'));
    assert.equal(registry.manifests.has('docker:zstd'), false);
  });

  test('leaves nothing under a name when the source breaks or lies', async () => {
    await using registry = await startScriptedRegistry();
    const image = imageOf([layerOf('a', 5000)]);
    seed(registry, { 1: image });
    const hex = sha256(image.layers[0]?.packed ?? Buffer.alloc(0));
    registry.blobs.set(hex, Buffer.alloc(registry.blobs.get(hex)?.length ?? 0));
    await using lab = await Lab.open();
    const folder = lab.newFolder();
    const source = `docker://${registry.host}/team/app:1`;
    for (const destination of ['oci-archive:a.tar', 'docker-archive:d.tar', 'oci:layout:x', 'dir:dir', 'store:x:1']) {
      await assert.rejects(lab.engine.copyImage({ source, destination, folder, referrers: false }, watch()), (error) =>
        isShaleError(error, 'DIGEST_MISMATCH'),
      );
    }
    assert.equal(execFileSync('find', [folder, '-type', 'f', '-name', '*.part*']).toString(), '');
    assert.equal(
      execFileSync('find', [
        folder,
        '-name',
        '*.tar',
        '-o',
        '-name',
        'index.json',
        '-o',
        '-name',
        'manifest.json',
      ]).toString(),
      '',
    );
    assert.deepEqual(await lab.engine.images({ all: true }), []);
  });

  test('says what is wrong with a place', async () => {
    await using lab = await Lab.open();
    const folder = lab.context({ file: '', 'full/other': '' });
    writeFileSync(join(folder, 'none.tar'), 'no tar');
    for (const [source, destination, code] of [
      ['debian', 'store:x', 'PLACE_INVALID'],
      ['docker:debian', 'store:x', 'PLACE_INVALID'],
      ['oci:missing:1', 'store:x', 'IMAGE_NOT_FOUND'],
      ['store:missing', 'oci:x', 'IMAGE_NOT_FOUND'],
      ['dir:full', 'store:x', 'ARCHIVE_INVALID'],
    ] as const) {
      await assert.rejects(
        lab.engine.copyImage({ source, destination, folder, referrers: false }, watch()),
        (error) => {
          assert.ok(isShaleError(error, code), `${source}: ${String(error)}`);
          return true;
        },
      );
    }
  });
});

test('tags, repositories and deletes of a registry', async () => {
  await using registry = await startScriptedRegistry({
    instead: (request, response) =>
      request.url?.startsWith('/v2/_catalog') === true &&
      answer(response, 200, {}, '{"repositories":["team/app","web"]}'),
  });
  seed(registry, { a: imageOf([layerOf('a', 10)]), b: imageOf([layerOf('b', 10)]) });
  await using lab = await Lab.open();
  const { signal } = watch();
  const all = async (list: AsyncIterable<string>): Promise<string[]> => Array.fromAsync(list);
  const name = `${registry.host}/team/app`;
  assert.deepEqual(await all(lab.engine.registry.tags(name, signal)), ['a', 'b']);
  assert.deepEqual(await all(lab.engine.registry.repositories(registry.host, signal)), ['team/app', 'web']);
  const found = await lab.engine.registry.search({ registry: registry.host, term: 'APP', limit: 10 }, signal);
  assert.deepEqual(
    found.map((one) => one.name),
    [name],
  );
  await lab.engine.registry.remove(`${name}:a`, signal);
  assert.deepEqual(await all(lab.engine.registry.tags(name, signal)), ['b']);
  await assert.rejects(lab.engine.registry.remove(`${name}:a`, signal), (error) =>
    isShaleError(error, 'MANIFEST_UNKNOWN'),
  );
});

describe('build', { concurrency: 2 }, () => {
  test('--push sends what was built under its names, several platforms as an index, with annotations', async () => {
    await using registry = await startScriptedRegistry();
    await using lab = await Lab.open();
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a' });
    const name = `${registry.host}/team/built:1`;
    const annotations = [{ place: 'manifest', key: 'k', value: 'v' }] as const;
    const outputs = [{ kind: 'registry', names: [`${registry.host}/other/built:2`], annotations }] as const;
    const built = await lab.build(context, { tags: [name], platforms: ['linux/amd64', 'linux/arm64'], outputs });
    const index = registry.manifests.get('team/built:1') ?? assert.fail();
    assert.equal(index.type, TYPES.index);
    assert.deepEqual(registry.manifests.get('other/built:2'), index);
    assert.equal(built.metadata['containerimage.digest'], `sha256:${sha256(index.bytes)}`);
    const { manifests } = JSON.parse(index.bytes.toString()) as { manifests: { digest: string }[] };
    for (const { digest } of manifests) {
      const { annotations: kept } = manifestAt(registry, `team/built:${digest}`) as { annotations?: unknown };
      assert.deepEqual(kept, { k: 'v' });
    }
    assert.deepEqual(await lab.engine.images({ all: true }), [], 'type=registry keeps nothing');
    await lab.build(context, {
      tags: [name],
      platforms: ['linux/amd64'],
      outputs: [{ kind: 'registry', names: [], byDigest: true }],
    });
    assert.deepEqual(registry.manifests.get('team/built:1'), index, 'by digest no tag moves');
  });

  test('a push needs a name, and not one of Docker Hub’s own', async () => {
    await using lab = await Lab.open();
    const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a' });
    const outputs = [{ kind: 'registry', names: [] }] as const;
    await assert.rejects(lab.build(context, { outputs }), (error) => isShaleError(error, 'OUTPUT_UNSUPPORTED'));
    await assert.rejects(lab.build(context, { outputs, tags: ['debian:mine'] }), (error) =>
      isShaleError(error, 'PUSH_REFUSED'),
    );
  });
});
