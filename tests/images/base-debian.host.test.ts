/** Debian base images made twice, the second time with everything other that `shale verify` makes other. */
import assert from 'node:assert/strict';
import { cpus } from 'node:os';
import { describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import type { DebianBaseRequest } from '../../src/engine/index.ts';
import { cgroupSupport } from '../../src/runtime/index.ts';
import { cannotRun, Lab } from '../support/lab.ts';

const YEAR_SECONDS = 400 * 86_400;
const skip = cannotRun || (process.env['SHALE_TEST_LONG'] !== '1' && '--long');

describe('shale base debian --verify', { skip }, () => {
  for (const { suite, slim } of [
    { suite: 'trixie', slim: true },
    { suite: 'trixie', slim: false },
    { suite: 'bookworm', slim: true },
    { suite: 'bookworm', slim: false },
  ])
    test(`finds ${suite}${slim ? ', slim,' : ''} identical, also 400 days later`, { timeout: 900_000 }, async (t) => {
      await using lab = await Lab.open(mirrorOptions());
      const base: DebianBaseRequest = { ...PLAIN, suite, slim, tags: [`debian:${suite}`] };
      const watch = { signal: AbortSignal.timeout(800_000) };
      const verify = lab.engine.verifyBase({ base, clockAheadSeconds: YEAR_SECONDS }, watch);
      const report = await verify.catch((error: unknown) => {
        if (isShaleError(error, 'MIRROR_UNKNOWN', 'FETCH_FAILED')) return error;
        throw error;
      });
      if (report instanceof Error) return t.skip(`no Debian mirror: ${report.message}`);
      assert.deepEqual([report.differences, report.rebuilt], [[], report.image]);
      const varied = report.varied.map(({ what }) => what);
      const always = ['folder', 'umask', 'host name', 'user name', 'time zone', 'locale', 'time', 'clock of 1 step'];
      for (const what of always) assert.ok(varied.includes(what), `${what} in ${varied.join(', ')}`);
      const mayLimit = cpus().length > 1 && cgroupSupport().limits.has('CPU sets');
      assert.equal(varied.includes('processors'), mayLimit);
    });
});

const PLAIN = {
  distribution: 'debian',
  updates: false,
  isSnapshot: false,
  include: [],
  exclude: [],
  packages: [],
  keyrings: [],
  keyFingerprints: [],
  allowOutdated: true,
  noCache: false,
} as const;

function mirrorOptions(): { readonly debianMirror?: string } {
  const debianMirror = process.env['SHALE_MIRROR_DEBIAN'];
  return debianMirror === undefined ? {} : { debianMirror };
}
