/**
 * `kill -9` of one operation after another at random moments: whatever was reported done is there afterwards, what was under way
 * is there wholly or not at all, nothing is damaged and nobody has to mend anything. `power-cut.fixture.ts` says how.
 * SHALE_TEST_LONG=1 kills 10,000 times, of a seed that it prints.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';

const LONG = process.env['SHALE_TEST_LONG'] === '1';
const KILLS = Number(process.env['SHALE_TEST_KILLS'] ?? (LONG ? 10_000 : 10));
const SEED = Number(process.env['SHALE_TEST_SEED'] ?? (LONG ? Date.now() % 1_000_000 : 3));
const PROGRAM = join(import.meta.dirname, 'power-cut.fixture.ts');

test(`F-121, F-122: ${KILLS} kills lose nothing that was reported`, { skip: cannotRun || BUSYBOX.missing }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shale-killed-'));
  const before = takeLeakSnapshot(folder);
  try {
    const args = ['--no-warnings', PROGRAM, 'kill', folder, String(KILLS), String(SEED), 'erofs', BUSYBOX.path];
    const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (error !== undefined) throw error;
    assert.equal(status, 0, stderr);
    t.diagnostic(stdout.trim());
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(folder)), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
