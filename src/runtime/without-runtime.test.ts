import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { invariant, ownerOf, thisOwner } from '../base/index.ts';
import type { RuntimeContext } from './prepare.ts';
import { startByFifo } from './without-runtime.ts';

const ROUNDS = 100;

test('startByFifo() starts what ends in the same moment, and does not take it for one that had ended', async () => {
  const root = mkdtempSync(join(tmpdir(), 'shale-fifo-'));
  try {
    const bundle = join(root, 'bundle');
    mkdirSync(bundle);
    writeFileSync(join(bundle, 'config.json'), '{}');
    for (let round = 0; round < ROUNDS; round++) {
      const id = `c${round}`;
      const fifo = join(root, id, 'exec.fifo');
      mkdirSync(join(root, id));
      assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
      // As the runtime's first process: it waits for a reader, writes a byte, and here is done with that.
      const child = spawn('sh', ['-c', 'printf 0 >"$1"', 'sh', fifo], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('exit', resolve));
      const init = ownerOf(child.pid ?? 0);
      invariant(init !== undefined, 'it waits');
      assert.equal(await startByFifo(contextOf(root), { id, bundle, init }), true, id);
      assert.equal(existsSync(fifo), false);
      await ended;
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('startByFifo() leaves to the runtime what has ended before, and what is no container of it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'shale-fifo-'));
  try {
    writeFileSync(join(root, 'config.json'), '{}');
    const gone = { ...thisOwner(), startTime: '1' };
    assert.equal(await startByFifo(contextOf(root), { id: 'none', bundle: root, init: thisOwner() }), false);
    mkdirSync(join(root, 'ended'));
    assert.equal(spawnSync('mkfifo', [join(root, 'ended/exec.fifo')]).status, 0);
    assert.equal(await startByFifo(contextOf(root), { id: 'ended', bundle: root, init: gone }), false);
    writeFileSync(join(root, 'config.json'), '{"hooks":{"poststart":[]}}');
    assert.equal(await startByFifo(contextOf(root), { id: 'ended', bundle: root, init: thisOwner() }), false);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

/** What of a context it looks at. */
function contextOf(root: string): RuntimeContext {
  return { command: 'runc', folders: { runtimeState: root } } as Partial<RuntimeContext> as RuntimeContext;
}
