/** Packages of images whose layers are compressed and not in the store: what package managers wrote is kept beside the index. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { collect, isShaleError } from '../../src/base/index.ts';
import { imageOf, packed, TYPES, type TestImage } from '../support/image-of.ts';
import { Lab } from '../support/lab.ts';
import { sha256 } from '../support/oci-layout.ts';
import { tarOf } from '../support/tar-of.ts';

const watch = { signal: new AbortController().signal };
const dpkg = (...packages: readonly (readonly [name: string, version: string])[]): string =>
  packages
    .map(
      ([name, version]) => `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`,
    )
    .join('\n');

let lab: Lab;
before(async () => {
  lab = await Lab.open();
});
after(() => lab[Symbol.asyncDispose]());

/** An OCI layout with one image, in a folder of the lab. */
function layoutOf(name: string, image: TestImage): { readonly folder: string; readonly blobs: string } {
  const folder = join(lab.folder, name);
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  for (const bytes of [image.manifest, image.config, ...image.layers.map((layer) => layer.packed)])
    writeFileSync(join(blobs, sha256(bytes)), bytes);
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = [{ mediaType: TYPES.manifest, digest: image.digest, size: image.manifest.length }];
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return { folder, blobs };
}

test('packages and whose each file is are known of compressed layers elsewhere, the second time without reading them', async () => {
  const tars = [
    tarOf([
      { path: 'etc/os-release', content: 'ID=debian\nPRETTY_NAME="Debian 12"\n' },
      { path: 'bin/bash', content: 'x'.repeat(5000) },
      { path: 'opt/data', content: 'no package has it' },
      { path: 'var/lib/dpkg/status', content: dpkg(['bash', '5.2']) },
      { path: 'var/lib/dpkg/info/bash.list', content: '/.\n/bin/bash\n' },
    ]),
    tarOf([
      { path: 'usr/bin/curl', content: 'y'.repeat(700) },
      { path: 'var/lib/dpkg/status', content: dpkg(['bash', '5.2'], ['curl', '8.1']) },
      { path: 'var/lib/dpkg/info/curl.list', content: '/usr/bin/curl\n' },
      { path: 'srv/node_modules/left/package.json', content: '{"name":"left","version":"1.2.3"}' },
      { path: 'srv/node_modules/left/index.js', content: 'left()' },
    ]),
  ];
  const image = imageOf(tars.map((tar, i) => packed(tar, i === 0 ? 'zstd' : 'gzip')));
  const { folder, blobs } = layoutOf('layout', image);
  for (const isFirst of [true, false]) {
    if (!isFirst) for (const layer of image.layers) rmSync(join(blobs, sha256(layer.packed)));
    await using exploration = await lab.engine.explore({ image: folder, folder: '/' }, watch);
    const { packages, image: about, problems } = exploration.report;
    assert.deepEqual(problems, []);
    assert.equal(about.distribution, 'Debian 12');
    assert.deepEqual(
      packages.packages.map(({ type, name, version, layer, bytes }) => [type, name, version, layer, bytes]),
      [
        ['deb', 'bash', '5.2', 0, 5000],
        ['deb', 'curl', '8.1', 1, 700],
        ['npm', 'left', '1.2.3', 1, 39],
      ],
    );
    const scope = { from: 0, to: 1 };
    assert.equal(exploration.find(scope, 'bin/bash')?.package, 'bash 5.2');
    assert.equal(exploration.find(scope, 'opt/data')?.package, undefined);
    const place = { path: 'opt/data', layer: 1 };
    const data = collect(exploration.stream(place), 100, 'it');
    if (isFirst) assert.equal((await data).toString(), 'no package has it');
    else await assert.rejects(data, (error) => isShaleError(error, 'ARCHIVE_INVALID') || error instanceof Error);
    // What was kept can be read though the layer is gone.
    const status = await exploration.read({ path: 'var/lib/dpkg/status', layer: 1 }, { offset: 0, lengthBytes: 13 });
    assert.equal(Buffer.from(status).toString(), 'Package: bash');
  }
});

test('an index that was damaged since is made anew', async () => {
  const tar = tarOf([{ path: 'etc/name', content: 'damaged and mended' }]);
  const image = imageOf([packed(tar, 'gzip')]);
  const path = join(lab.folder, 'damaged.tar');
  const manifest = [{ Config: 'config.json', RepoTags: ['damaged:1'], Layers: ['layer.tar'] }];
  writeFileSync(
    path,
    tarOf([
      { path: 'config.json', content: image.config },
      { path: 'layer.tar', content: image.layers[0]?.packed ?? '' },
      { path: 'manifest.json', content: JSON.stringify(manifest) },
    ]),
  );
  const look = async (): Promise<string> => {
    await using exploration = await lab.engine.explore({ image: path, folder: '/' }, watch);
    return (await exploration.look({ path: 'etc/name', layer: 0 })).text ?? '';
  };
  assert.equal(await look(), 'damaged and mended');
  const index = join(lab.home, 'index/erofs-v1', sha256(tar));
  const { size } = statSync(index);
  chmodSync(index, 0o600);
  writeFileSync(index, Buffer.alloc(size));
  assert.equal(await look(), 'damaged and mended');
  assert.ok(readFileSync(index).some((byte) => byte !== 0));
});

test('an engine that may not write explores a store image all the same', async () => {
  const tar = tarOf([{ path: 'a', content: 'a' }]);
  const image = imageOf([packed(tar, 'none')]);
  const archive = tarOf([
    { path: 'config.json', content: image.config },
    { path: 'layer.tar', content: tar },
    {
      path: 'manifest.json',
      content: JSON.stringify([{ Config: 'config.json', RepoTags: ['one:1'], Layers: ['layer.tar'] }]),
    },
  ]);
  const path = join(lab.folder, 'one.tar');
  writeFileSync(path, archive);
  await lab.engine.load({ file: path }, watch);
  await using reader = await lab.again({ readOnly: true });
  for (const name of ['one:1', path]) {
    await using exploration = await reader.engine.explore({ image: name, folder: '/' }, watch);
    assert.equal(exploration.report.totals.visible.files, 1);
  }
});

test('a large file of a compressed layer elsewhere is read whole', async () => {
  const content = Buffer.from(Array.from({ length: 700_000 }, (_, i) => String((i * i) % 9973)).join(' '));
  for (const compression of ['gzip', 'zstd'] as const) {
    const { folder } = layoutOf(compression, imageOf([packed(tarOf([{ path: 'large', content }]), compression)]));
    await using exploration = await lab.engine.explore({ image: folder, folder: '/' }, watch);
    const place = { path: 'large', layer: 0 };
    const read = await exploration.read(place, { offset: 0, lengthBytes: content.length });
    assert.ok(content.equals(read));
    assert.ok(content.equals(await collect(exploration.stream(place), content.length, 'large')));
  }
});
