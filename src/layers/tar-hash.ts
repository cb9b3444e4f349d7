import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { invariant } from '../base/index.ts';

/** Bytes of one buffer. */
export const TAR_BUFFER_BYTES: number = 1024 * 1024;
/** Buffers that a tar goes through in turn; a smaller tar is hashed without a thread. */
const BUFFERS = 8;
/** A buffer takes a millisecond; a thread that has not hashed it by then is gone. */
const WAIT_MAX_MS = 30_000;

/** It keeps nothing; what it would take beyond that is what young objects may take before they are looked at. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

/** What the thread is told: a buffer to hash, or that there are no more. */
export type HashMessage = { readonly kind: 'hash'; readonly bytes: Uint8Array } | { readonly kind: 'end' };

/** What the thread is started with: a counter of hashed buffers, for both. */
export interface HashJob {
  readonly done: Int32Array;
}

/**
 * sha256 of a tar while it is written: from some megabytes on a thread of its own hashes what the caller has filled and
 * written meanwhile. The caller fills `buffer` and submits it; the next one is free, or waited for.
 */
export class TarHash implements Disposable {
  readonly #buffers: Buffer[] = [newBuffer()];
  /** Bytes of the buffers that were submitted before there was a thread. */
  readonly #waiting: Uint8Array[] = [];
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  #worker: Worker | undefined;
  #submitted = 0;
  #isLost = false;

  /** The buffer to fill next. */
  get buffer(): Buffer {
    const buffer = this.#buffers[this.#submitted % BUFFERS];
    invariant(buffer !== undefined, 'a buffer is made before it is filled');
    return buffer;
  }

  /** Takes the first bytes of `buffer` into the hash; they must stay as they are, and `buffer` is another one now. */
  submit(lengthBytes: number): void {
    const bytes = this.buffer.subarray(0, lengthBytes);
    this.#submitted++;
    if (this.#worker === undefined && this.#submitted < BUFFERS) {
      this.#waiting.push(bytes);
      this.#buffers.push(newBuffer());
      return;
    }
    this.#worker ??= this.#start();
    this.#post({ kind: 'hash', bytes });
    this.#awaitBuffer();
  }

  /** The digest in hex; undefined when the thread was lost: the caller hashes what it wrote. */
  async digest(): Promise<string | undefined> {
    const worker = this.#worker;
    if (worker === undefined) {
      const hash = createHash('sha256');
      for (const bytes of this.#waiting) hash.update(bytes);
      return hash.digest('hex');
    }
    if (this.#isLost) return undefined;
    let answer: string | undefined;
    worker.once('message', (hex: string) => (answer = hex));
    // The thread's memory is free again before that of the index is needed.
    const ended = once(worker, 'exit');
    worker.ref();
    this.#post({ kind: 'end' });
    await ended;
    this.#buffers.length = 0;
    return answer;
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./tar-hash-worker.ts', import.meta.url), {
      name: 'shale tar digest',
      argv: [],
      workerData: { done: this.#done } satisfies HashJob,
      trackUnmanagedFds: false,
      resourceLimits: THREAD_LIMITS,
    });
    worker.unref();
    worker.on('error', () => (this.#isLost = true));
    worker.on('exit', () => (this.#isLost = true));
    this.#worker = worker;
    for (const bytes of this.#waiting.splice(0)) this.#post({ kind: 'hash', bytes });
    return worker;
  }

  #post(message: HashMessage): void {
    if (!this.#isLost) this.#worker?.postMessage(message);
  }

  /** The next buffer was submitted a round ago: it is free once the thread has come past it. */
  #awaitBuffer(): void {
    while (!this.#isLost) {
      const done = Atomics.load(this.#done, 0);
      if (done > this.#submitted - BUFFERS) return;
      this.#isLost = Atomics.wait(this.#done, 0, done, WAIT_MAX_MS) === 'timed-out';
    }
  }
}

function newBuffer(): Buffer {
  return Buffer.from(new SharedArrayBuffer(TAR_BUFFER_BYTES));
}
