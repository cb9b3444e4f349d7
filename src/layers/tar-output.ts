import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import { asDiffId, digestFromHex, type DiffId } from '../oci/index.ts';
import type { Ingest, Store } from '../store/index.ts';
import { TAR_BUFFER_BYTES, TarHash } from './tar-hash.ts';

/**
 * The tar of a layer on its way into the store: gathered in buffers that are written one after the other, while a thread of
 * its own hashes them. Dispose without `commit` leaves nothing behind.
 */
export class TarOutput implements AsyncDisposable {
  readonly #ingest: Ingest;
  readonly #hash = new TarHash();
  #filled = 0;
  #sizeBytes = 0;

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

  /** Where the next bytes go, for those who read straight into it, as much as there is room for; then `advance`. */
  get free(): Buffer {
    return this.#hash.buffer.subarray(this.#filled);
  }

  /** Takes the first bytes of `free`. */
  advance(sizeBytes: number): void {
    this.#filled += sizeBytes;
    this.#sizeBytes += sizeBytes;
    if (this.#filled === TAR_BUFFER_BYTES) this.#flush();
  }

  /** Takes a copy. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength;) {
      const { free } = this;
      const part = bytes.subarray(done, done + free.length);
      free.set(part);
      this.advance(part.byteLength);
      done += part.byteLength;
    }
  }

  /** Moves it into the store. @throws DIGEST_MISMATCH when the diffId is not the expected one */
  async commit(expected?: DiffId): Promise<DiffId> {
    this.#flush();
    const digest = digestFromHex((await this.#hash.digest()) ?? (await sha256Of(this.#ingest.path)));
    if (expected !== undefined && expected !== digest)
      throw new ShaleError('DIGEST_MISMATCH', `a layer has the diffId ${digest}, expected ${expected}`, {
        data: { expected, got: digest },
      });
    return asDiffId(await this.#ingest.commit(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hash[Symbol.dispose]();
    await this.#ingest[Symbol.asyncDispose]();
  }

  #flush(): void {
    if (this.#filled === 0) return;
    this.#ingest.writeSync(this.#hash.buffer.subarray(0, this.#filled));
    this.#hash.submit(this.#filled);
    this.#filled = 0;
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
