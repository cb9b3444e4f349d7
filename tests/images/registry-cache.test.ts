/** Build caches in registries: what one machine built another one finds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lab } from '../support/lab.ts';
import { startScriptedRegistry, type ScriptedRegistry } from '../support/scripted-registry.ts';

const DOCKERFILE = 'FROM scratch\nCOPY a /a\nCOPY b /b\n';

async function build(lab: Lab, registry: ScriptedRegistry, files: Readonly<Record<string, string>> = {}) {
  const context = lab.context({ Dockerfile: DOCKERFILE, a: 'a'.repeat(5000), b: 'b', ...files });
  const name = `${registry.host}/cache/app:main`;
  return lab.build(context, {
    tags: ['app:1'],
    platforms: ['linux/amd64'],
    cacheFrom: [{ kind: 'registry', name }],
    cacheTo: [{ kind: 'registry', name, mode: 'max', ignoreErrors: false }],
  });
}

function layersAsked(registry: ScriptedRegistry, from: number): number {
  const asked = registry.requests
    .slice(from)
    .filter((one) => one.method === 'GET' && one.url.includes('/blobs/sha256'));
  // The document that names the steps is a blob too.
  return asked.length - 1;
}

test('a fresh machine finds every step in the registry and fetches no layer, until it needs one', async () => {
  await using registry = await startScriptedRegistry();
  await using first = await Lab.open();
  const made = await build(first, registry);
  assert.equal(registry.manifests.has('cache/app:main'), true);
  await using second = await Lab.open();
  const before = registry.requests.length;
  const found = await build(second, registry);
  assert.equal(found.imageId, made.imageId);
  assert.deepEqual(
    found.steps.slice(0, 2).map((step) => step.cached),
    [true, true],
  );
  assert.equal(layersAsked(registry, before), 0);
  const saved = second.engine.save({ images: ['app:1'], format: 'oci' }, { signal: AbortSignal.timeout(30_000) });
  for await (const _chunk of saved);
  assert.equal((await second.read(found.imageId, '/b')).toString(), 'b');
  await using third = await Lab.open();
  const changed = await build(third, registry, { b: 'other' });
  assert.deepEqual(
    changed.steps.slice(0, 2).map((step) => step.cached),
    [true, false],
  );
});

test('a layer that the registry has lost is made again', async () => {
  await using registry = await startScriptedRegistry();
  await using first = await Lab.open();
  const made = await build(first, registry);
  await using second = await Lab.open();
  const found = await build(second, registry);
  assert.equal(found.imageId, made.imageId);
  registry.blobs.clear();
  await using third = await Lab.open();
  const again = await build(third, registry);
  assert.equal(again.imageId, made.imageId);
  assert.equal((await third.read(again.imageId, '/b')).toString(), 'b');
});
