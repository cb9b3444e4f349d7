import { invariant } from '../base/index.ts';
import { HashThread, type HashedBuffer } from './hash-thread.ts';
import { TarDigests, type TarSums } from './tar-digests.ts';

/** Bytes of one buffer. */
export const TAR_BUFFER_BYTES: number = 1024 * 1024;
/** Buffers that a tar goes through in turn; a smaller tar is hashed without a thread. */
const BUFFERS = 6;
/** A buffer takes a millisecond; a thread that has not hashed it by then is gone. */
const WAIT_MAX_MS = 30_000;

/**
 * sha256 of a tar, and of files in it, while it is written: from some megabytes on a thread hashes what the caller has filled
 * and written meanwhile. The caller fills `buffer` and submits it; then it waits, in either way, until the next one is free.
 */
export class TarHash implements Disposable {
  readonly #buffers: Buffer[] = [newBuffer()];
  /** Buffers that were submitted before there was a thread. */
  readonly #waiting: HashedBuffer[] = [];
  /** Counts the buffers that are hashed; the thread does. */
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  #thread: HashThread | undefined;
  #tar = 0;
  #submitted = 0;
  /** The digest was asked for, or nobody wants it any more. */
  #isOver = false;

  /** The buffer to fill next. */
  get buffer(): Buffer {
    const buffer = this.#buffers[this.slot];
    invariant(buffer !== undefined, 'a buffer is made before it is filled');
    return buffer;
  }

  /** Which of its few buffers is the next one. */
  get slot(): number {
    return this.#submitted % BUFFERS;
  }

  /**
   * Takes the first bytes of `buffer` into the hash; they must stay as they are, and `buffer` is another one now. `files`
   * are those that are to be hashed too and of which it may hold the first bytes; see `TarDigests.announce`.
   */
  submit(lengthBytes: number, files: readonly number[] = []): void {
    const buffer = {
      bytes: this.buffer.subarray(0, lengthBytes),
      files: Float64Array.from(files),
      done: this.#done,
    };
    this.#submitted++;
    if (this.#thread === undefined && this.#submitted < BUFFERS) {
      this.#waiting.push(buffer);
      this.#buffers.push(newBuffer());
      return;
    }
    this.#thread ??= this.#start();
    this.#thread.hash(this.#tar, buffer);
  }

  /** Waits until `buffer` was hashed a round ago; nothing else of the caller's thread runs meanwhile. */
  awaitBufferNow(): void {
    const thread = this.#thread;
    while (thread?.isLost === false) {
      const done = this.#doneTooFew();
      if (done === undefined) return;
      if (Atomics.wait(this.#done, 0, done, WAIT_MAX_MS) === 'timed-out') thread.giveUp();
    }
  }

  /** As `awaitBufferNow`, while others run. */
  async awaitBuffer(): Promise<void> {
    const thread = this.#thread;
    while (thread?.isLost === false) {
      const done = this.#doneTooFew();
      if (done === undefined) return;
      const wait = Atomics.waitAsync(this.#done, 0, done, WAIT_MAX_MS);
      if (!wait.async) continue;
      if ((await thread.awaited(wait.value)) === 'timed-out') thread.giveUp();
    }
  }

  /** The digests; undefined when the thread was lost: the caller hashes what it wrote. */
  async digest(): Promise<TarSums | undefined> {
    const thread = this.#thread;
    if (thread !== undefined) {
      this.#isOver = true;
      const sums = await thread.digest(this.#tar);
      this.#buffers.length = 0;
      return sums;
    }
    const digests = new TarDigests();
    for (const { bytes, files } of this.#waiting) {
      digests.announce(files);
      digests.update(bytes);
    }
    return digests.end();
  }

  [Symbol.dispose](): void {
    if (!this.#isOver) this.#thread?.drop(this.#tar);
    this.#isOver = true;
  }

  #start(): HashThread {
    const thread = HashThread.shared();
    this.#tar = thread.begin();
    for (const buffer of this.#waiting.splice(0)) thread.hash(this.#tar, buffer);
    return thread;
  }

  /** How many buffers are hashed, as long as `buffer`, which was submitted a round ago, is not among them. */
  #doneTooFew(): number | undefined {
    const done = Atomics.load(this.#done, 0);
    return done > this.#submitted - BUFFERS ? undefined : done;
  }
}

function newBuffer(): Buffer {
  return Buffer.from(new SharedArrayBuffer(TAR_BUFFER_BYTES));
}
