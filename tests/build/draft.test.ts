/** Layers that are written while their files are read, before it is known whether the step has to run. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../support/lab.ts';

const FILES = 400;

/** A context whose files are older than the build's look at them, so that their digests are kept. */
async function contextOf(lab: Lab): Promise<string> {
  const files = Array.from({ length: FILES }, (_, i) => [`tree/d${i % 7}/f${i}`, `file ${i}\n`.repeat(i)] as const);
  const folder = lab.context({ Dockerfile: 'FROM scratch\nCOPY tree /data\n', ...Object.fromEntries(files) });
  await new Promise((resolve) => setTimeout(resolve, 50));
  return folder;
}

function forgetDigests(lab: Lab): void {
  const sources = join(lab.home, 'sources');
  for (const name of readdirSync(sources)) rmSync(join(sources, name));
}

test('a COPY gives the same layer whether the digests of its files are known or found while it is written', async () => {
  await using lab = await Lab.open();
  const context = await contextOf(lab);
  const drafted = await lab.build(context);
  await using again = await lab.again();
  const known = await again.build(context, { noCache: true });
  assert.equal(known.imageId, drafted.imageId);
  assert.equal((await lab.read(drafted.imageId, '/data/d3/f31')).toString(), 'file 31\n'.repeat(31));
  assert.deepEqual(
    (await lab.engine.check({ full: true, repair: false }, { signal: AbortSignal.timeout(60_000) })).findings,
    [],
  );
});

test('a layer that was written for a step that need not run leaves nothing behind', async () => {
  await using lab = await Lab.open();
  const context = await contextOf(lab);
  const first = await lab.build(context);
  forgetDigests(lab);
  await using again = await lab.again();
  const second = await again.build(context);
  assert.equal(second.imageId, first.imageId);
  assert.ok(second.steps.every((step) => step.cached));
  assert.deepEqual(readdirSync(join(lab.home, 'ingest')), []);
});
