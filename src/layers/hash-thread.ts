import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** It keeps nothing; what it would take beyond that is what young objects may take before they are looked at. */
const LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** What the thread is told of a tar: a buffer to hash, with the counter of its hashed buffers; that it is whole, or given up. */
export type HashMessage =
  | { readonly kind: 'hash'; readonly tar: number; readonly bytes: Uint8Array; readonly done: Int32Array }
  | { readonly kind: 'end' | 'drop'; readonly tar: number }
  | { readonly kind: 'close' };

/** What it answers to `end`. */
export interface HashAnswer {
  readonly tar: number;
  readonly hex: string;
}

let shared: HashThread | undefined;
let tars = 0;

/**
 * The thread on which tars are hashed, one for all that are written at the same time: a second core is all that there is to
 * gain, and each thread takes its memory. It ends with the last of them, and keeps nobody from ending.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (hex: string | undefined) => void>();
  #users = 0;
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
    this.#worker.on('message', ({ tar, hex }: HashAnswer) => this.#answer(tar, hex));
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
  hash(tar: number, bytes: Uint8Array, done: Int32Array): void {
    this.#post({ kind: 'hash', tar, bytes, done });
  }

  /** The digest of all that was given of a tar, in hex; undefined when the thread was lost. */
  async digest(tar: number): Promise<string | undefined> {
    const hex = await new Promise<string | undefined>((resolve) => {
      if (this.#isLost) return resolve(undefined);
      this.#waiting.set(tar, resolve);
      this.#worker.ref();
      this.#post({ kind: 'end', tar });
    });
    // The thread's memory is free again before that of the index is needed.
    await this.#leave();
    return hex;
  }

  drop(tar: number): void {
    this.#post({ kind: 'drop', tar });
    void this.#leave();
  }

  giveUp(): void {
    this.#isLost = true;
    for (const tar of this.#waiting.keys()) this.#answer(tar, undefined);
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

  #answer(tar: number, hex: string | undefined): void {
    this.#waiting.get(tar)?.(hex);
    this.#waiting.delete(tar);
    if (this.#waiting.size === 0) this.#worker.unref();
  }
}
