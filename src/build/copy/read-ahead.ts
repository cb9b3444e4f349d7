import { Worker } from 'node:worker_threads';
import { invariant, toBytes } from '../../base/index.ts';
import type { FileIdentity, ReadableFile } from './source-tree.ts';

/** The largest file that is read in advance. */
export const READ_AHEAD_FILE_BYTES_MAX: number = 64 * 1024;
/** Files that lie ready at most; the first bytes of a slot take memory only as far as files fill them. */
const SLOTS = 128;
/** Files that are named at most before they are taken. As long as there are fewer, no thread starts: they are read sooner. */
const NAMED_MAX = 256;
/** Longer paths the system does not take. */
const PATH_BYTES_MAX = 4096;
/** A file takes microseconds; a thread that has not read it by then is gone. */
const WAIT_MAX_MS = 30_000;
const NEVER = 0x7fff_ffff;
/** It keeps nothing; what it would take beyond that is what young objects may take before they are looked at. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** Places in `AheadJob.state`. */
export const FROM = 0;
export const PRODUCED = 1;
export const POSITION = 2;
export const NAMED = 3;

/**
 * What the thread is started with; all of it is memory of both. File `i` is described in row `i % namedMax` and lies in slot
 * `i % slotCount`.
 */
export interface AheadJob {
  readonly namedMax: number;
  /** The paths as the system takes them: `PATH_BYTES_MAX` for each row. */
  readonly paths: Uint8Array;
  readonly pathBytes: Uint32Array;
  /** As they were seen: `IDENTITY_FIELDS` numbers for each row. */
  readonly identities: BigInt64Array;
  /** 1 where somebody asks for the digest. */
  readonly hashed: Uint8Array;
  readonly sums: Uint8Array;
  /** 1 for a file that is not as it was seen, once the thread has come past it. */
  readonly failed: Uint8Array;
  readonly slots: Uint8Array;
  readonly slotCount: number;
  /**
   * FROM: the first file that the thread reads; PRODUCED: files before it are read; POSITION: how many files the caller has
   * come past, and it may still use the last one of them; NAMED: how many are described.
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

/** The path of a described file. */
export function pathOf({ paths, pathBytes }: AheadJob, row: number): Buffer {
  const at = row * PATH_BYTES_MAX;
  return Buffer.from(paths.subarray(at, at + (pathBytes[row] ?? 0)));
}

/** A file that was read in advance. The bytes are good until the next one is taken. */
export interface ReadFile {
  readonly bytes: Uint8Array;
  readonly sha256: Uint8Array | undefined;
}

/** A file to be read in advance; `hash`: find its digest too. */
export interface AheadFile extends ReadableFile {
  readonly hash: boolean;
}

/** As `readAhead` gives them: what was named, and what was read of it. */
export interface Ahead<T> {
  readonly one: T;
  /** Undefined: it is no file, or not as it was seen, or the thread is not there yet; the caller reads it. */
  readonly read: ReadFile | undefined;
}

/**
 * Gives what it is given, in its order, while a thread of its own reads those that are small files. Opening, reading and
 * checking a file are six system calls, and they are most of what copying thousands of small files takes. Some hundreds are
 * looked at in advance, however many there are.
 */
export function* readAhead<T>(all: Iterable<T>, fileOf: (one: T) => AheadFile | undefined): Generator<Ahead<T>> {
  using ahead = new ReadAhead();
  const upcoming = new Queue<{ readonly one: T; readonly isNamed: boolean }>(UPCOMING_MAX);
  function* taken(isDue: () => boolean): Generator<Ahead<T>> {
    while (isDue()) {
      const next = upcoming.shift();
      if (next === undefined) return;
      yield { one: next.one, read: next.isNamed ? ahead.next() : undefined };
    }
  }
  for (const one of all) {
    const file = fileOf(one);
    upcoming.push({ one, isNamed: file !== undefined && ahead.name(file) });
    yield* taken(() => ahead.isFull || upcoming.isFull);
  }
  yield* taken(() => true);
}

/** Things that are looked at in advance, files or not. */
const UPCOMING_MAX = 1024;

/** A queue that never grows: an array that is pushed to and shifted from leaves old copies behind, which keep things alive. */
class Queue<T> {
  readonly #ring: (T | undefined)[];
  #first = 0;
  #count = 0;

  constructor(max: number) {
    this.#ring = Array.from({ length: max });
  }

  get isFull(): boolean {
    return this.#count === this.#ring.length;
  }

  push(one: T): void {
    invariant(!this.isFull, 'a queue is not overfilled');
    this.#ring[(this.#first + this.#count++) % this.#ring.length] = one;
  }

