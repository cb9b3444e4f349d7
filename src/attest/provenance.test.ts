import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject, type Json } from '../base/index.ts';
import { digestOf, parseManifest } from '../oci/index.ts';
import {
  attestationArtifact,
  formatStatement,
  parseStatement,
  PREDICATE,
  predicateOf,
  provenancePredicate,
  type BuildFacts,
} from './index.ts';

const dockerfile = Buffer.from('FROM alpine\n');
const FACTS: BuildFacts = {
  builderId: undefined,
  toolVersion: '1.2.3',
  platform: 'linux/arm64',
  builderPlatform: 'linux/amd64',
  dockerfile: { name: 'Dockerfile', text: dockerfile.toString(), digest: digestOf(dockerfile) },
  contextAddress: undefined,
  commit: undefined,
  target: 'app',
  buildArgs: { PASSWORD: 'canary' },
  labels: { team: 'canary' },
  network: 'none',
  secrets: [{ id: 'canary-id', optional: false }],
  ssh: [{ id: 'default', optional: true }],
  materials: [
    { kind: 'git', repository: 'https://git.example/a.git', ref: 'main', commit: 'a'.repeat(40) },
    {
      kind: 'image',
      name: 'ghcr.io/team/base',
      tag: '1',
      platform: 'linux/arm64',
      digest: digestOf(Buffer.from('m')),
      isConfig: false,
    },
    { kind: 'file', url: 'https://a.example/x', digest: digestOf(Buffer.from('x')) },
  ],
  steps: [
    { name: 'FROM alpine', inputs: [] },
    { name: 'RUN a', inputs: [0], layer: 'sha256:1' },
  ],
};

function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let here = value;
  for (const name of path) here = isJsonObject(here) ? here[name] : undefined;
  return here;
}

test('provenancePredicate() says in mode=min neither arguments nor labels nor secrets', () => {
  const { type, bytes } = provenancePredicate(FACTS, 'min');
  assert.equal(type, 'https://slsa.dev/provenance/v1');
  assert.doesNotMatch(bytes.toString(), /canary/);
  const predicate: Json = JSON.parse(bytes.toString());
  assert.deepEqual(at(predicate, 'buildDefinition', 'externalParameters', 'request', 'args'), {
    'force-network-mode': 'none',
    platform: 'linux/arm64',
    target: 'app',
  });
  assert.deepEqual(at(predicate, 'buildDefinition', 'resolvedDependencies'), [
    { uri: 'https://a.example/x', digest: { sha256: digestOf(Buffer.from('x')).slice(7) } },
    { uri: 'https://git.example/a.git#main', digest: { sha1: 'a'.repeat(40) } },
    {
      uri: 'pkg:docker/ghcr.io/team/base@1?platform=linux%2Farm64',
      digest: { sha256: digestOf(Buffer.from('m')).slice(7) },
    },
  ]);
});

test('provenancePredicate() says in mode=max what was asked for and every step', () => {
  const predicate: Json = JSON.parse(provenancePredicate(FACTS, 'max').bytes.toString());
  const request = at(predicate, 'buildDefinition', 'externalParameters', 'request');
  assert.equal(at(request, 'args', 'build-arg:PASSWORD'), 'canary');
  assert.deepEqual(at(request, 'secrets'), [{ id: 'canary-id' }]);
  assert.deepEqual(at(request, 'ssh'), [{ id: 'default', optional: true }]);
  assert.deepEqual(at(predicate, 'buildDefinition', 'internalParameters', 'buildConfig', 'steps'), [
    { id: 'step0', name: 'FROM alpine' },
    { id: 'step1', name: 'RUN a', inputs: ['step0'], layer: 'sha256:1' },
  ]);
});

test('provenancePredicate() does not depend on the order in which things were fetched', () => {
  const other = { ...FACTS, materials: [...FACTS.materials, ...FACTS.materials.toReversed()] };
  assert.deepEqual(provenancePredicate(other, 'max'), provenancePredicate(FACTS, 'max'));
});

test('parseStatement() reads what formatStatement() writes, and nothing that is no statement', () => {
  const subject = digestOf(Buffer.from('manifest'));
  const statement = formatStatement(subject, predicateOf(PREDICATE.spdx, { a: [1] }));
  assert.deepEqual(parseStatement(statement), {
    subjects: [subject],
    predicateType: PREDICATE.spdx,
    predicate: { a: [1] },
  });
  for (const bad of ['{}', '[]', '{"_type":"https://in-toto.io/Statement/v9","predicateType":"x"}'])
    assert.throws(() => parseStatement(Buffer.from(bad)), { code: 'STATEMENT_INVALID' });
});

test('attestationArtifact() makes a manifest that refers to the image and holds the statement', () => {
  const bytes = Buffer.from('manifest');
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const subject = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const { manifest, blobs } = attestationArtifact(subject, predicateOf(PREDICATE.spdx, {}));
  const parsed = parseManifest(manifest.bytes, mediaType);
  assert.ok(parsed.kind === 'manifest');
  assert.deepEqual(parsed.manifest.subject, subject);
  assert.equal(parsed.manifest.artifactType, 'application/vnd.in-toto+json');
  assert.equal(parsed.manifest.config.mediaType, 'application/vnd.oci.empty.v1+json');
  assert.deepEqual(
    blobs.map(({ descriptor }) => descriptor.digest),
    [parsed.manifest.config.digest, parsed.manifest.layers[0]?.digest],
  );
  assert.deepEqual(parseStatement(blobs[1]?.bytes ?? Buffer.of()).subjects, [subject.digest]);
});
