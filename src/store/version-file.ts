import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError, ShaleError, syncFolder, thisOwner } from '../base/index.ts';
import { failpoint } from './failpoint.ts';
import { fileError, statOf } from './files.ts';
import type { Layout } from './layout.ts';
import { ensureReserve } from './reserve.ts';
import { FORMAT_VERSION } from './schema.ts';
import { stagingPath } from './staging.ts';
import type { StoreOptions } from './types.ts';

/** The format in the `version` file; undefined when there is no such file. */
export function readVersion(layout: Layout): number | undefined {
  let source: string;
  try {
    source = readFileSync(layout.versionFile, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw fileError('cannot read', layout.versionFile, error);
  }
  const [, digits] = /^shale store (\d+)\n/.exec(source) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new ShaleError('STORE_DAMAGED', `${layout.versionFile} does not say which format the store has`, {
    data: { path: layout.versionFile },
    hint: 'mend it with "shale system check --repair"',
  });
}

/** Written last when a store is made or migrated: whoever sees it finds all the rest. */
export async function writeVersion(options: Pick<StoreOptions, 'owner'>, layout: Layout, anew: boolean): Promise<void> {
  ensureReserve(layout.reserveFile);
  if (anew) await syncDatabase(layout);
  const staged = stagingPath({ layout, owner: options.owner ?? thisOwner() });
  writeFileSync(staged, `shale store ${FORMAT_VERSION}\n`, { mode: 0o600, flush: true });
  failpoint('open.created');
  renameSync(staged, layout.versionFile);
  await syncFolder(layout.root);
  if (!anew) return;
  await syncFolder(dirname(layout.blobs));
  await syncFolder(dirname(layout.root));
}

async function syncDatabase(layout: Layout): Promise<void> {
  for (const path of [layout.databaseFile, `${layout.databaseFile}-wal`]) {
    if (statOf(path) === undefined) continue;
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

export function tooNew(layout: Layout, version: number): ShaleError {
  return new ShaleError(
    'STORE_TOO_NEW',
    `the store ${layout.root} has format ${version}, this shale knows formats up to ${FORMAT_VERSION}`,
    { data: { root: layout.root, version, known: FORMAT_VERSION }, hint: 'use the newer shale, or another SHALE_HOME' },
  );
}
