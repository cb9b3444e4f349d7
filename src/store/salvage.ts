import { DatabaseSync } from 'node:sqlite';
import { isShaleError } from '../base/index.ts';
import { containerIn } from './containers.ts';
import { statOf } from './files.ts';
import { digest, integer, jsonList, text, type Row } from './row.ts';
import { FORMAT_VERSION } from './schema.ts';
import type { ContainerRecord } from './types.ts';

/** What a damaged database still gives: rows that can be read and hold what they should. */
export interface Salvaged {
  readonly containers: readonly ContainerRecord[];
  /** Rows of `tag_log`, `images`, `image_manifests`, `image_indexes`, `layers` and `cache_mounts`. */
  readonly moves: readonly Row[];
  readonly images: readonly Row[];
  readonly manifests: readonly Row[];
  readonly indexes: readonly Row[];
  readonly layers: readonly Row[];
  readonly cacheMounts: readonly Row[];
}

/** Whether a database can be used as it is. */
export function isSound(file: string): boolean {
  return (
    withDatabase(file, (db) => {
      const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
      const said = db.prepare('PRAGMA integrity_check').all();
      return version === FORMAT_VERSION && said.length === 1 && said[0]?.['integrity_check'] === 'ok';
    }) ?? false
  );
}

/** Never throws for what the file holds. */
export function salvage(file: string): Salvaged {
  const rows = (table: string, isWhole: (row: Row) => void): readonly Row[] =>
    withDatabase(file, (db) => readRows(db, table, isWhole)) ?? [];
  return {
    containers: rows('containers', (row) => void containerIn(row)).map(containerIn),
    moves: rows('tag_log', (row) => {
      for (const column of ['name', 'reason']) text(row, column);
      for (const column of ['seq', 'at']) integer(row, column);
      for (const side of ['from', 'to']) {
        if (row[`${side}_digest`] === null) continue;
        digest(row, `${side}_digest`);
        text(row, `${side}_kind`);
      }
    }),
    images: rows('images', (row) => {
      digest(row, 'id');
      for (const column of ['made_here', 'added_at']) integer(row, column);
    }),
    manifests: rows('image_manifests', (row) => {
      digest(row, 'digest');
      jsonList(row, 'repositories');
    }),
    indexes: rows('image_indexes', (row) => {
      digest(row, 'digest');
      jsonList(row, 'repositories');
    }),
    layers: rows('layers', (row) => {
      digest(row, 'diff_id');
      jsonList(row, 'sources');
    }),
    cacheMounts: rows('cache_mounts', (row) => {
      for (const column of ['id', 'name', 'identity']) text(row, column);
      for (const column of ['instance', 'ready', 'uses', 'cost_ms', 'created_at', 'last_used_at']) integer(row, column);
    }),
  };
}

/** Rows up to the first that cannot be read, without those that are not whole. */
function readRows(db: DatabaseSync, table: string, requireWhole: (row: Row) => void): readonly Row[] {
  const rows: Row[] = [];
  try {
    for (const row of db.prepare(`SELECT * FROM ${table}`).iterate()) {
      try {
        requireWhole(row);
        rows.push(row);
      } catch (error) {
        if (!isShaleError(error)) throw error;
      }
    }
  } catch {
    // What SQLite says of a damaged table; whatever came before counts.
  }
  return rows;
}

function withDatabase<T>(file: string, work: (db: DatabaseSync) => T): T | undefined {
  // SQLite would make one.
  if (statOf(file) === undefined) return undefined;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true });
    return work(db);
  } catch {
    return undefined; // Whatever SQLite says: it cannot be read.
  } finally {
    db?.close();
  }
}
