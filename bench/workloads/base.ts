import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Workload } from '../types.ts';

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
        limit: { args: ['mmdebstrap', '--quiet', '--variant=minbase', 'stable', target] },
        limitTitle: 'mmdebstrap --variant=minbase',
        goal: '≤ mmdebstrap',
        prepare: (contender) =>
          contender === 'limit' ? rmSync(target, { force: true }) : contender.forget('bench/debian'),
        command: (contender) => contender.base('bench/debian'),
      },
    ];
  },
};
