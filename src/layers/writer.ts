import { createHash, type Hash } from 'node:crypto';
import { createReadStream, readSync } from 'node:fs';
import { encodeTarHeader, tarPadding, TAR_END, type TarEntry } from '../archive/index.ts';
import { Pace, runPaced, ShaleError, toText, type ByteStream, type Steps } from '../base/index.ts';
import { IndexBuilder } from '../erofs/index.ts';
import { asDiffId, digestFromHex } from '../oci/index.ts';
import type { Ingest, Store } from '../store/index.ts';
import { saveIndex } from './index-files.ts';
import { TAR_BUFFER_BYTES, TarHash } from './tar-hash.ts';
import type { LayerInfo } from './types.ts';

/** Where an entry's content comes from. */
export type EntryContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** Part of an open file, from `offset`; the caller closes it. */
  | { readonly kind: 'fd'; readonly fd: number; readonly offset: number }
  | { readonly kind: 'stream'; readonly stream: ByteStream };

/**
 * Writes one layer: tar, its digest and its index in one pass. Entries are written in the order in which they are added,
 * exactly as given; whoever adds them sees to the canonical order. Dispose without `commit` leaves nothing behind.
 */
export class LayerWriter implements AsyncDisposable {
  readonly #store: Store;
  readonly #ingest: Ingest;
  readonly #hash = new TarHash();
  readonly #index = new IndexBuilder();
  readonly #pace = new Pace();
  #filled = 0;
  #offset = 0;
  #entries = 0;

  static async open(store: Store): Promise<LayerWriter> {
    return new LayerWriter(store, await store.blobs.createIngest({ hash: false }));
  }

  private constructor(store: Store, ingest: Ingest) {
    this.#store = store;
    this.#ingest = ingest;
  }

  get entryCount(): number {
    return this.#entries;
  }

  /**
   * Adds an entry; for a file with exactly `entry.sizeBytes` of content. `sha256` is the content's, where it is known; it
   * is believed: whoever gives it sees to it that the content has not changed since.
   * @throws CONTENT_CHANGED when the content is longer or shorter.
   */
  async add(entry: TarEntry, content?: EntryContent, sha256?: Uint8Array): Promise<void> {
    const headerOffset = this.#offset;
    this.#write(encodeTarHeader(entry));
    const dataOffset = this.#offset;
    const digest = entry.kind === 'file' ? await this.#writeContent(entry, content, sha256) : undefined;
    this.#write(tarPadding(entry.sizeBytes));
    this.#index.add({ ...entry, headerOffset, dataOffset, storedBytes: entry.sizeBytes, sparse: undefined }, digest);
    this.#entries++;
  }

  /** Ends the tar and moves it into the store. The layer is not durable yet: see `Store.publish`. */
  async commit(): Promise<LayerInfo> {
    this.#write(TAR_END);
    this.#flush();
    const sha256 = (await this.#hash.digest()) ?? (await sha256Of(this.#ingest.path));
    const diffId = asDiffId(await this.#ingest.commit(digestFromHex(sha256)));
    await saveIndex(this.#store, diffId, this.#index.finish(this.#offset));
    await this.#store.layers.put({ diffId, sizeBytes: this.#offset, sources: [] });
    return { diffId, sizeBytes: this.#offset, entryCount: this.#entries };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hash[Symbol.dispose]();
    await this.#ingest[Symbol.asyncDispose]();
  }

  async #writeContent(
    entry: TarEntry,
    content: EntryContent | undefined,
    known: Uint8Array | undefined,
  ): Promise<Uint8Array> {
    const hash = known === undefined ? createHash('sha256') : undefined;
    const begin = this.#offset;
    if (content?.kind === 'fd') await runPaced(this.#copyFrom(content, entry, hash), this.#pace);
    else if (content?.kind === 'stream') {
      for await (const chunk of content.stream) {
        hash?.update(chunk);
        this.#write(chunk);
        if (this.#offset - begin > entry.sizeBytes) break;
      }
    } else if (content !== undefined) {
      hash?.update(content.bytes);
      this.#write(content.bytes);
    }
    const written = this.#offset - begin;
    if (written !== entry.sizeBytes)
      throw contentChanged(
        entry,
        `it has ${written > entry.sizeBytes ? 'more than' : 'only'} ${Math.min(written, entry.sizeBytes)} of ${entry.sizeBytes} bytes`,
      );
    return known ?? hash?.digest() ?? new Uint8Array(32);
  }

  /** Reads straight into the buffer: no copy and no allocation per file. */
  *#copyFrom(
    from: { readonly fd: number; readonly offset: number },
    entry: TarEntry,
    hash: Hash | undefined,
  ): Steps<void> {
    for (let position = 0; position < entry.sizeBytes;) {
      const { buffer } = this.#hash;
      const wanted = Math.min(entry.sizeBytes - position, buffer.length - this.#filled);
      const got = readSync(from.fd, buffer, this.#filled, wanted, from.offset + position);
      if (got === 0) throw contentChanged(entry, `it ends after ${position} of ${entry.sizeBytes} bytes`);
      hash?.update(buffer.subarray(this.#filled, this.#filled + got));
      this.#advance(got);
      position += got;
      yield;
    }
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength;) {
      const { buffer } = this.#hash;
      const part = bytes.subarray(done, done + buffer.length - this.#filled);
      buffer.set(part, this.#filled);
      this.#advance(part.byteLength);
      done += part.byteLength;
    }
  }

  #advance(sizeBytes: number): void {
    this.#filled += sizeBytes;
    this.#offset += sizeBytes;
    if (this.#filled === TAR_BUFFER_BYTES) this.#flush();
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

function contentChanged(entry: TarEntry, how: string): ShaleError {
  return new ShaleError('CONTENT_CHANGED', `${toText(entry.path)} changed while it was read: ${how}`, {
    data: { path: toText(entry.path) },
  });
}
