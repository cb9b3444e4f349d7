/**
 * The power goes at any moment: whatever was reported done is there afterwards, what was under way is there wholly or not at
 * all, nothing is damaged and nobody has to mend anything. Real file systems, real journals: `power-cut.fixture.ts` says
 * how. SHALE_TEST_LONG=1 cuts 500 times with each driver, of a seed that it prints.
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
const CUTS = LONG ? 500 : 25;
const PROGRAM = join(import.meta.dirname, 'power-cut.fixture.ts');

const CASES = [
  ['erofs', 'F-124: power cuts lose nothing that a build, commit, tag or load has reported, with layers mounted'],
  [
    'unpack',
    'F-128: power cuts lose nothing that the registry answered with 201, nor what else was reported, with layers unpacked',
  ],
] as const;

for (const [driver, name] of CASES) {
  const skip = cannotRun || BUSYBOX.missing;
  test(name, { skip }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-power-'));
    const before = takeLeakSnapshot(folder);
    const seed = LONG ? Date.now() % 1_000_000 : 7;
    try {
      const args = [PROGRAM, 'power', folder, String(CUTS), String(seed), driver, BUSYBOX.path];
      const program = ['--mount', '--propagation', 'private', process.execPath, '--no-warnings', ...args];
      const { status, stdout, stderr, error } = spawnSync('unshare', program, { encoding: 'utf8' });
      if (error !== undefined) throw error;
      assert.equal(status, 0, stderr);
      t.diagnostic(stdout.trim());
      assert.deepEqual(compareLeaks(before, takeLeakSnapshot(folder)), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
