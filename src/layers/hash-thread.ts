import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { TarSums } from './tar-digests.ts';

/** It keeps nothing; what it would take beyond that is what young objects may take before they are looked at. */
const LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** A buffer of a tar to hash. */
export interface HashedBuffer {
  readonly bytes: Uint8Array;
  /** Files in the tar that have to be hashed too, known since the buffer before; see `TarDigests.announce`. */
  readonly files: Float64Array;
  /** Counts the buffers that are hashed. */
  readonly done: Int32Array;
}

/** What the thread is told of a tar: a buffer to hash; that it is whole, or given up. */
export type HashMessage =
  | ({ readonly kind: 'hash'; readonly tar: number } & HashedBuffer)
  | { readonly kind: 'end' | 'drop'; readonly tar: number }
  | { readonly kind: 'close' };

/** What it answers to `end`. */
export interface HashAnswer extends TarSums {
  readonly tar: number;
}

let shared: HashThread | undefined;
let tars = 0;

/**
 * The thread on which tars are hashed, one for all that are written at the same time: a second core is all that there is to
 * gain, and each thread takes its memory. It ends with the last of them, and keeps nobody from ending.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (sums: TarSums) => void>();
  #users = 0;
  /** Those who wait for an answer or a buffer: the process does not end meanwhile, and they hear of the thread's end. */
  readonly #waiters = new Set<() => void>();
  #isLost = false;

  /** The one that runs, else a new one. */
  static shared(): HashThread {
    if (shared === undefined || shared.isLost) shared = new HashThread();
    return shared;
  }

  private constructor() {
    this.#worker = new Worker(new URL('./tar-hash-worker.ts', import.meta.url), {
      name: 'shale tar digests',
      argv: [],
      trackUnmanagedFds: false,
      resourceLimits: LIMITS,
    });
    this.#worker.unref();
    this.#worker.on('error', () => this.giveUp());
    this.#worker.on('exit', () => this.giveUp());
    this.#worker.on('message', ({ tar, ...sums }: HashAnswer) => this.#waiting.get(tar)?.(sums));
  }

  /** True when nothing that it was given will be hashed any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** A number for a new tar; `digest` or `drop` gives it back. */
  begin(): number {
    this.#users++;
    return ++tars;
  }

  /** Has bytes hashed, which must stay as they are until `done` counts them. */
  hash(tar: number, buffer: HashedBuffer): void {
    this.#post({ kind: 'hash', tar, ...buffer });
  }

  /** The digests of all that was given of a tar; undefined when the thread was lost. */
  async digest(tar: number): Promise<TarSums | undefined> {
    const sums = await this.awaited(
      new Promise<TarSums>((resolve) => {
        this.#waiting.set(tar, resolve);
        this.#post({ kind: 'end', tar });
      }),
    );
    this.#waiting.delete(tar);
    // The thread's memory is free again before that of the index is needed.
    await this.#leave();
    return sums;
  }

  /** Waits for something that the thread does; undefined when it is lost. */
  async awaited<T>(what: Promise<T>): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const lost = (): void => resolve(undefined);
    this.#waiters.add(lost);
    if (this.#isLost) lost();
    else this.#worker.ref();
    what.then(resolve, lost);
    try {
      return await promise;
    } finally {
      this.#waiters.delete(lost);
      if (this.#waiters.size === 0) this.#worker.unref();
    }
  }

  drop(tar: number): void {
    this.#post({ kind: 'drop', tar });
    void this.#leave();
  }

  giveUp(): void {
    this.#isLost = true;
    for (const lost of this.#waiters) lost();
    void this.#worker.terminate();
  }

  async #leave(): Promise<void> {
    if (--this.#users > 0 || this.#isLost) return;
    if (shared === this) shared = undefined;
    const ended = once(this.#worker, 'exit');
    this.#worker.ref();
    this.#post({ kind: 'close' });
    await ended;
  }

  #post(message: HashMessage): void {
    if (!this.#isLost) this.#worker.postMessage(message);
  }
}
