import { closeSync, fsyncSync, openSync, readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { isShaleError, isSystemError, ShaleError, syncFolder, thisOwner } from '../base/index.ts';
import { BlobFiles } from './blobs.ts';
import { readContainerFile } from './container-file.ts';
import { writeContainer } from './containers.ts';
import type { StoreContext } from './context.ts';
import { Database, type Sql } from './database.ts';
import { namesIn } from './dead-files.ts';
import { statOf } from './files.ts';
import { putImage, putImageIndex } from './images.ts';
import { addEncoding, putLayer } from './layer-records.ts';
import { Layout } from './layout.ts';
import { SessionLease } from './leases.ts';
import { foundIn, readDocuments, unpackedLayers, type Found, type UnpackedDigest } from './rebuild-images.ts';
import { isSound, salvage, type Salvaged } from './salvage.ts';
import { FORMAT_VERSION, MIGRATIONS } from './schema.ts';
import { readJournal, restoreMove, tagsAfter, writeJournal } from './tag-journal.ts';
import { readVersion, tooNew, writeVersion } from './version-file.ts';
import type { Row } from './row.ts';
import type { RebuildReport, StoreOptions } from './types.ts';

/**
 * Makes the database anew from the blobs and what stands beside it (docs/formats/store.md, "What is known without the
 * database"), and puts the damaged one aside as `shale.db.damaged`. Nothing else may have the store open. A kill leaves
 * a store without a database, or with the old one; a second run ends the work. `unpack` tells what compressed layers hold.
 * @throws STORE_IN_USE, STORE_NOT_FOUND, NO_SPACE, STORE_IO
 */
export async function rebuildDatabase(options: StoreOptions, unpack: UnpackedDigest): Promise<RebuildReport> {
  const layout = new Layout(options.root);
  if (statOf(layout.blobs) === undefined) {
    throw new ShaleError('STORE_NOT_FOUND', `there is no store at ${layout.root}`, { data: { root: layout.root } });
  }
  requireNobodyElse(layout);
  const version = versionOrNone(layout);
  if (version !== undefined && version > FORMAT_VERSION) throw tooNew(layout, version);
  if (isSound(layout.databaseFile)) {
    if (version !== FORMAT_VERSION) await writeVersion(options, layout, false);
    return { images: 0, tags: 0, containers: 0, rebuilt: false };
  }
  const fresh = `${layout.databaseFile}.new`;
  removeDatabase(fresh);
  const report = await fill(options, layout, { fresh, unpack });
  await swap(layout, fresh);
  if (version !== FORMAT_VERSION) await writeVersion(options, layout, false);
  return report;
}

/** As `readVersion`, where one that says nothing is none. */
function versionOrNone(layout: Layout): number | undefined {
  try {
    return readVersion(layout);
  } catch (error) {
    if (isShaleError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

/** Those who have the database open would go on with the one that is put aside. */
function requireNobodyElse({ databaseFile }: Layout): void {
  for (const pid of namesOrNone('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const folder = join('/proc', pid, 'fd');
    if (!namesOrNone(folder).some((fd) => targetOf(join(folder, fd)) === databaseFile)) continue;
    throw new ShaleError('STORE_IN_USE', `process ${pid} is using the store`, {
      data: { pid: Number(pid) },
      hint: 'wait for it, or end it; containers may run on',
    });
  }
}

function namesOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Of processes that have ended, or that are not ours to look into; or there is no /proc.
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

async function fill(
  options: StoreOptions,
  layout: Layout,
  { fresh: file, unpack }: { readonly fresh: string; readonly unpack: UnpackedDigest },
): Promise<RebuildReport> {
  const clock = options.clock ?? Date.now;
  const owner = options.owner ?? thisOwner();
  const db = new Database({
    file,
    reserveFile: layout.reserveFile,
    giveUpCaches: () => false,
    readOnly: false,
    whyReadOnly: '',
    busyTimeoutMs: options.busyTimeoutMs ?? 0,
  });
  try {
    await db.useLog();
    await db.migrate((from) => ({ statements: MIGRATIONS.slice(from), to: FORMAT_VERSION }));
    const session = new SessionLease({ db, owner, clock, randomBytes: options.randomBytes ?? randomBytes });
    const context: StoreContext = {
      layout,
      db,
      owner,
      clock,
      randomBytes: options.randomBytes ?? randomBytes,
      readOnly: false,
      whyReadOnly: '',
      session,
    };
    const saved = salvage(layout.databaseFile);
    const moves = allMoves(readJournal(layout) ?? [], saved);
    const documents = await readDocuments(new BlobFiles(context));
    const unpacked = await unpackedLayers(layout, documents, unpack);
    const found = foundIn(layout, documents, { unpacked, moves, tags: tagsAfter(moves), saved });
    return await db.write((sql) => {
      writeFound(sql, found, clock());
      writeTags(sql, moves, clock());
      writeJournal(context, sql);
      for (const row of saved.cacheMounts) insert(sql, 'cache_mounts', row);
      const containers = writeContainers(sql, layout, saved);
      return { images: found.images.length, tags: tagsAfter(moves).size, containers, rebuilt: true };
    });
  } finally {
    db.close();
  }
}

/** The journal, and of the old database what the journal does not have. */
function allMoves(journal: readonly Row[], saved: Salvaged): readonly Row[] {
  const known = new Set(journal.map((row) => row['seq']));
  const more = saved.moves.filter((row) => !known.has(row['seq'] ?? null));
  return [...journal, ...more].toSorted((a, b) => Number(a['seq']) - Number(b['seq']));
}

function writeFound(sql: Sql, found: Found, now: number): void {
  for (const layer of found.layers) putLayer(sql, layer);
  for (const { diffId, encoding } of found.encodings) addEncoding(sql, diffId, encoding);
  for (const image of found.images) putImage(sql, image, now);
  for (const index of found.indexes) putImageIndex(sql, index, now);
}

function writeTags(sql: Sql, moves: readonly Row[], now: number): void {
  for (const move of moves) restoreMove(sql, move);
  for (const [name, move] of tagsAfter(moves)) {
    const [kind, digest, at] = [move['to_kind'] ?? null, move['to_digest'] ?? null, move['at'] ?? now];
    sql.run('INSERT INTO tags (name, kind, digest, moved_at) VALUES (?, ?, ?, ?)', name, kind, digest, at);
  }
}

function writeContainers(sql: Sql, layout: Layout, saved: Salvaged): number {
  const there = namesIn(layout.folder('containers'));
  const records = new Map(saved.containers.filter(({ id }) => there.includes(id)).map((one) => [one.id, one]));
  for (const id of there) {
    const record = records.get(id) ?? readContainerFile(layout, id);
    if (record !== undefined) records.set(id, record);
  }
  const names = new Set<string>();
  for (const record of records.values()) {
    // A name that a damaged row gave twice would stop everything; the id is a name too.
    const name = names.has(record.name) ? record.id : record.name;
    names.add(name);
    writeContainer(sql, { ...record, name });
  }
  return records.size;
}

function insert(sql: Sql, table: 'cache_mounts', row: Row): void {
  const columns = Object.keys(row);
  const places = columns.map(() => '?').join(', ');
  sql.run(
    `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${places})`,
    ...columns.map((column) => row[column] ?? null),
  );
}

/** The old one is out of the way with its log before the new one has the name: a log must never meet another database. */
async function swap(layout: Layout, fresh: string): Promise<void> {
  const file = layout.databaseFile;
  const fd = openSync(fresh, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (statOf(file) !== undefined) {
    removeDatabase(`${file}.damaged`);
    renameSync(file, `${file}.damaged`);
  }
  if (statOf(`${file}-wal`) !== undefined) renameSync(`${file}-wal`, `${file}.damaged-wal`);
  rmSync(`${file}-shm`, { force: true });
  await syncFolder(layout.root);
  renameSync(fresh, file);
  await syncFolder(layout.root);
}

function removeDatabase(file: string): void {
  for (const end of ['', '-wal', '-shm']) {
    try {
      rmSync(`${file}${end}`, { force: true });
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }
}
