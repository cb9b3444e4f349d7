import { chmodSync, mkdirSync } from 'node:fs';
import { isSystemError, ShaleError } from '../base/index.ts';
import { isDigest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import { removeRecord } from './cache-records.ts';
import { check } from './check.ts';
import { requireWritable, type StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { derivedPath } from './derived.ts';
import { failpoint } from './failpoint.ts';
import { removeTree, statOf } from './files.ts';
import { FIRST_FOLDERS } from './layout.ts';
import { livingLeases, ownerIn } from './leases.ts';
import { text } from './row.ts';
import { moveAway } from './staging.ts';
import { isJournalCurrent, writeJournal } from './tag-journal.ts';
import { removeTag } from './tags.ts';
import type { CheckOptions, Problem, RepairReport } from './types.ts';

/**
 * Mends what `check` found, one problem at a time, each in one transaction that first looks whether the problem is
 * still the same. Damaged bytes are only ever removed, never changed, so a second run finds nothing to do.
 */
export async function repair(
  context: StoreContext,
  blobs: BlobFiles,
  options: CheckOptions = {},
): Promise<RepairReport> {
  requireWritable(context);
  const before = await check(context, blobs, { ...options, database: true });
  // What would be written now could make it worse; `rebuildDatabase` comes first.
  if (before.problems.some(({ code }) => code === 'DATABASE_DAMAGED'))
    return { ...before, repaired: [], remaining: before.problems };
  const repaired: Problem[] = [];
  for (const problem of before.problems) {
    if (problem.remedy === 'none' || problem.remedy === 'refetch') continue;
    if (await mend(context, blobs, problem)) repaired.push(problem);
    failpoint('repair.step');
  }
  if (repaired.length === 0) return { ...before, repaired, remaining: before.problems };
  const after = await check(context, blobs, options);
  return { ...before, repaired, remaining: after.problems };
}

async function mend(context: StoreContext, blobs: BlobFiles, problem: Problem): Promise<boolean> {
  try {
    return await mendOne(context, blobs, problem);
  } catch (error) {
    // What the system does not let us remove stays in the report.
    if (isSystemError(error)) return false;
    throw error;
  }
}

async function mendOne(context: StoreContext, blobs: BlobFiles, problem: Problem): Promise<boolean> {
  const { path = '' } = problem;
  switch (problem.code) {
    case 'STORE_MODE':
      chmodSync(path, 0o700);
      return true;
    case 'BLOB_TRUNCATED':
    case 'BLOB_GROWN':
    case 'BLOB_CORRUPT':
    case 'BLOB_NOT_A_FILE':
      return await removeBlob(context, blobs, problem);
    case 'TAG_DANGLING':
      return await context.db.write((sql) => removeTag(context, sql, path, context.clock(), 'repair'), { frees: true });
    case 'TAG_JOURNAL_STALE':
      return await context.db.write((sql) => mendJournal(context, sql), { frees: true });
    case 'INDEX_STALE':
    case 'INDEX_MISSING':
    case 'INDEX_UNMANAGED':
      return await removeAt(context, path, (sql) => forgetDerived(context, sql, path));
    case 'CACHE_RECORD_BROKEN':
      await context.db.write((sql) => removeRecord(sql, Number(path)), { frees: true });
      return true;
    case 'CONTAINER_FOLDER_MISSING':
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return true;
    case 'CONTAINER_FOLDER_UNMANAGED':
      return await removeAt(context, path, () => {});
    case 'BLOB_MISSING':
    case 'BLOB_UNREADABLE':
    case 'MANIFEST_UNREADABLE':
    case 'DATABASE_DAMAGED':
      return false;
  }
}

/** Asked again within the transaction: a check may have looked while another command wrote. */
function mendJournal(context: StoreContext, sql: Sql): boolean {
  if (isJournalCurrent(context.layout, sql)) return false;
  writeJournal(context, sql);
  return true;
}

async function removeBlob(context: StoreContext, blobs: BlobFiles, problem: Problem): Promise<boolean> {
  const { digest: blob, path = '' } = problem;
  if (!isDigest(blob)) return false;
  // Another process may have put it right since the check.
  const seen = statOf(path);
  if (seen !== undefined && (await blobs.verify(blob)) === 'whole') return false;
  return await removeAt(
    context,
    path,
    (sql) => {
      sql.run('DELETE FROM blobs WHERE digest = ?', blob);
    },
    seen?.ino,
  );
}

/** Moves a file away together with its record, unless it is another file by now than `ino`. */
async function removeAt(
  context: StoreContext,
  path: string,
  forget: (sql: Sql) => void,
  ino?: bigint,
): Promise<boolean> {
  let away: string | undefined;
  const removed = await context.db.write(
    (sql) => {
      const stat = statOf(path);
      if (ino !== undefined && stat !== undefined && stat.ino !== ino) return false;
      if (stat !== undefined) away = moveAway(context, path);
      forget(sql);
      return true;
    },
    { frees: true },
  );
  if (away !== undefined) await removeTree(away);
  return removed;
}

function forgetDerived(context: StoreContext, sql: Sql, path: string): void {
  for (const row of sql.all('SELECT * FROM derived')) {
    const folder = text(row, 'folder') === 'trees' ? 'trees' : 'index';
    const [kind, version, key] = [text(row, 'kind'), Number(row['version']), row['key']];
    if (!isDigest(key) || derivedPath(context.layout.root, { folder, name: kind, version }, key) !== path) continue;
    sql.run(
      'DELETE FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?',
      folder,
      kind,
      version,
      key,
    );
  }
}

const TABLES = [
  'blobs',
  'ingests',
  'derived',
  'layers',
  'encodings',
  'images',
  'image_layers',
  'image_manifests',
  'image_indexes',
  'tags',
  'tag_log',
  'inputs',
  'cache_records',
  'cache_keys',
  'cache_reach',
  'cache_mounts',
  'builds',
  'build_steps',
  'containers',
  'events',
  'leases',
  'lease_resources',
] as const;

/** Empties records and folders in one transaction; then removes what was moved away. */
export async function reset(context: StoreContext, options: { readonly force?: boolean } = {}): Promise<void> {
  requireWritable(context);
  const away: string[] = [];
  await context.db.write(
    (sql) => {
      if (options.force !== true) requireUnused(context, sql);
      for (const table of TABLES) sql.run(`DELETE FROM ${table}`);
      sql.run("UPDATE meta SET value = value + 1 WHERE key = 'generation'");
      for (const folder of FIRST_FOLDERS) {
        const path = `${context.layout.root}/${folder}`;
        if (folder === 'ingest' || statOf(path) === undefined) continue;
        away.push(moveAway(context, path));
        mkdirSync(path, { recursive: true, mode: 0o700 });
      }
      const { tagJournal } = context.layout;
      if (statOf(tagJournal) !== undefined) away.push(moveAway(context, tagJournal));
    },
    { durable: true, frees: true },
  );
  context.session.forget();
  for (const path of away) await removeTree(path);
}

function requireUnused(context: StoreContext, sql: Sql): void {
  const living = livingLeases(sql, context.clock());
  for (const row of sql.all('SELECT * FROM leases')) {
    const id = text(row, 'id');
    if (!living.has(id) || id === context.session.id) continue;
    const { pid } = ownerIn(row);
    throw new ShaleError('STORE_IN_USE', `process ${pid} is using the store`, {
      data: { pid },
      hint: 'wait for it, or use --force',
    });
  }
  const active = sql.first('SELECT name FROM containers WHERE active = 1');
  if (active === undefined) return;
  const name = text(active, 'name');
  throw new ShaleError('STORE_IN_USE', `container ${name} is running`, {
    data: { name },
    hint: `stop it first ("shale stop ${name}")`,
  });
}
