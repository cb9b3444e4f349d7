import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeContext, writeTree } from '../contexts.ts';
import { limitProgram, type Workload } from '../types.ts';

const TREE = { seed: 'files20k', folders: 200, files: 100, bytesMin: 2000, bytesMax: 6100 };

/** COPY of 20,000 files of about 4 KiB: cold, unchanged, with one file changed. */
export const files20k: Workload = {
  name: 'files20k',
  rows({ contexts, scratch }) {
    const context = writeContext(contexts, 'files20k', { Dockerfile: 'FROM busybox:latest\nCOPY tree /data\n' });
    const tree = join(context, 'tree');
    writeTree(tree, TREE);
    const target = join(scratch, 'copy');
    const build = { context, tag: 'bench/files20k' };
    const limit = limitProgram('copy-tree', tree, target);
    return [
      {
        name: 'files20k-cold',
        title: 'COPY of 20,000 files, cold',
        warmups: 0,
        rounds: 5,
        limit,
        limitTitle: 'walk + read + sha256 + write + sync',
        goal: '≤ 1.5 × limit',
        prepare: (contender) =>
          contender === 'limit' ? rmSync(target, { force: true }) : contender.forget('bench/files20k'),
        command: (contender) => contender.build({ ...build, cold: true }),
      },
      {
        name: 'files20k-unchanged',
        title: 'same, nothing changed',
        warmups: 0,
        rounds: 5,
        limit: limitProgram('sweep', tree),
        limitTitle: 'lstat sweep, node start included',
        goal: '≤ 2 × sweep + start',
        command: (contender) => contender.build({ ...build, cold: false }),
      },
      {
        name: 'files20k-one-changed',
        title: 'same, one file changed',
        warmups: 0,
        rounds: 5,
        limit,
        limitTitle: 'walk + read + sha256 + write + sync',
        goal: '≤ 0.5 s',
        prepare: () => writeFileSync(join(tree, 'd100/f050.txt'), `${randomBytes(8).toString('hex')}\n`),
        command: (contender) => contender.build({ ...build, cold: false }),
      },
    ];
  },
};
