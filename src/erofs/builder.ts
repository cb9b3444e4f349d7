import type { ReadTarEntry, SparseExtent } from '../archive/index.ts';
import { collectGarbage, invariant, type ByteString } from '../base/index.ts';
import { fail, refused } from './errors.ts';
import { BLOCK_BYTES, alignUp } from './format.ts';
import { writeIndex, type DeviceSlot, type XattrFamily } from './image-writer.ts';
import { ImageBuffer, type ImageSink } from './image-stream.ts';
import type { Inode } from './inode-tree.ts';
import { LayerTree } from './layer-tree.ts';

/** What a layer's tar must be expanded to: blocks of an index cannot point at a sparse file's parts. */
export interface ExpandedFile {
  /** First byte of the stored parts in the tar, which follow each other without gaps. */
  readonly dataOffset: number;
  /** Where each part belongs in the file. */
  readonly extents: readonly SparseExtent[];
  /** Size of the file with its holes. */
  readonly sizeBytes: number;
  /** First byte of the file in the expanded data file: part `i` goes to `targetOffset + extents[i].offset`. */
  readonly targetOffset: number;
}

export interface BuiltIndex extends WrittenIndex {
  /** The EROFS image. Slot 1 of its device table is the tar, slot 2 the expanded data file where there is one. */
  readonly image: Buffer;
}

/** What belongs to an image. */
export interface WrittenIndex {
  /** The sha256 of the regular files; see `openIndex`. */
  readonly contents: Buffer;
  /** The second data file, all of it: size and parts. Undefined when the layer has no sparse file. */
  readonly expanded: { readonly sizeBytes: number; readonly files: readonly ExpandedFile[] } | undefined;
  /** Extended attributes that the index leaves out, at most 100 of them. */
  readonly droppedXattrs: readonly { readonly path: ByteString; readonly name: ByteString }[];
}

export interface IndexOptions {
  /** The attribute family that marks opaque directories. Default `trusted`. */
  readonly xattrFamily?: XattrFamily;
}

const DROPPED_SHOWN_MAX = 100;
/** Each entry leaves some objects behind, here and where it came from. */
const COLLECT_EVERY_ENTRIES = 16_384;
/** Content begins on a page in the expanded file, so that pages of the cache need no copying. */
const EXPANDED_ALIGNMENT_BYTES = 4096;
const EXPANDED_BYTES_MAX = 2 ** 40;
const TAR_DEVICE = 1;
const EXPANDED_DEVICE = 2;

/**
 * Makes the index of one layer from the entries of its tar, in the order of the tar. The result depends on nothing
 * else: no clock, no randomness, no layer below. Whiteouts act on the layers below only, wherever they stand.
 *
 * An entry that is refused throws (see ErofsErrorCode) and leaves the builder unusable.
 */
export class IndexBuilder {
  readonly #family: XattrFamily;
  readonly #layer: LayerTree;
  /** The last file and its digest, which may still be filled in. */
  #pending: { readonly file: Inode; readonly sha256: Uint8Array } | undefined;
  readonly #expanded: ExpandedFile[] = [];
  readonly #dropped: { readonly path: ByteString; readonly name: ByteString }[] = [];
  #entries = 0;
  #expandedBytes = 0;
  #tarBytes = 0;
  #finished = false;

  constructor(options: IndexOptions = {}) {
    this.#family = options.xattrFamily ?? 'trusted';
    this.#layer = new LayerTree((path, name) => {
      if (this.#dropped.length < DROPPED_SHOWN_MAX) this.#dropped.push({ path, name });
    });
  }

  /**
   * Applies the next entry. `sha256`: the 32 bytes over a regular file's content (holes included), where known; they
   * are taken when the next entry is added or with `finish`, and may be filled in until then. Gives a regular file's number
   * for `setSha256`.
   */
  add(entry: ReadTarEntry, sha256?: Uint8Array): number | undefined {
    invariant(!this.#finished, 'an index builder is not used after finish()');
    this.#takeSha256();
    if (++this.#entries % COLLECT_EVERY_ENTRIES === 0) collectGarbage();
    const file = this.#layer.apply(entry);
    if (file === undefined) return undefined;
    if (sha256 !== undefined) this.#pending = { file, sha256 };
    this.#locate(file, entry);
    return file;
  }

  /** Says the 32 bytes over a file's content later, before `finish`. */
  setSha256(file: number, sha256: Uint8Array): void {
    this.#layer.tree.setSha256(file, sha256);
  }

  /** The index in memory. `tarSizeBytes` is the size of the whole tar, end blocks included. */
  finish(tarSizeBytes: number): BuiltIndex {
    const image = new ImageBuffer();
    return { ...this.write(tarSizeBytes, image), image: image.bytes };
  }

  /** As `finish`, but gives the image out as it is made: that of a large layer has tens of megabytes. */
  write(tarSizeBytes: number, image: ImageSink): WrittenIndex {
    invariant(this.#tarBytes <= tarSizeBytes, 'a tar is not smaller than the content of its entries');
    this.#finished = true;
    this.#takeSha256();
    this.#layer.settle();
    const devices: DeviceSlot[] = [{ sizeBytes: tarSizeBytes, tag: '' }];
    if (this.#expanded.length > 0) devices.push({ sizeBytes: this.#expandedBytes, tag: '' });
    return {
      contents: writeIndex(this.#layer, image, { devices, family: this.#family }),
      expanded: this.#expanded.length > 0 ? { sizeBytes: this.#expandedBytes, files: this.#expanded } : undefined,
      droppedXattrs: this.#dropped,
    };
  }

  #takeSha256(): void {
    if (this.#pending !== undefined) this.#layer.tree.setSha256(this.#pending.file, this.#pending.sha256);
    this.#pending = undefined;
  }

  #locate(file: Inode, entry: ReadTarEntry): void {
    const { tree } = this.#layer;
    if (entry.dataOffset % BLOCK_BYTES !== 0)
      throw refused('ENTRY_INVALID', entry.path, 'has content off the block grid');
    this.#tarBytes = Math.max(this.#tarBytes, entry.dataOffset + entry.storedBytes);
    if (entry.sparse === undefined || isWhole(entry, entry.sparse)) {
      tree.setContent(file, TAR_DEVICE, entry.dataOffset);
      return;
    }
    const targetOffset = this.#expandedBytes;
    tree.setContent(file, EXPANDED_DEVICE, targetOffset);
    this.#expandedBytes += alignUp(entry.sizeBytes, EXPANDED_ALIGNMENT_BYTES);
    if (!(this.#expandedBytes <= EXPANDED_BYTES_MAX)) {
      throw fail('INDEX_LIMIT', `the layer's sparse files are larger than ${EXPANDED_BYTES_MAX} bytes in all`);
    }
    const { dataOffset, sizeBytes } = entry;
    this.#expanded.push({ dataOffset, sizeBytes, extents: entry.sparse, targetOffset });
  }
}

/** True for a sparse map that leaves nothing out. */
function isWhole(entry: ReadTarEntry, extents: readonly SparseExtent[]): boolean {
  const [first, ...others] = extents.filter((extent) => extent.lengthBytes > 0);
  if (first === undefined) return entry.sizeBytes === 0;
  return others.length === 0 && first.offset === 0 && first.lengthBytes === entry.sizeBytes;
}
