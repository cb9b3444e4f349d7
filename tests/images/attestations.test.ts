/** What builds say about their images, and how it travels. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isJsonObject, streamOf, type Json } from '../../src/base/index.ts';
import type { AttestationRequest, FoundStatement } from '../../src/engine/index.ts';
import { Lab } from '../support/lab.ts';
import type { TestRegistry } from '../support/registry.ts';
import { serveLab } from '../support/serve-lab.ts';

const PROVENANCE = 'https://slsa.dev/provenance/v1';
const SPDX = 'https://spdx.dev/Document';
const BOTH: readonly AttestationRequest[] = [
  { kind: 'provenance', mode: 'max' },
  { kind: 'sbom', format: 'spdx' },
];
const FILES = {
  Dockerfile:
    'ARG V=1\nFROM scratch AS tools\nCOPY m /app/node_modules/m\nFROM scratch\nARG V\nCOPY os /etc/\nCOPY --from=tools /app /a\nLABEL v=$V\n',
  'm/package.json': '{"name":"m","version":"1.0.0"}',
  'os/os-release': 'ID=test\n',
};

function watch(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(60_000) };
}

describe('attestations', () => {
  let lab: Lab;
  before(async () => void (lab = await Lab.open()));
  after(() => lab[Symbol.asyncDispose]());

  async function said(about: Lab, image: string): Promise<readonly FoundStatement[]> {
    return about.engine.attestations({ image, folder: about.folder }, watch());
  }

  async function savedBy(from: Lab, image: string): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const chunk of from.engine.save({ images: [image], format: 'oci' }, watch())) parts.push(chunk);
    return Buffer.concat(parts);
  }

  test('a build says the same whether its steps ran or were found, and on every machine', async () => {
    await using other = await Lab.open();
    const texts: string[] = [];
    for (const [where, noCache] of [
      [lab, false],
      [lab, false],
      [lab, true],
      [other, false],
    ] as const) {
      await where.build(where.context(FILES), { tags: ['said:1'], attestations: BOTH, noCache });
      texts.push(
        createHash('sha256')
          .update(await savedBy(where, 'said:1'))
          .digest('hex'),
      );
    }
    assert.equal(new Set(texts).size, 1);
  });

  test('the id of an image does not depend on what is said about it', async () => {
    const bare = await lab.build(lab.context(FILES), { tags: ['bare:1'] });
    const attested = await lab.build(lab.context(FILES), { tags: ['attested:1'], attestations: BOTH });
    assert.equal(attested.imageId, bare.imageId);
    assert.deepEqual(await said(lab, 'bare:1'), []);
    assert.deepEqual(
      (await said(lab, 'attested:1')).map(({ predicateType }) => predicateType),
      [PROVENANCE, SPDX],
    );
  });

  test('attestations survive save and load, and go with the last name of their image', async () => {
    await lab.build(lab.context(FILES), { tags: ['moved:1'], attestations: BOTH });
    const archive = await savedBy(lab, 'moved:1');
    await using other = await Lab.open();
    await other.engine.load(streamOf(archive), watch());
    assert.deepEqual(await said(other, 'moved:1'), await said(lab, 'moved:1'));
    assert.deepEqual(await savedBy(other, 'moved:1'), archive);
    await other.engine.removeImage('moved:1', { force: false });
    const { removed } = await other.engine.prune({ what: ['images', 'build-cache'], all: true }, watch());
    assert.deepEqual(removed, []);
    assert.equal((await other.engine.check({ full: true, repair: false }, watch())).checkedBlobs, 0);
  });

  test('BUILDKIT_SBOM_SCAN_STAGE lists the packages of a stage too, and the context is refused', async () => {
    const files = {
      ...FILES,
      Dockerfile: FILES.Dockerfile.replace('AS tools\n', 'AS tools\nARG BUILDKIT_SBOM_SCAN_STAGE=true\n'),
    };
    const sbom = [{ kind: 'sbom', format: 'spdx' }] as const;
    await lab.build(lab.context(files), { tags: ['scanned:1'], attestations: sbom });
    const names = (await said(lab, 'scanned:1')).map(({ predicate }) => namesIn(predicate));
    assert.deepEqual(
      names.map((each) => each.slice(1)),
      [['test', 'm'], ['m']],
    );
    const buildArgs = { BUILDKIT_SBOM_SCAN_CONTEXT: '1' };
    const { events } = await lab.build(lab.context(FILES), { attestations: sbom, buildArgs });
    assert.ok(events.some((event) => event.kind === 'warning' && /SCAN_CONTEXT/.test(event.message)));
  });

  test('attestations in an index lie beside the image as BuildKit lays them out, and come back from an archive', async () => {
    const how = { attestations: BOTH, attestationStyle: 'index' } as const;
    const plain = await lab.build(lab.context(FILES), { tags: ['alone:1'] });
    const built = await lab.build(lab.context(FILES), { tags: ['beside:1'], ...how });
    assert.equal(built.imageId, plain.imageId);
    const archive = await savedBy(lab, 'beside:1');
    const layout = lab.newFolder();
    const copy = { source: 'store:beside:1', destination: `oci:${layout}`, folder: lab.folder, referrers: false };
    const copied = await lab.engine.copyImage(copy, watch());
    assert.deepEqual(besideIn(layout, copied.digest), BUILDX_LAYOUT);
    await using other = await Lab.open();
    await other.engine.load(streamOf(archive), watch());
    assert.deepEqual(await said(other, 'beside:1'), await said(lab, 'beside:1'));
    assert.deepEqual(await savedBy(other, 'beside:1'), archive);
  });

  test('attestations without an output that can hold them are refused', async () => {
    const outputs = [{ kind: 'local', folder: lab.newFolder(), mode: 'copy' }] as const;
    await assert.rejects(lab.build(lab.context(FILES), { attestations: BOTH, outputs }), {
      code: 'OUTPUT_UNSUPPORTED',
    });
  });

  test('F-221: provenance says which secrets a build may ask for, and never what they are', async () => {
    const files = { ...FILES, 'secret.txt': 'canary-value' };
    const context = lab.context(files);
    const secrets = [{ kind: 'file', id: 'token', path: `${context}/secret.txt` }] as const;
    await lab.build(context, {
      tags: ['quiet:1'],
      attestations: [{ kind: 'provenance', mode: 'min' }],
      secrets,
      buildArgs: { V: 'canary-argument' },
    });
    assert.doesNotMatch(JSON.stringify(await said(lab, 'quiet:1')), /canary/);
  });

  test('F-176: provenance has no user, password or signature of an address, also with mode=max', async () => {
    const secret = 'https://user:canary@files.example/x?signature=canary';
    const Dockerfile = `# ${secret}\nFROM scratch\nARG SOURCE\nCOPY os /etc/\nLABEL source=$SOURCE\nENV FROM="${secret}"\n`;
    const attestations = [{ kind: 'provenance', mode: 'max' }] as const;
    const how = { tags: ['address:1'], attestations, buildArgs: { SOURCE: secret }, labels: { from: secret } };
    await lab.build(lab.context({ ...FILES, Dockerfile }), how);
    const [found] = await said(lab, 'address:1');
    const text = JSON.stringify(found?.predicate);
    const [, data = ''] = /"data":"([^"]+)"/.exec(text) ?? [];
    const shown = Buffer.from(data, 'base64').toString();
    assert.match(shown, /^# https:\/\/files\.example\/x\?…\nFROM scratch\n/);
    assert.match(text, /"build-arg:SOURCE":"https:\/\/files\.example\/x\?…"/);
    assert.doesNotMatch(text + shown, /canary/);
  });

  describe('in a registry', () => {
    let other: Lab;
    let served: TestRegistry;
    before(async () => {
      other = await Lab.open();
      served = await serveLab(other);
    });
    after(async () => {
      await served[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    });

    test('are referrers of the image, whose digest they do not change', async () => {
      const name = `${served.host}/team/app`;
      await lab.build(lab.context(FILES), { tags: [`${name}:bare`] });
      await lab.build(lab.context(FILES), { tags: [`${name}:said`], attestations: BOTH });
      const bare = await lab.engine.push({ image: `${name}:bare`, force: false }, watch());
      const pushed = await lab.engine.push({ image: `${name}:said`, force: false }, watch());
      assert.equal(pushed.digest, bare.digest);
      const referrers = await lab.engine.registry.referrers(
        `${name}:said`,
        'application/vnd.in-toto+json',
        watch().signal,
      );
      assert.equal(referrers.length, 2);
      const there = await said(lab, `docker://${name}:said`);
      const here = await said(lab, `${name}:said`);
      const plain = (all: readonly FoundStatement[]): ReadonlySet<string> =>
        new Set(all.map(({ predicateType, predicate }) => JSON.stringify([predicateType, predicate])));
      assert.deepEqual(plain(there), plain(here));
    });

    test('are beside the image in an index where that is asked for, from the build, the store and the server', async () => {
      const how = { attestations: BOTH, attestationStyle: 'index' } as const;
      const name = `${served.host}/team/beside`;
      await lab.build(lab.context(FILES), { tags: [`${name}:1`], ...how });
      const pushed = await lab.engine.push({ image: `${name}:1`, force: false }, watch());
      await lab.build(lab.context(FILES), {
        tags: [`${name}:2`],
        ...how,
        outputs: [{ kind: 'registry', names: [] }],
      });
      await other.build(other.context(FILES), { tags: ['team/beside:3'], ...how });
      for (const tag of ['1', '2', '3']) {
        const image = `docker://${name}:${tag}`;
        assert.equal((await said(lab, image)).length, 2);
        const copy = { source: image, destination: `oci:${lab.newFolder()}:x`, folder: lab.folder, referrers: false };
        assert.equal((await lab.engine.copyImage(copy, watch())).digest, pushed.digest);
      }
    });

    test('stay away from what is converted', async () => {
      const name = `${served.host}/team/converted:1`;
      await lab.build(lab.context(FILES), { tags: [name], attestations: BOTH, attestationStyle: 'index' });
      await lab.engine.push({ image: name, force: false, format: 'docker' }, watch());
      assert.deepEqual(await said(lab, `docker://${name}`), []);
    });

    test('are served with the images of the store itself', async () => {
      const name = `${served.host}/team/own:1`;
      await other.build(other.context(FILES), { tags: ['team/own:1'], attestations: BOTH });
      assert.equal((await said(lab, `docker://${name}`)).length, 2);
      await other.engine.removeImage('team/own:1', { force: false });
      await assert.rejects(said(lab, `docker://${name}`), { code: 'MANIFEST_UNKNOWN' });
    });

    test('are pushed by the build itself', async () => {
      const name = `${served.host}/team/built:1`;
      const outputs = [{ kind: 'registry', names: [] }] as const;
      await lab.build(lab.context(FILES), { tags: [name], attestations: BOTH, outputs });
      assert.equal((await said(lab, `docker://${name}`)).length, 2);
    });
  });
});

/** What buildx of docker 28.5 writes for one platform with provenance and an SBOM, digests and sizes left out. */
const BUILDX_LAYOUT = {
  index: [
    { mediaType: 'application/vnd.oci.image.manifest.v1+json', platform: 'of the image' },
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      annotations: {
        'vnd.docker.reference.digest': 'of the image',
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    },
  ],
  manifest: {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [PROVENANCE, SPDX].map((type) => ({
      mediaType: 'application/vnd.in-toto+json',
      annotations: { 'in-toto.io/predicate-type': type },
    })),
  },
  config: { architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers', diff_ids: 'of the layers' } },
};

/** The index of a layout in the form of `BUILDX_LAYOUT`. */
function besideIn(layout: string, digest: string): Json {
  const blob = (of: Json | undefined): Record<string, Json> =>
    JSON.parse(readFileSync(`${layout}/blobs/sha256/${text(of).slice('sha256:'.length)}`, 'utf8')) as Record<
      string,
      Json
    >;
  const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
  const bare = (descriptor: Record<string, Json>): Record<string, Json> => {
    const { digest: _digest, size: _size, ...rest } = descriptor;
    return rest;
  };
  const [image = {}, beside = {}] = blob(digest)['manifests'] as Record<string, Json>[];
  const manifest = blob(beside['digest']);
  const layers = manifest['layers'] as Record<string, Json>[];
  const config = manifest['config'] as Record<string, Json>;
  const said = blob(config['digest']);
  const about = beside['annotations'] as Record<string, Json>;
  assert.equal(about['vnd.docker.reference.digest'], image['digest']);
  const diffIds = layers.map((layer) => layer['digest']);
  assert.deepEqual(said['rootfs'], { type: 'layers', diff_ids: diffIds });
  for (const layer of layers)
    assert.match(JSON.stringify(blob(layer['digest'])), new RegExp(text(image['digest']).slice('sha256:'.length)));
  return {
    index: [
      { ...bare(image), platform: 'of the image' },
      { ...bare(beside), annotations: { ...about, 'vnd.docker.reference.digest': 'of the image' } },
    ],
    manifest: { ...manifest, config: bare(config), layers: layers.map(bare) },
    config: { ...said, rootfs: { type: 'layers', diff_ids: 'of the layers' } },
  };
}

function namesIn(document: Json): string[] {
  const packages = isJsonObject(document) ? document['packages'] : undefined;
  return (Array.isArray(packages) ? packages : []).map((each: Json) =>
    isJsonObject(each) && typeof each['name'] === 'string' ? each['name'] : '',
  );
}
