import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../base/index.ts';
import { requireWritable, type StoreContext } from './context.ts';
import { fileError } from './files.ts';
import { StatTable } from './stat-table.ts';
import { stagingPath } from './staging.ts';
import type { SeenFile, SeenFiles, StatCache, StatCaches } from './types.ts';

/** The kernel's coarse clock may lag by a tick, so a time stamp this close before the sweep is "not older" too. */
const CLOCK_TICK_NS = 20_000_000n;
/** A file system that stores whole seconds, or (FAT) every other one. */
const COARSE_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;

export function createStatCaches(context: StoreContext): StatCaches {
  const path = (rootId: string): string =>
    join(context.layout.folder('sources'), `stat-${createHash('sha256').update(rootId).digest('hex').slice(0, 40)}`);
  return {
    load: async (rootId) => readCache(path(rootId)) ?? EMPTY,
    save: async (rootId, seen) => {
      requireWritable(context);
      const staged = stagingPath(context);
      try {
        const fd = openSync(staged, 'wx+', 0o600);
        try {
          StatTable.write(fd, () => settled(seen));
        } finally {
          closeSync(fd);
        }
        renameSync(staged, path(rootId));
      } catch (error) {
        throw fileError('cannot write', staged, error);
      }
    },
  };
}

const EMPTY: StatCache = { count: 0, find: () => undefined };

function readCache(path: string): StatCache | undefined {
  try {
    return StatTable.decode(readFileSync(path));
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** git's "racy" rule: a file that changed as late as the sweep may change again without a new time stamp. */
function* settled({ startedAtMs, files }: SeenFiles): Generator<SeenFile> {
  const startNs = BigInt(Math.floor(startedAtMs)) * 1_000_000n;
  for (const file of files) {
    const { mtimeNs, ctimeNs } = file.stat;
    const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
    const isCoarse = mtimeNs % SECOND_NS === 0n && ctimeNs % SECOND_NS === 0n;
    if (latest < startNs - (isCoarse ? COARSE_NS : CLOCK_TICK_NS)) yield file;
  }
}
