import { createHash, type Hash } from 'node:crypto';
import { TarParser, type ReadTarEntry, type TarWarning } from '../archive/index.ts';
import { invariant } from '../base/index.ts';
import { IndexBuilder, type BuiltIndex, type ImageSink, type WrittenIndex } from '../erofs/index.ts';

const SHA256_BYTES = 32;
const ZEROS = Buffer.alloc(64 * 1024);

/** Asked for each file whether its content is wanted, and given that piece by piece; pieces must be copied to be kept. */
export type ContentListener = (entry: ReadTarEntry) => ((chunk: Uint8Array) => void) | undefined;

export interface TarIndexerOptions {
  readonly listen?: ContentListener;
  /**
   * Told where the content of each file begins in the tar, and its size, before its bytes pass: somebody else hashes it and
   * says so by `setContents`. Sparse files are hashed here.
   */
  readonly announce?: (offset: number, sizeBytes: number) => void;
}

/** Reads the tar of a layer as it streams by and makes its index, with the digest of every file's content. */
export class TarIndexer {
  readonly #parser: TarParser;
  readonly #index = new IndexBuilder();
  readonly warnings: TarWarning[] = [];
  #file: HashedFile | undefined;
  #entries = 0;
  #sizeBytes = 0;

  readonly #listen: ContentListener | undefined;
  readonly #announce: TarIndexerOptions['announce'];
  readonly #announced: number[] = [];
  #heard: ((chunk: Uint8Array) => void) | undefined;

  constructor({ listen, announce }: TarIndexerOptions = {}) {
    this.#listen = listen;
    this.#announce = announce;
    this.#parser = new TarParser(
      {
        entry: (entry) => this.#begin(entry),
        content: (chunk) => {
          this.#file?.add(chunk);
          this.#heard?.(chunk);
        },
        contentEnd: () => this.#file?.end(),
        warning: (warning) => this.warnings.push(warning),
      },
      { whiteouts: true },
    );
  }

  get entryCount(): number {
    return this.#entries;
  }

  /** Takes the next bytes of the tar. @throws as TarParser and IndexBuilder do */
  write(chunk: Uint8Array): void {
    this.#sizeBytes += chunk.byteLength;
    this.#parser.write(chunk);
  }

  /** The tar is complete. @throws as `write` does */
  end(): void {
    this.#parser.end();
  }

  /** Says the digests of the files that were announced, in their order, 32 bytes each. */
  setContents(digests: Uint8Array): void {
    invariant(digests.byteLength === this.#announced.length * SHA256_BYTES, 'every announced file has a digest');
    for (const [i, file] of this.#announced.entries())
      this.#index.setSha256(file, digests.subarray(i * SHA256_BYTES, (i + 1) * SHA256_BYTES));
  }

  /** Gives the index of a complete tar out. */
  writeIndex(image: ImageSink): WrittenIndex {
    return this.#index.write(this.#sizeBytes, image);
  }

  /** As `writeIndex`, of layers whose index is small. */
  writeIndexToMemory(): BuiltIndex {
    return this.#index.finish(this.#sizeBytes);
  }

  #begin(entry: ReadTarEntry): void {
    this.#entries++;
    const isAnnounced = this.#announce !== undefined && entry.sparse === undefined;
    this.#file = entry.kind === 'file' && !isAnnounced ? new HashedFile(entry) : undefined;
    this.#heard = entry.kind === 'file' ? this.#listen?.(entry) : undefined;
    const file = this.#index.add(entry, this.#file?.sha256);
    if (!isAnnounced || file === undefined) return;
    this.#announced.push(file);
    this.#announce?.(entry.dataOffset, entry.sizeBytes);
  }
}

/** The digest of one file's content while it passes, holes of a sparse file included. */
class HashedFile {
  /** Filled in by `end`. */
  readonly sha256: Uint8Array = new Uint8Array(32);
  readonly #hash: Hash = createHash('sha256');
  readonly #entry: ReadTarEntry;
  #extent = 0;
  #left = 0;
  #position = 0;

  constructor(entry: ReadTarEntry) {
    this.#entry = entry;
    this.#left = entry.sparse?.[0]?.lengthBytes ?? 0;
    if (entry.sparse !== undefined) this.#holeUpTo(entry.sparse[0]?.offset ?? entry.sizeBytes);
  }

  add(chunk: Uint8Array): void {
    if (this.#entry.sparse === undefined) return void this.#hash.update(chunk);
    for (let rest = chunk; rest.byteLength > 0;) {
      while (this.#left === 0 && this.#extent < this.#entry.sparse.length) this.#nextExtent();
      const part = rest.subarray(0, this.#left);
      if (part.byteLength === 0) return;
      this.#hash.update(part);
      this.#position += part.byteLength;
      this.#left -= part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }

  end(): void {
    if (this.#entry.sparse !== undefined) this.#holeUpTo(this.#entry.sizeBytes);
    this.sha256.set(this.#hash.digest());
  }

  #nextExtent(): void {
    const extent = this.#entry.sparse?.[++this.#extent];
    if (extent === undefined) return;
    this.#holeUpTo(extent.offset);
    this.#left = extent.lengthBytes;
  }

  #holeUpTo(offset: number): void {
    for (; this.#position < offset; this.#position += Math.min(ZEROS.length, offset - this.#position)) {
      this.#hash.update(ZEROS.subarray(0, Math.min(ZEROS.length, offset - this.#position)));
    }
  }
}
