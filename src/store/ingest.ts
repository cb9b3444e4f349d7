import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  ftruncate,
  openSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { isAlive, isSystemError, ShaleError } from '../base/index.ts';
import { digestFromHex, type Digest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import { requireWritable, type StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import type { Durability } from './durable.ts';
import { failpoint } from './failpoint.ts';
import { fileError, fileStream, sha256OfFile } from './files.ts';
import { ownerIn } from './leases.ts';
import { flag, text } from './row.ts';
import { stagingPath, sweepStaging } from './staging.ts';
import type { BlobStat, Ingest, IngestOptions } from './types.ts';

const writeAt = promisify(write);
const truncateTo = promisify(ftruncate);

/**
 * Written bytes are handed to the disk in pieces of this size: a thread of the pool waits for the disk meanwhile, one for all
 * writes of the store. The others have more to do than to wait.
 */
const SYNC_BYTES = 24 << 20;
const WATCH_MS = 15;
const BLOB_MODE = 0o400;

/** Starts writes of blobs. */
export class Ingests {
  readonly #context: StoreContext;
  readonly #blobs: BlobFiles;
  readonly #durability: Durability;
  readonly #disk: Disk = { isAwaited: false };
  #swept: Promise<unknown> | undefined;

  constructor(context: StoreContext, blobs: BlobFiles, durability: Durability) {
    this.#context = context;
    this.#blobs = blobs;
    this.#durability = durability;
  }

  async create(options: IngestOptions = {}): Promise<Ingest> {
    requireWritable(this.#context);
    this.#swept ??= sweepStaging(this.#context);
    await this.#swept;
    if (options.ref === undefined) return this.#open(options, stagingPath(this.#context), true);
    if (options.existing === 'required' && !(await this.#isKnown(options.ref))) throw notFound(options.ref);
    const path = join(this.#context.layout.ingest, `ref-${createHash('sha256').update(options.ref).digest('hex')}`);
    const resumable = await this.#claim(options.ref, path, options);
    const ingest = this.#open(options, path, !resumable || options.existing === 'truncate');
    if (options.existing === 'required' && !resumable) {
      await ingest[Symbol.asyncDispose]();
      throw notFound(options.ref);
    }
    await ingest.resume();
    return ingest;
  }

  async #isKnown(ref: string): Promise<boolean> {
    return await this.#context.db.read((sql) => sql.first('SELECT 1 FROM ingests WHERE ref = ?', ref) !== undefined);
  }

  async ensure(
    digest: Digest,
    options: { readonly sizeBytes?: number; readonly signal?: AbortSignal },
    fill: (ingest: Ingest) => Promise<void>,
  ): Promise<BlobStat> {
    const there = await this.#blobs.find(digest);
    if (there !== undefined) return there;
    await using ingest = await this.create({
      ref: digest,
      expectedDigest: digest,
      ...(options.sizeBytes === undefined ? {} : { expectedSizeBytes: options.sizeBytes }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      wait: true,
    });
    // Whoever we waited for may have made it.
    const made = await this.#blobs.find(digest);
    if (made !== undefined) return made;
    try {
      await fill(ingest);
      await ingest.commit();
    } catch (error) {
      const hopeless = error instanceof ShaleError && HOPELESS.includes(error.code);
      if (!hopeless) await ingest.keep();
      throw error;
    }
    return await this.#blobs.get(digest);
  }

  /** Takes the ref for this process; true when what lies there was written under this boot and can go on. */
  async #claim(ref: string, path: string, options: IngestOptions): Promise<boolean> {
    for (;;) {
      options.signal?.throwIfAborted();
      const claim = await this.#context.db.write((sql) => this.#tryClaim(sql, ref, path));
      if (claim !== 'busy') return claim === 'resumable';
      if (options.wait !== true) {
        throw new ShaleError('INGEST_BUSY', `another process is writing ${ref}`, { data: { ref } });
      }
      await sleep(WATCH_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  #tryClaim(sql: Sql, ref: string, path: string): 'busy' | 'resumable' | 'new' {
    const { owner, clock } = this.#context;
    const row = sql.first('SELECT * FROM ingests WHERE ref = ?', ref);
    if (row !== undefined && flag(row, 'held') && isAlive(ownerIn(row))) return 'busy';
    sql.run(
      'INSERT OR REPLACE INTO ingests (ref, file, held, at, boot, pid, start) VALUES (?, ?, 1, ?, ?, ?, ?)',
      ref,
      path.slice(path.lastIndexOf('/') + 1),
      clock(),
      owner.bootId,
      owner.pid,
      owner.startTime,
    );
    // After a reboot unsynced bytes may be anything.
    return row !== undefined && text(row, 'boot') === owner.bootId ? 'resumable' : 'new';
  }

  #open(options: IngestOptions, path: string, anew: boolean): BlobIngest {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | (anew ? constants.O_TRUNC : 0);
    try {
      const fd = openSync(path, flags, 0o600);
      failpoint('ingest.created');
      return new BlobIngest({
        context: this.#context,
        blobs: this.#blobs,
        durability: this.#durability,
        disk: this.#disk,
        options,
        path,
        fd,
        sizeBytes: Number(fstatSync(fd).size),
      });
    } catch (error) {
      throw fileError('cannot create', path, error);
    }
  }
}

/** After these there is nothing worth resuming: wrong bytes, or no room for them. */
const HOPELESS: readonly string[] = ['DIGEST_MISMATCH', 'SIZE_MISMATCH', 'NO_SPACE'];

/** Whether a thread of the pool waits for bytes to be on disk. */
interface Disk {
  isAwaited: boolean;
}

interface IngestParts {
  readonly context: StoreContext;
  readonly blobs: BlobFiles;
  readonly durability: Durability;
  readonly disk: Disk;
  readonly options: IngestOptions;
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
}

type IngestState =
  | { readonly kind: 'open' }
  | { readonly kind: 'committing'; readonly done: Promise<Digest> }
  | { readonly kind: 'committed'; readonly digest: Digest }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'closed' };

class BlobIngest implements Ingest {
  readonly fd: number;
  readonly path: string;
  readonly #parts: IngestParts;
  #hash: Hash | undefined;
  #sizeBytes: number;
  #writtenBack = 0;
  #state: IngestState = { kind: 'open' };
  /** Ends when the file is gone from `ingest/` and the descriptor closed or handed over. */
  #ended = false;

  constructor(parts: IngestParts) {
    this.#parts = parts;
    this.fd = parts.fd;
    this.path = parts.path;
    this.#sizeBytes = parts.sizeBytes;
    this.#hash = parts.options.hash === false ? undefined : createHash('sha256');
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Hashes what an earlier attempt wrote. */
  async resume(): Promise<void> {
    if (this.#hash === undefined || this.#sizeBytes === 0) return;
    for await (const chunk of fileStream(this.path)) this.#hash.update(chunk);
  }

  async write(chunk: Uint8Array): Promise<void> {
    let position = this.#take(chunk);
    try {
      for (let rest = chunk; rest.byteLength > 0;) {
        const { bytesWritten } = await writeAt(this.fd, rest, 0, rest.byteLength, position);
        position += bytesWritten;
        rest = rest.subarray(bytesWritten);
      }
    } catch (error) {
      throw this.#fail(error, chunk.byteLength);
    }
    this.#startWriteback();
  }

  writeSync(chunk: Uint8Array): void {
    let position = this.#take(chunk);
    try {
      for (let rest = chunk; rest.byteLength > 0;) {
        const written = writeSync(this.fd, rest, 0, rest.byteLength, position);
        position += written;
        rest = rest.subarray(written);
      }
    } catch (error) {
      throw this.#fail(error, chunk.byteLength);
    }
    this.#startWriteback();
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#requireOpen();
    if (sizeBytes > this.#sizeBytes) {
      throw new ShaleError('SIZE_MISMATCH', `cannot cut ${this.#sizeBytes} bytes to ${sizeBytes}`);
    }
    await truncateTo(this.fd, sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#writtenBack = Math.min(this.#writtenBack, sizeBytes);
    if (this.#hash === undefined) return;
    this.#hash = createHash('sha256');
    await this.resume();
  }

  async commit(digest?: Digest): Promise<Digest> {
    if (this.#state.kind === 'committed') return this.#state.digest;
    if (this.#state.kind === 'committing') return await this.#state.done;
    this.#requireOpen();
    const done = this.#commit(digest);
    this.#state = { kind: 'committing', done };
    try {
      const committed = await done;
      this.#state = { kind: 'committed', digest: committed };
      return committed;
    } catch (error) {
      await this.#discard();
      this.#state = { kind: 'failed', error };
      throw error;
    }
  }

  async keep(): Promise<void> {
    if (this.#ended) return;
    if (this.#parts.options.ref === undefined) return await this.#discard();
    this.#end();
    await this.#parts.context.db.write((sql) =>
      sql.run('UPDATE ingests SET held = 0 WHERE ref = ?', this.#parts.options.ref ?? ''),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.kind === 'committing') await this.#state.done.catch(() => {});
    if (!this.#ended) await this.#discard();
  }

  #take(chunk: Uint8Array): number {
    this.#requireOpen();
    const { expectedSizeBytes } = this.#parts.options;
    const position = this.#sizeBytes;
    if (expectedSizeBytes !== undefined && position + chunk.byteLength > expectedSizeBytes) {
      const error = sizeMismatch(this.#parts.options, position + chunk.byteLength);
      this.#state = { kind: 'failed', error };
      throw error;
    }
    this.#sizeBytes += chunk.byteLength;
    this.#hash?.update(chunk);
    return position;
  }

  #fail(cause: unknown, bytes: number): ShaleError {
    const error = fileError('cannot write', this.path, cause, { neededBytes: this.#needed(bytes) });
    this.#state = { kind: 'failed', error };
    return error;
  }

  #needed(bytes: number): number {
    const { expectedSizeBytes } = this.#parts.options;
    return expectedSizeBytes === undefined ? bytes : expectedSizeBytes - this.#sizeBytes + bytes;
  }

  #startWriteback(): void {
    const { disk } = this.#parts;
    if (disk.isAwaited || this.#sizeBytes - this.#writtenBack < SYNC_BYTES) return;
    disk.isAwaited = true;
    // Nobody waits for it: what is not on the disk in the end is synced, and reported, then.
    fdatasync(this.fd, () => (disk.isAwaited = false));
    this.#writtenBack = this.#sizeBytes;
  }

  async #commit(given: Digest | undefined): Promise<Digest> {
    const { blobs, options, durability } = this.#parts;
    const size = Number(fstatSync(this.fd).size);
    if (options.expectedSizeBytes !== undefined && size !== options.expectedSizeBytes)
      throw sizeMismatch(options, size);
    const digest = await this.#digest(given, size);
    const expected = options.expectedDigest ?? given ?? digest;
    if (digest !== expected || (given !== undefined && given !== digest)) throw digestMismatch(expected, digest);
    failpoint('ingest.written');
    fchmodSync(this.fd, BLOB_MODE);
    if ((await blobs.place(this.path, digest)) === 'existed') await this.#discard();
    else {
      this.#ended = true;
      durability.keep(digest, this.fd);
      await this.#forget();
    }
    return digest;
  }

  async #digest(given: Digest | undefined, size: number): Promise<Digest> {
    if (this.#hash !== undefined && size === this.#sizeBytes) return digestFromHex(this.#hash.digest('hex'));
    return given ?? digestFromHex(await sha256OfFile(this.path));
  }

  /** The file first, the record last: a kill in between leaves nothing that a resume could take for bytes. */
  async #discard(): Promise<void> {
    if (!this.#end()) return;
    try {
      // Still under our claim, so it is ours to remove.
      unlinkSync(this.path);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
    await this.#forget();
  }

  async #forget(): Promise<void> {
    const { ref } = this.#parts.options;
    if (ref === undefined) return;
    await this.#parts.context.db.write((sql) => sql.run('DELETE FROM ingests WHERE ref = ?', ref), { frees: true });
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#state.kind === 'open') this.#state = { kind: 'closed' };
    closeSync(this.fd);
    return true;
  }

  #requireOpen(): void {
    if (this.#state.kind === 'open') return;
    if (this.#state.kind === 'failed') throw this.#state.error;
    throw new ShaleError('INGEST_CLOSED', `the write to ${this.path} is over`, { data: { path: this.path } });
  }
}

function notFound(ref: string): ShaleError {
  return new ShaleError('INGEST_NOT_FOUND', `there is no interrupted write of ${ref}`, { data: { ref } });
}

function sizeMismatch(options: IngestOptions, actual: number): ShaleError {
  const name = options.expectedDigest ?? options.ref ?? 'the blob';
  return new ShaleError('SIZE_MISMATCH', `${name} should have ${options.expectedSizeBytes} bytes, got ${actual}`, {
    data: { expected: options.expectedSizeBytes, actual, digest: options.expectedDigest },
  });
}

function digestMismatch(expected: Digest, actual: Digest): ShaleError {
  return new ShaleError('DIGEST_MISMATCH', `digest mismatch: expected ${expected}, got ${actual}`, {
    data: { expected, actual },
  });
}
