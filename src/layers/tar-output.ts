import { createReadStream } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import { asDiffId, digestFromHex, type DiffId } from '../oci/index.ts';
import type { Ingest, Store } from '../store/index.ts';
import { TarDigests, type TarSums } from './tar-digests.ts';
import { TAR_BUFFER_BYTES, TarHash } from './tar-hash.ts';

/**
 * The tar of a layer on its way into the store: gathered in buffers that are written one after the other, while a thread of
 * its own hashes them. Dispose without `commit` leaves nothing behind.
 */
export class TarOutput implements AsyncDisposable {
  readonly #ingest: Ingest;
  readonly #hash = new TarHash();
  /** Writes of buffers that others than the caller's thread do, by the slot of the buffer. */
  readonly #writes: Promise<void>[] = [];
  #filled = 0;
  #sizeBytes = 0;
  /** Files that are hashed too; of those from `#told` on the thread does not know. */
  readonly #files: number[] = [];
  #told = 0;

  static async open(store: Store): Promise<TarOutput> {
    return new TarOutput(await store.blobs.createIngest({ hash: false }));
  }

  private constructor(ingest: Ingest) {
    this.#ingest = ingest;
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Where the next bytes go, for those who read straight into it, as much as there is room for; then `advance` or `pass`. */
  get free(): Buffer {
    return this.#hash.buffer.subarray(this.#filled);
  }

  /** Has a file of the tar hashed whose bytes come next: see `commit`. */
  announce(offset: number, sizeBytes: number): void {
    this.#files.push(offset, sizeBytes);
  }

  /** Takes the first bytes of `free`, and writes them at once where they fill the buffer. */
  advance(sizeBytes: number): void {
    if (!this.#take(sizeBytes)) return;
    this.#ingest.writeSync(this.#submit());
    this.#hash.awaitBufferNow();
  }

  /** As `advance`, but what is written is written while the caller goes on. */
  async pass(sizeBytes: number): Promise<void> {
    if (this.#take(sizeBytes)) await this.#flush();
  }

  /** Takes a copy. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength;) {
      const part = this.#copy(bytes, done);
      this.advance(part);
      done += part;
    }
  }

  /** Takes a copy, as `pass` does. */
  async passCopy(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      const part = this.#copy(bytes, done);
      await this.pass(part);
      done += part;
    }
  }

  /** Moves it into the store. @throws DIGEST_MISMATCH when the diffId is not the expected one */
  async commit(expected?: DiffId): Promise<WrittenTar> {
    if (this.#filled > 0) await this.#flush();
    await Promise.all(this.#writes);
    const sums = (await this.#hash.digest()) ?? (await this.#sumsOfFile());
    const digest = digestFromHex(sums.hex);
    if (expected !== undefined && expected !== digest)
      throw new ShaleError('DIGEST_MISMATCH', `a layer has the diffId ${digest}, expected ${expected}`, {
        data: { expected, got: digest },
      });
    return { diffId: asDiffId(await this.#ingest.commit(digest)), contents: sums.contents };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hash[Symbol.dispose]();
    await Promise.allSettled(this.#writes);
    await this.#ingest[Symbol.asyncDispose]();
  }

  #copy(bytes: Uint8Array, from: number): number {
    const { free } = this;
    const part = bytes.subarray(from, from + free.length);
    free.set(part);
    return part.byteLength;
  }

  /** True when the buffer is full. */
  #take(sizeBytes: number): boolean {
    this.#filled += sizeBytes;
    this.#sizeBytes += sizeBytes;
    return this.#filled === TAR_BUFFER_BYTES;
  }

  /** Has the buffer hashed and gives what is in it, to be written. */
  #submit(): Uint8Array {
    const bytes = this.#hash.buffer.subarray(0, this.#filled);
    this.#hash.submit(this.#filled, this.#files.slice(this.#told));
    this.#told = this.#files.length;
    this.#filled = 0;
    return bytes;
  }

  async #flush(): Promise<void> {
    const { slot } = this.#hash;
    const write = this.#ingest.write(this.#submit());
    // Whoever waits for the buffer, or for the end, hears of it.
    write.catch(() => {});
    this.#writes[slot] = write;
    await this.#hash.awaitBuffer();
    await this.#writes[this.#hash.slot];
  }

  async #sumsOfFile(): Promise<TarSums> {
    const digests = new TarDigests();
    digests.announce(this.#files);
    for await (const chunk of createReadStream(this.#ingest.path)) digests.update(chunk as Uint8Array); // No encoding is set.
    return digests.end();
  }
}

export interface WrittenTar {
  readonly diffId: DiffId;
  /** The sha256 of the contents of the announced files, in their order, 32 bytes each. */
  readonly contents: Uint8Array;
}
