import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type Owner } from '../base/index.ts';
import type { StoreContext } from './context.ts';
import { removeTree, statOf } from './files.ts';
import { flag, integer, text } from './row.ts';
import { ownerIn } from './leases.ts';

/** Interrupted writes with a name are kept this long, to be resumed. */
const RESUMABLE_MS = 24 * 3600 * 1000;

let counter = 0;

/** A new name in `ingest/` that says whose it is, so that anyone can sweep it once that process is gone. */
export function stagingPath(context: Pick<StoreContext, 'layout' | 'owner'>): string {
  const { bootId, pid, startTime } = context.owner;
  return join(context.layout.ingest, `${bootId.replaceAll(/[^\w-]/g, '')}.${pid}.${startTime}.${++counter}`);
}

/** Moves something out of sight with one rename; the caller then removes what it is given. */
export function moveAway(context: Pick<StoreContext, 'layout' | 'owner'>, path: string): string {
  const away = stagingPath(context);
  renameSync(path, away);
  return away;
}

/** Removes what dead processes left in `ingest/`. Gives the number of bytes that files took. */
export async function sweepStaging(context: StoreContext): Promise<number> {
  let freed = 0;
  const kept = await sweepNamed(context);
  for (const name of readdirSync(context.layout.ingest)) {
    const path = join(context.layout.ingest, name);
    if (kept.has(name) || isLiving(name)) continue;
    const stat = statOf(path);
    // A named write without a record is one that begins just now, or whose record a power cut took.
    if (name.startsWith('ref-') && stat !== undefined && context.clock() - Number(stat.mtimeMs) < RESUMABLE_MS)
      continue;
    freed += stat?.isFile() === true ? Number(stat.blocks) * 512 : 0;
    await removeTree(path);
  }
  return freed;
}

/** Forgets interrupted named writes that are too old; gives the names of the files that stay. */
async function sweepNamed(context: StoreContext): Promise<ReadonlySet<string>> {
  const oldest = context.clock() - RESUMABLE_MS;
  const rows = await context.db.read((sql) => sql.all('SELECT * FROM ingests'));
  if (rows.length === 0) return new Set();
  return await context.db.write(
    (sql) => {
      const kept = new Set<string>();
      for (const row of sql.all('SELECT * FROM ingests')) {
        const held = flag(row, 'held') && isAlive(ownerIn(row));
        if (held || integer(row, 'at') > oldest) kept.add(text(row, 'file'));
        else sql.run('DELETE FROM ingests WHERE ref = ?', text(row, 'ref'));
      }
      return kept;
    },
    { frees: true },
  );
}

function isLiving(name: string): boolean {
  const owner = ownerOfName(name);
  return owner !== undefined && isAlive(owner);
}

function ownerOfName(name: string): Owner | undefined {
  const [bootId, pid, startTime] = name.split('.');
  if (bootId === undefined || pid === undefined || startTime === undefined) return undefined;
  return { bootId, pid: Number(pid), startTime };
}
