import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../base/index.ts';
import { isDigest, type Digest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import { blobSizes } from './cache-value.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { derivedKey, derivedPath } from './derived.ts';
import { diskUsage } from './files.ts';
import type { Reach } from './reach.ts';
import { digest, integer, jsonList, text, type Row } from './row.ts';

/** What is reachable, as a transaction sees it. */
export interface Living {
  readonly reach: Reach;
  /** Keys of derived files that a lease holds. */
  readonly derived: ReadonlySet<Digest>;
}

/** A file or folder that nothing reached when it was looked at. */
export interface DeadFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly kind: 'blob' | 'derived';
  /** The same question again, inside the transaction that removes it. */
  isDead(sql: Sql, living: Living): boolean;
  /** Removes its record. */
  forget(sql: Sql): void;
}

export async function findDeadBlobs(
  context: StoreContext,
  blobs: BlobFiles,
  living: Living,
): Promise<readonly DeadFile[]> {
  // Sizes as recorded: looking at ten thousand files would take longer than a command's end may.
  const sizes = await context.db.read(blobSizes);
  const all = new Set<Digest>([...sizes.keys(), ...blobs.digestsOnDisk()]);
  return [...all]
    .filter((blob) => !living.reach.blobs.has(blob))
    .map((blob) => deadBlob(blobs.path(blob), blob, sizes.get(blob) ?? 0));
}

function deadBlob(path: string, blob: Digest, sizeBytes: number): DeadFile {
  return {
    path,
    sizeBytes,
    kind: 'blob',
    isDead: (_sql, living) => !living.reach.blobs.has(blob),
    forget: (sql) => {
      sql.run('DELETE FROM blobs WHERE digest = ?', blob);
    },
  };
}

/** One place in `index/` or `trees/`. */
interface Place {
  readonly folder: 'index' | 'trees';
  readonly name: string;
  readonly version: number;
  readonly key: Digest;
}

export async function findDeadDerived(context: StoreContext, living: Living): Promise<readonly DeadFile[]> {
  const { layout, db } = context;
  const rows = await db.read((sql) => sql.all('SELECT * FROM derived'));
  const newest = newestVersions(rows);
  const dead: DeadFile[] = [];
  const recorded = new Set<string>();
  for (const row of rows) {
    const place = placeIn(row);
    const file = deadDerived(derivedPath(layout.root, place, place.key), place, integer(row, 'size'), newest);
    recorded.add(file.path);
    if (isRowDead(row, living, newest)) dead.push(await sized(file, text(row, 'type')));
  }
  for (const place of derivedOnDisk(layout.root)) {
    const path = derivedPath(layout.root, place, place.key);
    if (!recorded.has(path)) dead.push(await sized(deadDerived(path, place, 0, newest), 'directory'));
  }
  return dead;
}

async function sized(file: DeadFile, type: string): Promise<DeadFile> {
  return type === 'directory' ? { ...file, sizeBytes: await diskUsage(file.path) } : file;
}

function placeIn(row: Row): Place {
  return {
    folder: text(row, 'folder') === 'trees' ? 'trees' : 'index',
    name: text(row, 'kind'),
    version: integer(row, 'version'),
    key: digest(row, 'key'),
  };
}

function deadDerived(path: string, place: Place, sizeBytes: number, newest: ReadonlyMap<string, number>): DeadFile {
  const where = [place.folder, place.name, place.version, place.key] as const;
  return {
    path,
    sizeBytes,
    kind: 'derived',
    isDead: (sql, living) => {
      const row = sql.first(
        'SELECT * FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?',
        ...where,
      );
      return row === undefined || isRowDead(row, living, newest);
    },
    forget: (sql) => {
      sql.run('DELETE FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?', ...where);
    },
  };
}

/** Dead when held by nobody, and made of an unreachable layer or superseded by a newer version of its kind. */
function isRowDead(row: Row, living: Living, newest: ReadonlyMap<string, number>): boolean {
  const place = placeIn(row);
  if (living.derived.has(place.key)) return false;
  if (place.version < (newest.get(kindKey(place)) ?? 0)) return true;
  return !jsonList<unknown>(row, 'layers').every((layer) => isDigest(layer) && living.reach.layers.has(layer));
}

function newestVersions(rows: readonly Row[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const row of rows) {
    const place = placeIn(row);
    newest.set(kindKey(place), Math.max(place.version, newest.get(kindKey(place)) ?? 0));
  }
  return newest;
}

function kindKey(place: Place): string {
  return `${place.folder} ${place.name} ${place.key}`;
}

/** What lies in `index/` and `trees/`, recorded or not. */
export function* derivedOnDisk(root: string): Generator<Place> {
  for (const folder of ['index', 'trees'] as const) {
    for (const kindName of namesIn(join(root, folder))) {
      const [, name, version] = /^([a-z0-9-]+)-v(\d+)$/.exec(kindName) ?? [];
      if (name === undefined) continue;
      for (const entry of namesIn(join(root, folder, kindName))) {
        const key = derivedKey(entry);
        if (key !== undefined) yield { folder, name, version: Number(version), key };
      }
    }
  }
}

export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
