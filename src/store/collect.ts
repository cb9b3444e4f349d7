import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, messageOf } from '../base/index.ts';
import type { Digest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import { BUILD_LOGS_MAX_BYTES, BUILDS_KEPT, dropOldBuilds } from './builds.ts';
import { dropLooseRecords, dropUnusedInputs, removeRecord } from './cache-records.ts';
import { livingHolds, measureCacheMounts, removeCacheMount } from './cache-mounts.ts';
import { chooseCacheParts, type CachePart } from './cache-value.ts';
import { isBeingMade } from './container-file.ts';
import { requireWritable, type StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { findDeadBlobs, findDeadDerived, namesIn, type DeadFile, type Living } from './dead-files.ts';
import { dropOldEvents } from './events.ts';
import { failpoint } from './failpoint.ts';
import { removeTree, statOf } from './files.ts';
import { removeImage, removeImageIndex } from './images.ts';
import { sweepLeases } from './leases.ts';
import { gatherRoots, generationOf, Marker, type Roots } from './reach.ts';
import { ensureReserve } from './reserve.ts';
import { digest, integer } from './row.ts';
import { moveAway, sweepStaging } from './staging.ts';
import type { CollectOptions, CollectReport } from './types.ts';

/** Files that one transaction moves away: what it holds the database for. */
const FILES_AT_ONCE = 32;
const RECORDS_AT_ONCE = 200;
/** Records that no key leads to serve `findNearest` only, and for this long. */
const LOOSE_RECORDS_MS = 30 * 24 * 3600 * 1000;
const STAT_CACHES_MS = 60 * 24 * 3600 * 1000;

/** Deletes what nothing reaches: staging, then records, then files. Every step is whole in itself. */
export async function collect(
  context: StoreContext,
  blobs: BlobFiles,
  options: CollectOptions,
): Promise<CollectReport> {
  requireWritable(context);
  return await new Collection(context, blobs, options).run();
}

const UNTAGGED_INDEXES =
  "SELECT digest FROM image_indexes WHERE digest NOT IN (SELECT digest FROM tags WHERE kind = 'index')";
/** An image that an index names is as tagged as the index. */
const UNTAGGED_IMAGES = `SELECT id FROM images
  WHERE id NOT IN (SELECT digest FROM tags WHERE kind = 'image')
  AND id NOT IN (
    SELECT entry.value ->> '$.imageId' FROM image_indexes, json_each(image_indexes.entries) AS entry
    WHERE entry.value ->> '$.imageId' IS NOT NULL)`;

class Collection {
  readonly #context: StoreContext;
  readonly #blobs: BlobFiles;
  readonly #options: CollectOptions;
  readonly #marker: Marker;
  readonly #deadline: number;
  readonly #deleted = { blob: 0, derived: 0, records: 0, mounts: 0, bytes: 0 };
  readonly #images: Digest[] = [];
  readonly #failures: { readonly path: string; readonly message: string }[] = [];
  #unreadable: readonly Digest[] = [];
  #complete = true;

  constructor(context: StoreContext, blobs: BlobFiles, options: CollectOptions) {
    this.#context = context;
    this.#blobs = blobs;
    this.#options = options;
    this.#marker = new Marker(blobs);
    this.#deadline = performance.now() + (options.budgetMs ?? Infinity);
  }

  async run(): Promise<CollectReport> {
    this.#deleted.bytes += await sweepStaging(this.#context);
    await this.#write((sql) => sweepLeases(sql, this.#context.clock()));
    await this.#removeImages();
    await this.#removeCacheRecords();
    await this.#dropHistory();
    await this.#removeFiles();
    if (this.#goesOn()) await this.#sweepFolders();
    ensureReserve(this.#context.layout.reserveFile);
    return {
      deletedBlobs: this.#deleted.blob,
      deletedDerived: this.#deleted.derived,
      deletedRecords: this.#deleted.records,
      deletedCacheMounts: this.#deleted.mounts,
      deletedImages: this.#images,
      freedBytes: this.#deleted.bytes,
      complete: this.#complete,
      unreadable: this.#unreadable,
      failures: this.#failures,
    };
  }

  #goesOn(): boolean {
    this.#options.signal?.throwIfAborted();
    if (performance.now() < this.#deadline) return true;
    this.#complete = false;
    return false;
  }

  async #write<T>(work: (sql: Sql) => T): Promise<T> {
    return await this.#context.db.write(work, { frees: true });
  }

  /** Images that a container uses, or a command that is under way, stay. */
  async #removeImages(): Promise<void> {
    const { images = 'keep' } = this.#options;
    if (images === 'keep') return;
    const removed = await this.#write((sql) => {
      const now = this.#context.clock();
      const used = gatherRoots(sql, now, ['containers', 'leases']).blobs;
      const indexes = sql.all(images === 'all' ? 'SELECT digest FROM image_indexes' : UNTAGGED_INDEXES);
      for (const row of indexes) removeImageIndex(this.#context, sql, digest(row, 'digest'), { now, reason: 'prune' });
      const ids = sql
        .all(images === 'all' ? 'SELECT id FROM images' : UNTAGGED_IMAGES)
        .map((row) => digest(row, 'id'))
        .filter((id) => !used.has(id));
      for (const id of ids) removeImage(this.#context, sql, id, { now, reason: 'prune' });
      return ids;
    });
    this.#images.push(...removed);
  }

  async #removeCacheRecords(): Promise<void> {
    const { maxCacheBytes = Infinity, cacheUnusedSince = 0, cacheFreshSince = Infinity } = this.#options;
    if (maxCacheBytes === Infinity && cacheUnusedSince === 0) return;
    const limits = { maxBytes: maxCacheBytes, unusedSince: cacheUnusedSince, freshSince: cacheFreshSince };
    await measureCacheMounts(this.#context, { budgetMs: Math.max(0, this.#deadline - performance.now()) });
    const chosen = await chooseCacheParts(this.#context, this.#marker, limits);
    for (let i = 0; i < chosen.length && this.#goesOn(); i += RECORDS_AT_ONCE) {
      await this.#removeParts(chosen.slice(i, i + RECORDS_AT_ONCE));
    }
  }

  /** A mount that came into use meanwhile stays. */
  async #removeParts(parts: readonly CachePart[]): Promise<void> {
    const away: string[] = [];
    let mounts = { count: 0, bytes: 0 };
    await this.#write((sql) => {
      const holds = livingHolds(sql, this.#context.clock());
      mounts = { count: 0, bytes: 0 };
      for (const part of parts) {
        if (part.kind === 'record') removeRecord(sql, part.id);
        else if (!holds.has(part.id)) {
          const row = sql.first('SELECT coalesce(size, 0) AS size FROM cache_mounts WHERE id = ?', part.id);
          if (!removeCacheMount(this.#context, sql, { id: part.id, away })) continue;
          mounts.count++;
          mounts.bytes += row === undefined ? 0 : integer(row, 'size');
        }
      }
    });
    for (const path of away) await removeTree(path);
    this.#deleted.records += parts.filter((part) => part.kind === 'record').length;
    this.#deleted.mounts += mounts.count;
    this.#deleted.bytes += mounts.bytes;
  }

  async #dropHistory(): Promise<void> {
    if (!this.#goesOn()) return;
    await this.#write((sql) => {
      this.#deleted.records += dropLooseRecords(sql, this.#context.clock() - LOOSE_RECORDS_MS);
      dropOldEvents(sql);
      const limits = { kept: BUILDS_KEPT, logBytesMax: BUILD_LOGS_MAX_BYTES, startedBefore: 0 };
      dropOldBuilds(sql, { ...limits, ...this.#options.builds });
      dropUnusedInputs(sql);
    });
  }

  async #removeFiles(): Promise<void> {
    if (!this.#goesOn()) return;
    let marked = await this.#mark();
    this.#unreadable = marked.living.reach.unreadable;
    failpoint('collect.marked');
    const dead = [
      ...(this.#refuses() ? [] : await findDeadBlobs(this.#context, this.#blobs, marked.living)),
      ...(await findDeadDerived(this.#context, marked.living)),
    ].toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    // A record that was removed must not come back after a power cut without its files.
    if (dead.length > 0) this.#context.db.settle();
    // At least one batch, so that a store too large to be marked in time shrinks nevertheless.
    for (let i = 0; i < dead.length && (i === 0 || this.#goesOn());) {
      const done = await this.#removeBatch(dead.slice(i, i + FILES_AT_ONCE), marked);
      if (done) i += FILES_AT_ONCE;
      else marked = await this.#mark();
    }
    await this.#dropLayerRecords(marked);
  }

  #refuses(): boolean {
    return this.#unreadable.length > 0 && this.#options.force !== true;
  }

  async #mark(): Promise<Marked> {
    for (;;) {
      const roots = await this.#context.db.read((sql) => gatherRoots(sql, this.#context.clock()));
      await this.#marker.readManifests(roots);
      const reach = await this.#context.db.read((sql) => this.#marker.resolve(roots, sql));
      if (reach !== undefined) return { roots, living: { reach, derived: roots.derived } };
    }
  }

  /**
   * One transaction: looks again at what is reachable now, moves files out of sight and forgets them. False when a
   * manifest has been recorded that was not read yet.
   */
  async #removeBatch(batch: readonly DeadFile[], marked: Marked): Promise<boolean> {
    // Kept when the transaction runs a second time: what it moved the first time is gone from its place.
    const away: string[] = [];
    const done = await this.#write((sql) => {
      const living = this.#livingIn(sql, marked);
      if (living === undefined) return false;
      if (living.reach.unreadable.length > 0) this.#unreadable = living.reach.unreadable;
      for (const file of batch) {
        if (file.kind === 'blob' && this.#refuses()) continue;
        if (file.isDead(sql, living)) this.#remove(sql, file, away);
      }
      failpoint('collect.moved');
      return true;
    });
    failpoint('collect.recorded');
    for (const path of away) await removeTree(path);
    return done;
  }

  /** Leases are looked at each time, the rest only when something reachable has been added since. */
  #livingIn(sql: Sql, marked: Marked): Living | undefined {
    const now = this.#context.clock();
    const changed = generationOf(sql) !== marked.roots.generation;
    const roots = gatherRoots(sql, now, changed ? undefined : ['leases']);
    const reach = this.#marker.resolve(roots, sql);
    if (reach === undefined) return undefined;
    if (changed) return { reach, derived: roots.derived };
    const { living } = marked;
    return {
      reach: {
        blobs: living.reach.blobs.union(reach.blobs),
        layers: living.reach.layers.union(reach.layers),
        unreadable: [...living.reach.unreadable, ...reach.unreadable],
      },
      derived: living.derived.union(roots.derived),
    };
  }

  /** The file first: where it cannot be removed its record stays too. */
  #remove(sql: Sql, file: DeadFile, away: string[]): void {
    try {
      const stat = statOf(file.path);
      if (stat !== undefined) {
        this.#moveAway(file.path, away);
        this.#deleted[file.kind]++;
        this.#deleted.bytes += stat.isDirectory() ? file.sizeBytes : Number(stat.blocks) * 512;
      }
      file.forget(sql);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#failures.push({ path: file.path, message: messageOf(error) });
    }
  }

  #moveAway(path: string, away: string[]): void {
    try {
      away.push(moveAway(this.#context, path));
    } catch (error) {
      // A full disk may have no room for the name.
      if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw error;
      if (statOf(path)?.isDirectory() === true) away.push(path);
      else unlinkSync(path);
    }
  }

  /** What is known of layers that nothing names any more. */
  async #dropLayerRecords(marked: Marked): Promise<void> {
    if (this.#refuses() || !this.#goesOn()) return;
    await this.#write((sql) => {
      const living = this.#livingIn(sql, marked);
      if (living === undefined) return;
      const known = sql.all('SELECT diff_id FROM layers UNION SELECT diff_id FROM encodings');
      for (const row of known) {
        const layer = digest(row, 'diff_id');
        if (living.reach.layers.has(layer) || living.reach.blobs.has(layer)) continue;
        sql.run('DELETE FROM layers WHERE diff_id = ?', layer);
        sql.run('DELETE FROM encodings WHERE diff_id = ?', layer);
      }
    });
  }

  /** Folders of containers and builds without a record, and stat caches that nobody has used for long. */
  async #sweepFolders(): Promise<void> {
    const { layout } = this.#context;
    await this.#sweepFolder(layout.folder('containers'), 'containers', (id) => isBeingMade(layout, id));
    await this.#sweepFolder(layout.folder('build-logs'), 'builds');
    await this.#sweepFolder(layout.folder('cache-mounts'), 'cache_mounts');
    const oldest = this.#context.clock() - STAT_CACHES_MS;
    for (const name of namesIn(layout.folder('sources'))) {
      const path = join(layout.folder('sources'), name);
      const stat = statOf(path);
      if (name.startsWith('stat-') && stat !== undefined && Number(stat.mtimeMs) < oldest) await removeTree(path);
    }
  }

  async #sweepFolder(
    folder: string,
    table: 'containers' | 'builds' | 'cache_mounts',
    isMaking: (name: string) => boolean = () => false,
  ): Promise<void> {
    const isKnown = `SELECT 1 FROM ${table} WHERE id = ?`;
    const unknown = (sql: Sql, name: string): boolean => sql.first(isKnown, name) === undefined && !isMaking(name);
    const suspects = await this.#context.db.read((sql) => namesIn(folder).filter((name) => unknown(sql, name)));
    for (const name of suspects) {
      const away: string[] = [];
      await this.#write((sql) => {
        if (statOf(join(folder, name)) !== undefined && unknown(sql, name)) this.#moveAway(join(folder, name), away);
      });
      for (const path of away) await removeTree(path);
    }
  }
}

interface Marked {
  readonly roots: Roots;
  readonly living: Living;
}
