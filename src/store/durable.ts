import { close, closeSync, constants, fdatasync, fstatSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { isSystemError, mapPool, messageOf, ShaleError, syncFolder } from '../base/index.ts';
import type { Digest } from '../oci/index.ts';
import { rowIn } from './blobs.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { failpoint } from './failpoint.ts';
import { mtimeUs, removeTree } from './files.ts';
import { flag } from './row.ts';

const sync = promisify(fdatasync);
const closeLater = promisify(close);

/** Descriptors of fresh blobs that are kept open until they are synced; beyond that they are opened again. */
const KEPT_DESCRIPTORS_MAX = 128;
const SYNCS_AT_ONCE = 8;

/** A blob whose bytes are on disk, as they were when they were synced. */
interface Synced {
  readonly digest: Digest;
  readonly mtimeUs: number;
}

/** Brings blobs to disk. */
export class Durability {
  readonly #context: StoreContext;
  readonly #kept = new Map<Digest, number>();

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Takes over the descriptor of a blob that was just written: syncing through it reports every write error. */
  keep(digest: Digest, fd: number): void {
    const before = this.#kept.get(digest);
    if (before !== undefined) closeSync(before);
    this.#kept.set(digest, fd);
    if (this.#kept.size <= KEPT_DESCRIPTORS_MAX) return;
    for (const [oldest, descriptor] of this.#kept) {
      this.#kept.delete(oldest);
      closeSync(descriptor);
      return;
    }
  }

  /** Syncs what is not synced yet; give the answer to `markSynced` in a later transaction. */
  async sync(digests: Iterable<Digest>): Promise<readonly Synced[]> {
    const wanted = [...new Set(digests)];
    const pending = await this.#context.db.read((sql) => wanted.filter((digest) => !isSynced(sql, digest)));
    if (pending.length === 0) return [];
    const synced = await mapPool(pending, SYNCS_AT_ONCE, (digest) => this.#syncOne(digest));
    await syncFolder(this.#context.layout.blobs);
    failpoint('durable.synced');
    return synced;
  }

  markSynced(sql: Sql, synced: readonly Synced[]): void {
    for (const { digest, mtimeUs: time } of synced) {
      // Another writer may have repaired the file meanwhile; that one is not synced.
      sql.run('UPDATE blobs SET synced = 1 WHERE digest = ? AND mtime_us = ?', digest, time);
    }
  }

  close(): void {
    for (const fd of this.#kept.values()) closeSync(fd);
    this.#kept.clear();
  }

  async #syncOne(digest: Digest): Promise<Synced> {
    const fd = this.#kept.get(digest) ?? this.#open(digest);
    this.#kept.delete(digest);
    try {
      await sync(fd);
      return { digest, mtimeUs: mtimeUs(fstatSync(fd, { bigint: true })) };
    } catch (error) {
      await this.#giveUp(digest);
      throw new ShaleError('DURABILITY_FAILED', `cannot bring ${digest} to disk: ${messageOf(error)}`, {
        data: { digest },
        cause: error,
        hint: 'the disk reported an error: look at its health, then run the command again',
      });
    } finally {
      await closeLater(fd);
    }
  }

  #open(digest: Digest): number {
    try {
      return openSync(this.#context.layout.blob(digest), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ELOOP')) throw error;
      throw new ShaleError('BLOB_NOT_FOUND', `blob ${digest} is not in the store`, { data: { digest } });
    }
  }

  /** After a failed sync memory and disk may differ unseen, so the blob must not be used again. */
  async #giveUp(digest: Digest): Promise<void> {
    await removeTree(this.#context.layout.blob(digest));
    await this.#context.db.write((sql) => sql.run('DELETE FROM blobs WHERE digest = ?', digest), { frees: true });
  }
}

function isSynced(sql: Sql, digest: Digest): boolean {
  const row = rowIn(sql, digest);
  return row !== undefined && flag(row, 'synced');
}
