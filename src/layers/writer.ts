import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { encodeTarHeader, tarPadding, TAR_END, type TarEntry } from '../archive/index.ts';
import { Pace, runPaced, ShaleError, toText, type ByteStream, type Steps } from '../base/index.ts';
import { IndexBuilder } from '../erofs/index.ts';
import type { Store } from '../store/index.ts';
import { saveIndex } from './index-files.ts';
import { TarOutput } from './tar-output.ts';
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
  readonly #output: TarOutput;
  readonly #index = new IndexBuilder();
  readonly #pace = new Pace();
  #entries = 0;

  static async open(store: Store): Promise<LayerWriter> {
    return new LayerWriter(store, await TarOutput.open(store));
  }

  private constructor(store: Store, output: TarOutput) {
    this.#store = store;
    this.#output = output;
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
    const headerOffset = this.#output.sizeBytes;
    this.#output.write(encodeTarHeader(entry));
    const dataOffset = this.#output.sizeBytes;
    const digest = entry.kind === 'file' ? await this.#writeContent(entry, content, sha256) : undefined;
    this.#output.write(tarPadding(entry.sizeBytes));
    this.#index.add({ ...entry, headerOffset, dataOffset, storedBytes: entry.sizeBytes, sparse: undefined }, digest);
    this.#entries++;
  }

  /** Ends the tar and moves it into the store. The layer is not durable yet: see `Store.publish`. */
  async commit(): Promise<LayerInfo> {
    this.#output.write(TAR_END);
    const { sizeBytes } = this.#output;
    const { diffId } = await this.#output.commit();
    await saveIndex(this.#store, diffId, (image) => this.#index.write(sizeBytes, image));
    await this.#store.layers.put({ diffId, sizeBytes, sources: [] });
    return { diffId, sizeBytes, entryCount: this.#entries };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output[Symbol.asyncDispose]();
  }

  async #writeContent(
    entry: TarEntry,
    content: EntryContent | undefined,
    known: Uint8Array | undefined,
  ): Promise<Uint8Array> {
    const hash = known === undefined ? createHash('sha256') : undefined;
    const begin = this.#output.sizeBytes;
    if (content?.kind === 'fd') await runPaced(this.#copyFrom(content, entry, hash), this.#pace);
    else if (content?.kind === 'stream') {
      for await (const chunk of content.stream) {
        hash?.update(chunk);
        this.#output.write(chunk);
        if (this.#output.sizeBytes - begin > entry.sizeBytes) break;
      }
    } else if (content !== undefined) {
      hash?.update(content.bytes);
      this.#output.write(content.bytes);
    }
    const written = this.#output.sizeBytes - begin;
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
      const { free } = this.#output;
      const wanted = Math.min(entry.sizeBytes - position, free.length);
      const got = readSync(from.fd, free, 0, wanted, from.offset + position);
      if (got === 0) throw contentChanged(entry, `it ends after ${position} of ${entry.sizeBytes} bytes`);
      hash?.update(free.subarray(0, got));
      this.#output.advance(got);
      position += got;
      yield;
    }
  }
}

function contentChanged(entry: TarEntry, how: string): ShaleError {
  return new ShaleError('CONTENT_CHANGED', `${toText(entry.path)} changed while it was read: ${how}`, {
    data: { path: toText(entry.path) },
  });
}
