import type { ByteString } from '../base/index.ts';

/** A layer that can be unpacked: its tree, and descriptors of its data files. An open index is one. */
export interface LayerSource {
  readonly root: LayerNode;
  /** The data files by name; a layer without content has none. */
  readonly data: Readonly<Partial<Record<'tar' | 'expanded', number>>>;
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
  data(): { readonly source: 'tar' | 'expanded'; readonly offset: number };
}
