import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { formatImageConfig, parseImageConfig } from './config.ts';
import { digestFromHex } from './digest.ts';
import { formatManifest, parseManifest } from './manifest.ts';
import { MEDIA } from './media-types.ts';
import { formatPlatform, parsePlatform, platformMatches } from './platform.ts';
import { familiarName, formatReference, parseReference } from './reference.ts';

const DIGEST = digestFromHex('a'.repeat(64));

test('parseReference() reads names as docker does', () => {
  const table: [string, string][] = [
    ['debian', 'docker.io/library/debian:latest'],
    ['debian:stable-slim', 'docker.io/library/debian:stable-slim'],
    ['me/app', 'docker.io/me/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:1', 'localhost:5000/app:1'],
    ['index.docker.io/library/x', 'docker.io/library/x:latest'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c:v1'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`],
    [`debian:12@${DIGEST}`, `docker.io/library/debian:12@${DIGEST}`],
  ];
  for (const [text, full] of table) {
    assert.equal(formatReference(parseReference(text)), full, text);
    assert.deepEqual(parseReference(full), parseReference(text));
  }
});

test('parseReference() refuses what is no name', () => {
  for (const text of [
    '',
    'UPPER',
    'a//b',
    'a:',
    ':tag',
    'a b',
    'a:t@sha256:zz',
    '../etc',
    'a/../b',
    'a'.repeat(300),
    'f'.repeat(64),
    'bad_host!/x',
    'a:-x',
  ]) {
    assert.throws(
      () => parseReference(text),
      (error) => isShaleError(error, 'REFERENCE_INVALID'),
      text,
    );
  }
});

test('familiarName() leaves out what docker leaves out', () => {
  assert.equal(familiarName(parseReference('docker.io/library/debian:12')), 'debian:12');
  // Without what comes before them these would be other names.
  for (const name of ['docker.io/a.b/c:1', 'docker.io/localhost/c:1'])
    assert.equal(familiarName(parseReference(name)), name);
  assert.equal(familiarName(parseReference('docker.io/library/a.b/c:1')), 'library/a.b/c:1');
  assert.equal(familiarName(parseReference('docker.io/me/app')), 'me/app:latest');
  assert.equal(familiarName(parseReference('quay.io/me/app')), 'quay.io/me/app:latest');
});

test('parsePlatform() brings spellings together', () => {
  assert.equal(formatPlatform(parsePlatform('linux/x86_64')), 'linux/amd64');
  assert.equal(formatPlatform(parsePlatform('aarch64')), 'linux/arm64');
  assert.equal(formatPlatform(parsePlatform('linux/arm')), 'linux/arm/v7');
  assert.ok(platformMatches(parsePlatform('linux/arm64'), { os: 'linux', architecture: 'arm64', variant: 'v8' }));
  assert.throws(
    () => parsePlatform('a/b/c/d'),
    (error) => isShaleError(error, 'PLATFORM_INVALID'),
  );
});

test('parseManifest() gives back what formatManifest() wrote', () => {
  const layer = { mediaType: `${MEDIA.ociLayer}+gzip`, digest: DIGEST, size: 7, annotations: { b: '2', a: '1' } };
  const document = {
    kind: 'manifest',
    manifest: {
      mediaType: MEDIA.ociManifest,
      config: { mediaType: MEDIA.ociConfig, digest: DIGEST, size: 2 },
      layers: [layer],
    },
  } as const;
  assert.deepEqual(parseManifest(formatManifest(document)), document);
});

test('parseManifest() refuses documents that two programs could read in two ways', () => {
  const descriptor = `{"mediaType":"${MEDIA.ociConfig}","digest":"${DIGEST}","size":2}`;
  const manifest = `{"schemaVersion":2,"config":${descriptor},"layers":[]`;
  const bad: [string, string, string?][] = [
    ['both kinds', `${manifest},"manifests":[]}`],
    ['a name twice', `${manifest},"layers":[${descriptor}]}`],
    ['a name twice, escaped', `${manifest},"l\\u0061yers":[${descriptor}]}`],
    ['another type than declared', `${manifest},"mediaType":"${MEDIA.ociManifest}"}`, MEDIA.dockerManifest],
    ['schema 1', '{"schemaVersion":1}'],
    ['a negative size', manifest.replace('"size":2', '"size":-1') + '}'],
    ['a size beyond 2^53', manifest.replace('"size":2', '"size":9007199254740993') + '}'],
    ['an upper-case digest', manifest.replace(DIGEST, DIGEST.toUpperCase()) + '}'],
    ['deep nesting', '['.repeat(100_000)],
  ];
  for (const [what, text, type] of bad) {
    assert.throws(
      () => parseManifest(Buffer.from(text), type),
      (error) => isShaleError(error, 'MANIFEST_INVALID', 'JSON_INVALID', 'DIGEST_INVALID'),
      what,
    );
  }
  assert.equal(parseManifest(Buffer.from(`${manifest}}`)).kind, 'manifest');
});

test('formatImageConfig() writes these very bytes', () => {
  const bytes = formatImageConfig({
    architecture: 'amd64',
    os: 'linux',
    created: '1980-01-01T00:00:00Z',
    config: {
      Env: ['A=1'],
      Cmd: ['sh'],
      ExposedPorts: ['80/tcp', '443/tcp'],
      Labels: { b: '2', a: '1' },
      Healthcheck: { Test: ['NONE'] },
    },
    diffIds: [],
    history: [{ created: '1980-01-01T00:00:00Z', createdBy: 'ENV A=1', emptyLayer: true }],
  });
  assert.equal(
    bytes.toString(),
    '{"created":"1980-01-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"ExposedPorts":{"443/tcp":{},"80/tcp":{}},"Env":["A=1"],"Cmd":["sh"],"Healthcheck":{"Test":["NONE"]},"Labels":{"a":"1","b":"2"}},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"created":"1980-01-01T00:00:00Z","created_by":"ENV A=1","empty_layer":true}]}',
  );
  assert.deepEqual(formatImageConfig(parseImageConfig(bytes)), bytes);
});

test('parseImageConfig() takes nulls for absent fields and refuses what is no image', () => {
  const config = parseImageConfig(
    Buffer.from(
      '{"architecture":"amd64","os":"linux","config":{"Entrypoint":null,"User":""},"rootfs":{"type":"layers","diff_ids":null},"history":null,"extra":1}',
    ),
  );
  assert.deepEqual(config.config, {});
  for (const text of [
    '{}',
    '{"architecture":"a","os":"l","rootfs":{"type":"x"}}',
    '{"architecture":"a","os":"l","rootfs":{"type":"layers","diff_ids":["x"]}}',
    '{"architecture":"a","os":"l","rootfs":{"type":"layers"},"history":[{}]}',
  ]) {
    assert.throws(
      () => parseImageConfig(Buffer.from(text)),
      (error) => isShaleError(error, 'CONFIG_INVALID', 'DIGEST_INVALID'),
      text,
    );
  }
});
