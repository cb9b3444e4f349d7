import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pseudoRandom, writeContext } from '../contexts.ts';
import { limitProgram, type Workload } from '../types.ts';

const SIZE_BYTES = 1024 ** 3;
const CHUNK_BYTES = 8 * 1024 * 1024;

/** COPY of one large file that does not compress. */
export const file1g: Workload = {
  name: 'file1g',
  rows({ contexts, scratch }) {
    const context = writeContext(contexts, 'file1g', { Dockerfile: 'FROM busybox:latest\nCOPY data /data\n' });
    const blob = join(context, 'data/blob');
    writeBlob(blob);
    const target = join(scratch, 'copy');
    return [
      {
        name: 'file1g-cold',
        title: 'COPY of one 1 GiB file, cold',
        warmups: 0,
        rounds: 5,
        limit: limitProgram('copy-tree', join(context, 'data'), target),
        limitTitle: 'read + sha256 + write + sync',
        goal: '≤ 1.3 × limit',
        prepare: (contender) =>
          contender === 'limit' ? rmSync(target, { force: true }) : contender.forget('bench/file1g'),
        command: (contender) => contender.build({ context, tag: 'bench/file1g', cold: true }),
      },
    ];
  },
};

function writeBlob(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.size === SIZE_BYTES) return;
  mkdirSync(dirname(path), { recursive: true });
  const random = pseudoRandom('file1g');
  const file = openSync(path, 'w');
  for (let done = 0; done < SIZE_BYTES; done += CHUNK_BYTES) writeSync(file, random.bytes(CHUNK_BYTES));
  closeSync(file);
}
