import type { ByteString } from '../base/index.ts';

/** A layer that can be unpacked: its tree (an open index has one), and descriptors of its data files. */
export interface LayerSource {
  readonly root: LayerNode;
  /** The data files in the order of the index's device table, of which the first is number 1. */
  readonly data: readonly number[];
}

/** One inode of a layer, as `IndexNode` of `erofs` has it; whiteouts and opaque directories are the layer's own. */
export interface LayerNode {
  readonly kind: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'whiteout';
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  readonly linkCount: number;
  /** Equal for hard links of each other. */
  readonly inode: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Nothing of the layers below shows in this directory. */
  readonly opaque: boolean;
  linkTarget(): ByteString;
  xattrs(): ReadonlyMap<ByteString, Uint8Array>;
  /** In the order of their names' bytes. */
  children(): Iterable<readonly [name: ByteString, node: LayerNode]>;
  /** Where a file's content lies: number of the data file and first byte in it. */
  data(): { readonly device: number; readonly offset: number };
}
