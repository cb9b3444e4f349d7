import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pseudoRandom, writeContext } from '../contexts.ts';
import { limitProgram, type Workload } from '../types.ts';

const FOLDERS = 200;
const FILES = 100;
const BYTES_MIN = 2000;
const BYTES_MAX = 6100;

/** COPY of 20,000 files of about 4 KiB: cold, unchanged, with one file changed. */
export const files20k: Workload = {
  name: 'files20k',
  rows({ contexts, scratch }) {
    const context = writeContext(contexts, 'files20k', { Dockerfile: 'FROM busybox:latest\nCOPY tree /data\n' });
    const tree = join(context, 'tree');
    writeTree(tree);
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

/** The same files at every call. */
function writeTree(tree: string): void {
  if (existsSync(`${tree}.done`)) return;
  const random = pseudoRandom('files20k');
  for (let i = 0; i < FOLDERS; i++) {
    const folder = join(tree, `d${String(i).padStart(3, '0')}`);
    mkdirSync(folder, { recursive: true });
    for (let j = 0; j < FILES; j++) {
      const size = BYTES_MIN + (random.readUInt32LE() % (BYTES_MAX - BYTES_MIN));
      const text = random
        .bytes(Math.ceil(size * 0.75))
        .toString('base64')
        .slice(0, size);
      writeFileSync(join(folder, `f${String(j).padStart(3, '0')}.txt`), text);
    }
  }
  writeFileSync(`${tree}.done`, '');
}