  shift(): T | undefined {
    if (this.#count === 0) return undefined;
    const one = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#count--;
    return one;
  }
}

/** The thread, and what it has been told to read. */
class ReadAhead implements Disposable {
  #job: AheadJob | undefined;
  /** Named before there was a thread. */
  readonly #early: (AheadFile & { readonly path: Buffer })[] = [];
  #worker: Worker | undefined;
  #named = 0;
  #position = 0;
  #isLost = false;

  /** True when one has to be taken before another is named. */
  get isFull(): boolean {
    return this.#named - this.#position >= NAMED_MAX;
  }

  /** Names the next file; false for one that is to be read by the caller. */
  name({ path, seen, hash }: AheadFile): boolean {
    invariant(!this.isFull, 'a file is named when there is room for it');
    const bytes = typeof path === 'string' ? toBytes(path) : path;
    if (bytes.length >= PATH_BYTES_MAX) return false;
    const named = { path: bytes, seen, hash };
    if (this.#job === undefined) this.#early.push(named);
    else describe(this.#job, this.#named, named);
    this.#named++;
    if (this.isFull) this.#job ??= this.#start();
    return true;
  }

  next(): ReadFile | undefined {
    const i = this.#position++;
    invariant(i < this.#named, 'no more files are taken than were named');
    if (this.#job === undefined) return undefined;
    const { state, failed, identities, slots, slotCount, sums, hashed } = this.#job;
    Atomics.store(state, POSITION, i + 1);
    Atomics.notify(state, POSITION);
    const row = i % NAMED_MAX;
    if (i < Atomics.load(state, FROM) || !this.#await(this.#job, i) || failed[row] === 1) return undefined;
    const begin = (i % slotCount) * READ_AHEAD_FILE_BYTES_MAX;
    return {
      bytes: slots.subarray(begin, begin + Number(identities[row * IDENTITY_FIELDS + SIZE_FIELD])),
      sha256: hashed[row] === 1 ? sums.slice(row * SUM_BYTES, (row + 1) * SUM_BYTES) : undefined,
    };
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate();
  }

  #start(): AheadJob {
    const job = newJob();
    Atomics.store(job.state, POSITION, this.#position);
    for (const [i, file] of this.#early.splice(0).entries()) describe(job, i, file);
    const worker = new Worker(new URL('./read-ahead-worker.ts', import.meta.url), {
      name: 'shale read ahead',
      argv: [],
      workerData: job,
      trackUnmanagedFds: false,
      resourceLimits: THREAD_LIMITS,
    });
    worker.unref();
    worker.on('error', () => (this.#isLost = true));
    this.#worker = worker;
    return job;
  }

  /** Waits for a file; false when the thread was lost. */
  #await({ state }: AheadJob, i: number): boolean {
    while (!this.#isLost) {
      const produced = Atomics.load(state, PRODUCED);
      if (produced > i) return true;
      this.#isLost = Atomics.wait(state, PRODUCED, produced, WAIT_MAX_MS) === 'timed-out';
    }
    return false;
  }
}

/** Tells the thread what file `i` is. */
function describe(job: AheadJob, i: number, { path, seen, hash }: AheadFile & { readonly path: Buffer }): void {
  const { paths, pathBytes, identities, hashed, state } = job;
  const row = i % NAMED_MAX;
  paths.set(path, row * PATH_BYTES_MAX);
  pathBytes[row] = path.length;
  identities.set(identityOf(seen), row * IDENTITY_FIELDS);
  hashed[row] = hash ? 1 : 0;
  Atomics.store(state, NAMED, i + 1);
  Atomics.notify(state, NAMED);
}

function newJob(): AheadJob {
  const state = new Int32Array(shared(4 * 4));
  state[FROM] = NEVER;
  return {
    namedMax: NAMED_MAX,
    paths: new Uint8Array(shared(PATH_BYTES_MAX * NAMED_MAX)),
    pathBytes: new Uint32Array(shared(4 * NAMED_MAX)),
    identities: new BigInt64Array(shared(8 * IDENTITY_FIELDS * NAMED_MAX)),
    hashed: new Uint8Array(shared(NAMED_MAX)),
    sums: new Uint8Array(shared(SUM_BYTES * NAMED_MAX)),
    failed: new Uint8Array(shared(NAMED_MAX)),
    slots: new Uint8Array(shared(SLOTS * READ_AHEAD_FILE_BYTES_MAX)),
    slotCount: SLOTS,
    state,
  };
}

function shared(sizeBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(sizeBytes);
}
