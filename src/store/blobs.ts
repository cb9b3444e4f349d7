import { constants, readdirSync, readFileSync, renameSync, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { isSystemError, sha256Hex, ShaleError, SingleFlight } from '../base/index.ts';
import { digestFromHex, hexOf, isDigest, type Digest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { failpoint } from './failpoint.ts';
import { fileError, fileStream, mtimeUs, removeTree, sha256OfFile, statOf } from './files.ts';
import { flag, integer, text, type Row } from './row.ts';
import { moveAway } from './staging.ts';
import type { BlobStat, OpenBlob } from './types.ts';

/** Committed blobs: finding, trusting, reading and placing them. Writing is in ingest.ts. */
export class BlobFiles {
  readonly #context: StoreContext;
  readonly #verifying = new SingleFlight<Digest, boolean>();
  /** What this handle verified and could not record, as `size mtime`. */
  readonly #verified = new Map<Digest, string>();

  constructor(context: StoreContext) {
    this.#context = context;
  }

  path(digest: Digest): string {
    return this.#context.layout.blob(digest);
  }

  async find(digest: Digest): Promise<BlobStat | undefined> {
    // Held first, looked at second: a collection either sees the lease or has already deleted the blob.
    if (!this.#context.readOnly) await this.#context.session.holdForReading([{ kind: 'blob', digest }]);
    return await this.findUnheld(digest);
  }

  /** As `find`, for those who hold the blob already, or do not mind. */
  async findUnheld(digest: Digest): Promise<BlobStat | undefined> {
    const path = this.path(digest);
    const row = await this.#row(digest);
    const stat = statOf(path);
    if (stat === undefined || !stat.isFile()) return undefined;
    const sizeBytes = Number(stat.size);
    if (trusts(row, stat, this.#context.owner.bootId)) {
      return { digest, sizeBytes, path, synced: row !== undefined && flag(row, 'synced') };
    }
    if (!(await this.#verifyOnce(digest, stat, row))) return undefined;
    return { digest, sizeBytes, path, synced: false };
  }

  async get(digest: Digest): Promise<BlobStat> {
    return (await this.find(digest)) ?? this.#fail(digest);
  }

  async open(digest: Digest): Promise<OpenBlob> {
    const { path, sizeBytes } = await this.get(digest);
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      let closed = false;
      return {
        fd: handle.fd,
        path,
        sizeBytes,
        [Symbol.asyncDispose]: async () => {
          if (!closed) await handle.close();
          closed = true;
        },
      };
    } catch (error) {
      throw fileError('cannot open', path, error, { digest });
    }
  }

  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    const path = this.path(digest);
    const stat = statOf(path);
    if (stat === undefined || !stat.isFile()) this.#fail(digest);
    if (stat.size > maxBytes) {
      throw new ShaleError('BLOB_TOO_LARGE', `${digest} has ${stat.size} bytes, more than ${maxBytes}`, {
        data: { digest, maxBytes },
      });
    }
    const bytes = this.#readFile(digest);
    const actual = digestFromHex(sha256Hex(bytes));
    if (actual === digest) return bytes;
    await this.#distrust(digest);
    throw corrupt(digest, this.path(digest), actual);
  }

  #readFile(digest: Digest): Buffer {
    try {
      return readFileSync(this.path(digest), { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ELOOP')) this.#fail(digest);
      throw fileError('cannot read', this.path(digest), error, { digest });
    }
  }

  async *stream(digest: Digest): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of fileStream(this.path(digest))) {
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ELOOP')) this.#fail(digest);
      throw fileError('cannot read', this.path(digest), error, { digest });
    }
    const actual = digestFromHex(hash.digest('hex'));
    if (actual === digest) return;
    await this.#distrust(digest);
    throw corrupt(digest, this.path(digest), actual);
  }

  async verify(digest: Digest, signal?: AbortSignal): Promise<'whole' | 'corrupt' | 'missing'> {
    const path = this.path(digest);
    const stat = statOf(path);
    if (stat === undefined) return 'missing';
    if (!stat.isFile()) return 'corrupt';
    try {
      const whole = (await sha256OfFile(path, signal)) === hexOf(digest);
      if (!whole) await this.#distrust(digest);
      return whole ? 'whole' : 'corrupt';
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return 'missing';
      throw fileError('cannot read', path, error, { digest });
    }
  }

  async list(): Promise<readonly BlobStat[]> {
    const rows = new Map<string, Row>();
    for (const row of await this.#context.db.read((sql) => sql.all('SELECT * FROM blobs'))) {
      rows.set(text(row, 'digest'), row);
    }
    const blobs: BlobStat[] = [];
    for (const digest of this.digestsOnDisk()) {
      const stat = statOf(this.path(digest));
      if (stat === undefined || !stat.isFile()) continue;
      const row = rows.get(digest);
      const synced = trusts(row, stat, this.#context.owner.bootId) && row !== undefined && flag(row, 'synced');
      blobs.push({ digest, sizeBytes: Number(stat.size), path: this.path(digest), synced });
    }
    return blobs;
  }

  /** What has a blob's name, whatever it is. */
  digestsOnDisk(): readonly Digest[] {
    return readdirSync(this.#context.layout.blobs)
      .toSorted()
      .map((name) => `sha256:${name}`)
      .filter(isDigest);
  }

  /**
   * Moves a finished file into place, leased, in one transaction. Where a trusted blob lies already the file stays
   * where it is; anything else in its place is replaced, which repairs it.
   */
  async place(from: string, digest: Digest): Promise<'placed' | 'existed'> {
    const { context, path } = { context: this.#context, path: this.path(digest) };
    let replaced: string | undefined;
    const outcome = await context.session.writeHeld([{ kind: 'blob', digest }], (sql) => {
      const there = statOf(path);
      if (there !== undefined && trusts(rowIn(sql, digest), there, context.owner.bootId)) return 'existed';
      const source = statOf(from);
      if (source !== undefined) {
        if (there?.isDirectory() === true) replaced = moveAway(context, path);
        renameSync(from, path);
      }
      failpoint('ingest.placed');
      const placed = source ?? there;
      if (placed === undefined) throw new ShaleError('STORE_IO', `cannot place ${digest}: ${from} has vanished`);
      recordBlob(sql, digest, placed, context.owner.bootId, false);
      return 'placed';
    });
    failpoint('ingest.recorded');
    if (replaced !== undefined) await removeTree(replaced);
    return outcome;
  }

  async #row(digest: Digest): Promise<Row | undefined> {
    return await this.#context.db.read((sql) => rowIn(sql, digest));
  }

  async #verifyOnce(digest: Digest, stat: BigIntStats, row: Row | undefined): Promise<boolean> {
    const seen = `${stat.size} ${stat.mtimeNs}`;
    if (this.#verified.get(digest) === seen) return true;
    const whole = await this.#verifying.run(digest, () => this.#verifyAndRecord(digest, stat, row));
    if (whole) this.#verified.set(digest, seen);
    return whole;
  }

  async #verifyAndRecord(digest: Digest, stat: BigIntStats, row: Row | undefined): Promise<boolean> {
    const path = this.path(digest);
    try {
      if ((await sha256OfFile(path)) !== hexOf(digest)) return false;
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ELOOP')) return false;
      throw fileError('cannot read', path, error, { digest });
    }
    if (this.#context.readOnly) return true;
    const { bootId } = this.#context.owner;
    // Written under another boot and read back now: it came from the disk.
    const fromDisk = row !== undefined && text(row, 'boot') !== bootId && integer(row, 'mtime_us') === mtimeUs(stat);
    try {
      await this.#context.db.write((sql) => {
        const now = statOf(path);
        if (now?.ino === stat.ino && now.mtimeNs === stat.mtimeNs) recordBlob(sql, digest, stat, bootId, fromDisk);
      });
    } catch (error) {
      if (!(error instanceof ShaleError)) throw error;
      // The verdict stands without its record, on a full disk for instance.
    }
    return true;
  }

  /** Makes the next `find` look at the bytes. */
  async #distrust(digest: Digest): Promise<void> {
    this.#verified.delete(digest);
    if (this.#context.readOnly) return;
    await this.#context.db.write((sql) => sql.run('DELETE FROM blobs WHERE digest = ?', digest), { frees: true });
  }

  #fail(digest: Digest): never {
    const path = this.path(digest);
    if (statOf(path) !== undefined) throw corrupt(digest, path, undefined);
    throw new ShaleError('BLOB_NOT_FOUND', `blob ${digest} is not in the store`, { data: { digest, path } });
  }
}

function corrupt(digest: Digest, path: string, actual: Digest | undefined): ShaleError {
  const got = actual === undefined ? '' : `: the bytes are those of ${actual}`;
  return new ShaleError('BLOB_CORRUPT', `digest mismatch in stored blob ${digest}${got}`, {
    data: { digest, path, actual },
    hint: 'pull or build it again, or run "shale system check --full"',
  });
}

export function rowIn(sql: Sql, digest: Digest): Row | undefined {
  return sql.first('SELECT * FROM blobs WHERE digest = ?', digest);
}

export function recordBlob(sql: Sql, digest: Digest, stat: BigIntStats, bootId: string, synced: boolean): void {
  sql.run(
    'INSERT OR REPLACE INTO blobs (digest, size, mtime_us, boot, synced) VALUES (?, ?, ?, ?, ?)',
    digest,
    Number(stat.size),
    mtimeUs(stat),
    bootId,
    synced ? 1 : 0,
  );
}

/** A file is taken for what its record says when size and time agree and no power cut can have come between. */
export function trusts(row: Row | undefined, stat: BigIntStats, bootId: string): boolean {
  if (row === undefined || !stat.isFile()) return false;
  if (integer(row, 'size') !== Number(stat.size) || integer(row, 'mtime_us') !== mtimeUs(stat)) return false;
  return flag(row, 'synced') || text(row, 'boot') === bootId;
}
