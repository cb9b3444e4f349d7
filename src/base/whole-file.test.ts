import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { writeWholeFile } from './whole-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'shale-whole-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function* bytes(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 20; i++) yield Buffer.alloc(1000, i);
}

/** Keeps the threads that open files busy for a while. */
function keepPoolBusy(): Promise<unknown> {
  const derive = promisify(pbkdf2);
  return Promise.all(Array.from({ length: 8 }, () => derive('x', 'y', 100_000, 32, 'sha256')));
}

test('writeWholeFile() writes all of it under the name', async () => {
  await writeWholeFile(join(folder, 'whole'), bytes(), new AbortController().signal);
  assert.equal(readFileSync(join(folder, 'whole')).length, 20_000);
  assert.deepEqual(readdirSync(folder), ['whole']);
});

test('writeWholeFile() leaves nothing when it is told to stop before the file is open', async () => {
  const busy = keepPoolBusy();
  const stop = new AbortController();
  const writing = writeWholeFile(join(folder, 'stopped'), bytes(), stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(writing, /enough|abort/i);
  await busy;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(readdirSync(folder), ['whole']);
});
