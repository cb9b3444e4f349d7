import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeContext, writeTree } from '../contexts.ts';
import { limitProgram, type Workload } from '../types.ts';

const TREE = { seed: 'files200k', folders: 1000, files: 200, bytesMin: 20, bytesMax: 60 };

/** A context of 200,000 small files: what each file costs, in time and in memory. */
export const files200k: Workload = {
  name: 'files200k',
  rows({ contexts, scratch }) {
    const context = writeContext(contexts, 'files200k', { Dockerfile: 'FROM busybox:latest\nCOPY tree /data\n' });
    const tree = join(context, 'tree');
    writeTree(tree, TREE);
    const target = join(scratch, 'copy200k');
    const build = { context, tag: 'bench/files200k' };
    return [
      {
        name: 'files200k-cold',
        title: 'COPY of 200,000 files, cold',
        warmups: 0,
        rounds: 3,
        limit: limitProgram('copy-tree', tree, target),
        limitTitle: 'walk + read + sha256 + write + sync',
        goal: 'memory < 200 MB',
        prepare: (contender) =>
          contender === 'limit' ? rmSync(target, { force: true }) : contender.forget('bench/files200k'),
        command: (contender) => contender.build({ ...build, cold: true }),
      },
      {
        name: 'files200k-unchanged',
        title: 'same, nothing changed',
        warmups: 0,
        rounds: 3,
        limit: limitProgram('sweep', tree),
        limitTitle: 'lstat sweep, node start included',
        goal: 'memory < 200 MB',
        command: (contender) => contender.build({ ...build, cold: false }),
      },
    ];
  },
};
