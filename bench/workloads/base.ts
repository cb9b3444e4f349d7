import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { chooseMirror, parseAptSources, readHostAptSources } from '../../src/bases/index.ts';
import type { Workload } from '../types.ts';

/** The mirror that shale takes, so that both fetch the same packages. */
const mirror = chooseMirror({
  option: undefined,
  configured: process.env['SHALE_MIRROR_DEBIAN'],
  sources: parseAptSources(await readHostAptSources()),
});
const ANY_DATE = 'Acquire::Check-Valid-Until "false"';

/** A Debian base image from the distribution's packages, downloads included, beside mmdebstrap. */
export const base: Workload = {
  name: 'base-debian',
  rows({ scratch }) {
    const target = join(scratch, 'debian.tar');
    return [
      {
        name: 'base-debian',
        title: 'base image of Debian stable',
        warmups: 0,
        rounds: 5,
        limit: {
          args: [
            'mmdebstrap',
            '--quiet',
            '--variant=minbase',
            `--aptopt=${ANY_DATE}`,
            'stable',
            target,
            `deb ${mirror} stable main`,
          ],
        },
        limitTitle: 'mmdebstrap --variant=minbase',
        goal: '≤ mmdebstrap',
        prepare: (contender) =>
          contender === 'limit' ? rmSync(target, { force: true }) : contender.forget('bench/debian'),
        command: (contender) => contender.base('bench/debian'),
      },
    ];
  },
};
