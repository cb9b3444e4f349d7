import assert from 'node:assert/strict';
import { chownSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { playAll, scenarios } from '../scenarios/recorded.ts';
import { BUSYBOX } from '../support/lab.ts';
import { cannotReach, cannotVisit, OrdinaryUser } from '../support/ordinary-user.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';

/** Played each time; the others with `--long` (root plays all of them each time, and the code above the runtime is the same). */
const SHORT: ReadonlySet<string> = new Set(['pause', 'commit']);

describe(
  'command lines without root against docker 28.5, as recorded',
  { skip: cannotVisit() || cannotReach() || BUSYBOX.missing },
  () => {
    let user: OrdinaryUser;
    before(async () => {
      user = new OrdinaryUser();
      await user.done('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["sh"]', BUSYBOX.path, 'scenario:1');
    });
    after(async () => {
      await user.shale('system', 'reset', '--force');
      user[Symbol.dispose]();
    });

    for (const { name, steps } of scenarios) {
      const skip = isLong || SHORT.has(name) ? false : 'with --long only';
      test(name, { skip }, async () => {
        const folder = mkdtempSync(join(user.home, 'scenario-'));
        chownSync(folder, user.uid, user.uid);
        const stage = {
          program: OrdinaryUser.program,
          folder,
          env: process.env,
          image: 'scenario:1',
          start: (words: readonly [string, ...string[]]) => user.command(words, { I: 'scenario:1' }),
        };
        // No step is left out: what docker's root does, a user of shale does.
        assert.deepEqual(await playAll({ name, steps }, stage), []);
      });
    }
  },
);
