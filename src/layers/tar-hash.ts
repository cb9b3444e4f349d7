import { createHash } from 'node:crypto';
import { invariant } from '../base/index.ts';
import { HashThread } from './hash-thread.ts';

/** Bytes of one buffer. */
export const TAR_BUFFER_BYTES: number = 1024 * 1024;
/** Buffers that a tar goes through in turn; a smaller tar is hashed without a thread. */
const BUFFERS = 6;
/** A buffer takes a millisecond; a thread that has not hashed it by then is gone. */
const WAIT_MAX_MS = 30_000;

/**
 * sha256 of a tar while it is written: from some megabytes on a thread hashes what the caller has filled and written
 * meanwhile. The caller fills `buffer` and submits it; the next one is free, or waited for.
 */
export class TarHash implements Disposable {
  readonly #buffers: Buffer[] = [newBuffer()];
  /** Bytes of the buffers that were submitted before there was a thread. */
  readonly #waiting: Uint8Array[] = [];
  /** Counts the buffers that are hashed; the thread does. */
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  #thread: HashThread | undefined;
  #tar = 0;
  #submitted = 0;
  /** The digest was asked for, or nobody wants it any more. */
  #isOver = false;

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
    if (this.#thread === undefined && this.#submitted < BUFFERS) {
      this.#waiting.push(bytes);
      this.#buffers.push(newBuffer());
      return;
    }
    this.#thread ??= this.#start();
    this.#post(this.#thread, bytes);
    this.#awaitBuffer(this.#thread);
  }

  /** The digest in hex; undefined when the thread was lost: the caller hashes what it wrote. */
  async digest(): Promise<string | undefined> {
    const thread = this.#thread;
    if (thread !== undefined) {
      this.#isOver = true;
      const hex = await thread.digest(this.#tar);
      this.#buffers.length = 0;
      return hex;
    }
    const hash = createHash('sha256');
    for (const bytes of this.#waiting) hash.update(bytes);
    return hash.digest('hex');
  }

  [Symbol.dispose](): void {
    if (!this.#isOver) this.#thread?.drop(this.#tar);
    this.#isOver = true;
  }

  #start(): HashThread {
    const thread = HashThread.shared();
    this.#tar = thread.begin();
    for (const bytes of this.#waiting.splice(0)) this.#post(thread, bytes);
    return thread;
  }

  #post(thread: HashThread, bytes: Uint8Array): void {
    thread.hash(this.#tar, bytes, this.#done);
  }

  /** The next buffer was submitted a round ago: it is free once the thread has come past it. */
  #awaitBuffer(thread: HashThread): void {
    while (!thread.isLost) {
      const done = Atomics.load(this.#done, 0);
      if (done > this.#submitted - BUFFERS) return;
      if (Atomics.wait(this.#done, 0, done, WAIT_MAX_MS) === 'timed-out') thread.giveUp();
    }
  }
}

function newBuffer(): Buffer {
  return Buffer.from(new SharedArrayBuffer(TAR_BUFFER_BYTES));
}
