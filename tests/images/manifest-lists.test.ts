/** Lists of several platforms: made of images of the store and of registries, pushed as an index. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import { imageOf, indexOf, layerOf, seed, TYPES } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { startScriptedRegistry } from '../support/scripted-registry.ts';

const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(30_000) });

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: Record<string, string>;
    readonly annotations?: Record<string, string>;
  }[];
}

function indexIn(bytes: Uint8Array): Index {
  return JSON.parse(Buffer.from(bytes).toString()) as Index; // Looked at field by field.
}

test('a list of images of a registry keeps their digests, and their layers stay where they are', async () => {
  await using registry = await startScriptedRegistry({ mounts: true });
  const [amd64, arm64] = ['amd64', 'arm64'].map((name) => imageOf([layerOf(name, 2000)], name));
  assert.ok(amd64 !== undefined && arm64 !== undefined);
  seed(registry, { amd64, arm64 });
  await using lab = await Lab.open();
  const name = `${registry.host}/team/app`;
  const list = `${registry.host}/team/list:1`;
  const request = { list, images: [`${name}:amd64`, `${name}:arm64`], amend: false };
  await lab.engine.manifests.create(request, watch());
  const blobs = registry.requests.filter((one) => one.url.includes(sha256(amd64.layers[0]?.packed ?? Buffer.alloc(0))));
  assert.deepEqual(blobs, [], 'no layer was fetched');
  const inspected = indexIn((await lab.engine.manifests.inspect(list, watch())).bytes);
  assert.deepEqual(
    inspected.manifests.map(({ digest, platform }) => [digest, platform['architecture']]),
    [
      [amd64.digest, 'amd64'],
      [arm64.digest, 'arm64'],
    ],
  );
  const pushed = await lab.engine.push({ image: list, force: false }, watch());
  const sent = registry.manifests.get('team/list:1') ?? assert.fail();
  assert.equal(sent.type, TYPES.index);
  assert.equal(pushed.digest, `sha256:${sha256(sent.bytes)}`);
  assert.deepEqual(registry.manifests.get(`team/list:${arm64.digest}`)?.bytes, arm64.manifest);
  const fetched = registry.requests.filter((one) => one.method === 'GET' && one.url.includes('/blobs/'));
  assert.equal(fetched.length, 2, 'the configs alone were fetched, layers were mounted');
  await using other = await startScriptedRegistry();
  await lab.engine.push({ image: list, destination: `${other.host}/x:1`, force: false }, watch());
  assert.deepEqual(other.manifests.get('x:1')?.bytes, sent.bytes);
  assert.equal(other.blobs.size, 4, 'layers went through from one registry to the other');
  await lab.engine.manifests.remove(list);
  assert.deepEqual(await lab.engine.images({ all: true }), []);
});

test('a list can be added to and annotated, of images of the store and of an index', async () => {
  await using registry = await startScriptedRegistry();
  const images = ['arm64', 's390x'].map((architecture) => ({
    ...imageOf([layerOf(architecture, 1000)], architecture),
    architecture,
  }));
  for (const image of images) seed(registry, { [image.architecture]: image });
  for (const name of ['multi', `sha256:${sha256(indexOf(images))}`])
    registry.manifests.set(`team/app:${name}`, { bytes: indexOf(images), type: TYPES.index });
  await using lab = await Lab.open();
  const context = lab.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a' });
  await lab.build(context, { tags: ['mine:1'], platforms: ['linux/arm/v7'] });
  await lab.engine.manifests.create({ list: 'list:1', images: ['mine:1'], amend: false }, watch());
  const again = { list: 'list:1', images: [`${registry.host}/team/app:multi`] };
  const twice = lab.engine.manifests.create({ ...again, amend: false }, watch());
  await assert.rejects(twice, (error) => isShaleError(error, 'TAG_EXISTS'));
  await lab.engine.manifests.create({ ...again, amend: true }, watch());
  const annotations = { k: 'v' };
  await lab.engine.manifests.annotate({ list: 'list:1', image: 'mine:1', variant: 'v6', annotations }, watch());
  const image = `${registry.host}/team/app:arm64`;
  await lab.engine.manifests.annotate({ list: 'list:1', image, osVersion: '9' }, watch());
  const { manifests } = indexIn((await lab.engine.manifests.inspect('list:1', watch())).bytes);
  assert.deepEqual(
    manifests.map(({ platform }) => platform),
    [
      { architecture: 'arm', os: 'linux', variant: 'v6' },
      { architecture: 'arm64', os: 'linux', 'os.version': '9' },
      { architecture: 's390x', os: 'linux' },
    ],
  );
  assert.deepEqual(manifests[0]?.annotations, annotations);
  const wrong = lab.engine.manifests.annotate({ list: 'mine:1', image: 'mine:1' }, watch());
  await assert.rejects(wrong, (error) => isShaleError(error, 'IMAGE_NOT_FOUND'));
  await assert.rejects(lab.engine.manifests.remove('mine:1'), (error) => isShaleError(error, 'IMAGE_NOT_FOUND'));
  await lab.engine.manifests.remove('list:1');
  assert.deepEqual(
    (await lab.engine.images({ all: true })).map((one) => one.tag?.repository),
    ['mine'],
  );
  const remote = await lab.engine.manifests.inspect(`${registry.host}/team/app:multi`, watch());
  assert.deepEqual(Buffer.from(remote.bytes), indexOf(images));
});

test('an image of several platforms takes what the images of all of them take', async () => {
  await using registry = await startScriptedRegistry();
  const images = ['amd64', 'arm64'].map((architecture) => ({
    ...imageOf([layerOf(architecture, 100_000)], architecture),
    architecture,
  }));
  for (const image of images) seed(registry, { [image.architecture]: image });
  registry.manifests.set('team/app:multi', { bytes: indexOf(images), type: TYPES.index });
  await using lab = await Lab.open();
  await lab.engine.pull({ image: `${registry.host}/team/app:multi`, allPlatforms: true }, watch());
  const [row, ...others] = (await lab.engine.usageItems()).images;
  assert.deepEqual([row?.tag?.tag, row?.platforms, others], ['multi', ['linux/amd64', 'linux/arm64'], []]);
  assert.ok((row?.uniqueBytes ?? 0) > 200_000, `${row?.uniqueBytes}`);
});
