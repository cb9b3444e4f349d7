import { Worker } from 'node:worker_threads';
import { invariant, toBytes } from '../../base/index.ts';
import type { FileIdentity, ReadableFile } from './source-tree.ts';

/** The largest file that is read in advance. */
export const READ_AHEAD_FILE_BYTES_MAX: number = 64 * 1024;
/** Files that lie ready at most; the first bytes of a slot take memory only as far as files fill them. */
const SLOTS = 128;
/** Fewer files are read sooner than a thread starts. */
const FILES_MIN = 256;
/** A file takes microseconds; a thread that has not read it by then is gone. */
const WAIT_MAX_MS = 30_000;
const PATH_BYTES_EXPECTED = 64;

/** Places in `AheadJob.state`. */
export const FROM = 0;
export const PRODUCED = 1;
export const POSITION = 2;

/** What the thread is started with; all of it is memory of both. File `i` lies in slot `i % slots`. */
export interface AheadJob {
  /** The paths, one behind the other, as the system takes them. */
  readonly paths: Uint8Array;
  readonly pathEnds: Uint32Array;
  /** As they were seen: `IDENTITY_FIELDS` numbers for each file. */
  readonly identities: BigInt64Array;
  readonly slots: Uint8Array;
  readonly slotCount: number;
  /** 0 once a file lies in its slot, as it was seen; 1 before, and for good where it was not. */
  readonly failed: Uint8Array;
  /** 32 bytes for each file; undefined where nobody asks for digests. */
  readonly sums: Uint8Array | undefined;
  /**
   * FROM: the first file that the thread reads; PRODUCED: files before it are read; POSITION: how many files the caller has
   * come past, and it may still use the last one of them.
   */
  readonly state: Int32Array;
}

export const IDENTITY_FIELDS = 5;
const SIZE_FIELD = 2;
export const SUM_BYTES = 32;

/** The fields of an identity in the order in which they are passed on. */
export function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: FileIdentity): readonly bigint[] {
  return [dev, ino, size, mtimeNs, ctimeNs];
}

/** A file that was read in advance. The bytes are good until the next one is taken. */
export interface ReadFile {
  readonly bytes: Uint8Array;
  readonly sha256: Uint8Array | undefined;
}

/**
 * Reads small files on a thread of its own, in the order in which the caller will want them. Opening, reading and checking a
 * file are six system calls, and they are most of what copying thousands of small files takes.
 */
export class ReadAhead implements Disposable {
  readonly #job: AheadJob;
  readonly #worker: Worker;
  #position = 0;
  #isLost = false;

  /** Starts to read; undefined where a thread would not pay. `hash`: find their digests too. */
  static over(
    files: Iterable<ReadableFile>,
    options: { readonly count: number; readonly hash: boolean },
  ): ReadAhead | undefined {
    return options.count < FILES_MIN ? undefined : new ReadAhead(files, options);
  }

  private constructor(files: Iterable<ReadableFile>, options: { readonly count: number; readonly hash: boolean }) {
    this.#job = jobOf(files, options);
    this.#worker = new Worker(new URL('./read-ahead-worker.ts', import.meta.url), {
      name: 'shale read ahead',
      argv: [],
      workerData: this.#job,
      trackUnmanagedFds: false,
    });
    this.#worker.unref();
    this.#worker.on('error', () => (this.#isLost = true));
  }

  /** The next file. Undefined: it is not as it was seen, or the thread is not there yet; the caller reads it. */
  next(): ReadFile | undefined {
    const { state, failed, identities, slots, slotCount, sums } = this.#job;
    const i = this.#position++;
    const sizeBytes = identities[i * IDENTITY_FIELDS + SIZE_FIELD];
    invariant(sizeBytes !== undefined, 'no more files are taken than were named');
    Atomics.store(state, POSITION, i + 1);
    Atomics.notify(state, POSITION);
    if (i < Atomics.load(state, FROM) || !this.#await(i) || failed[i] === 1) return undefined;
    const begin = (i % slotCount) * READ_AHEAD_FILE_BYTES_MAX;
    return {
      bytes: slots.subarray(begin, begin + Number(sizeBytes)),
      sha256: sums?.slice(i * SUM_BYTES, (i + 1) * SUM_BYTES),
    };
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }

  /** Waits for a file; false when the thread was lost. */
  #await(i: number): boolean {
    const { state } = this.#job;
    while (!this.#isLost) {
      const produced = Atomics.load(state, PRODUCED);
      if (produced > i) return true;
      this.#isLost = Atomics.wait(state, PRODUCED, produced, WAIT_MAX_MS) === 'timed-out';
    }
    return false;
  }
}

function jobOf(
  files: Iterable<ReadableFile>,
  { count: length, hash }: { readonly count: number; readonly hash: boolean },
): AheadJob {
  const pathEnds = new Uint32Array(shared(4 * length));
  const identities = new BigInt64Array(shared(8 * IDENTITY_FIELDS * length));
  let paths = Buffer.alloc(PATH_BYTES_EXPECTED * length);
  let end = 0;
  let i = 0;
  for (const { path, seen } of files) {
    const bytes = typeof path === 'string' ? toBytes(path) : path;
    if (end + bytes.length > paths.length) paths = Buffer.concat([paths], 2 * (paths.length + bytes.length));
    paths.set(bytes, end);
    end += bytes.length;
    pathEnds[i] = end;
    identities.set(identityOf(seen), i * IDENTITY_FIELDS);
    i++;
  }
  const joined = new Uint8Array(shared(end));
  joined.set(paths.subarray(0, end));
  const state = new Int32Array(shared(12));
  state[FROM] = length;
  return {
    paths: joined,
    pathEnds,
    identities,
    slots: new Uint8Array(shared(SLOTS * READ_AHEAD_FILE_BYTES_MAX)),
    slotCount: SLOTS,
    failed: new Uint8Array(shared(length)).fill(1),
    sums: hash ? new Uint8Array(shared(SUM_BYTES * length)) : undefined,
    state,
  };
}

function shared(sizeBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(sizeBytes);
}
