import type { ByteString } from '../base/index.ts';
import type { NodeKind } from './tree.ts';

/** Where a file's content comes from: the layer's tar, or the file of expanded sparse data beside it. */
export type DataSource = 'tar' | 'expanded';

/** Where the bytes of a regular file lie; they are contiguous. */
export interface FileData {
  readonly source: DataSource;
  /** First byte in the tar or in the expanded data file. */
  readonly offset: number;
  /** Slot of the index's device table: 1 is the tar, 2 the expanded data; 0 for a file without content. */
  readonly device: number;
}

/** One inode of a layer's index. All of it is read lazily; any access may throw INDEX_CORRUPT. */
export interface IndexNode {
  readonly kind: NodeKind;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** Files: bytes of content; links: bytes of the target; 0 otherwise. */
  readonly sizeBytes: number;
  readonly linkCount: number;
  /** Equal for two names of one index exactly when they are hard links of each other. */
  readonly inode: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** A directory in which nothing of the layers below shows. */
  readonly opaque: boolean;
  /** A directory that no entry of the tar describes: it has the attributes of the layers below, if they have it. */
  readonly implied: boolean;
  /** The target of a symbolic link, verbatim; empty for everything else. */
  linkTarget(): ByteString;
  /** Names with their namespace; overlayfs' own are not among them. */
  xattrs(): ReadonlyMap<ByteString, Uint8Array>;
  /** Children of a directory in the order of their names' bytes; none for everything else. */
  children(): Iterable<readonly [name: ByteString, node: IndexNode]>;
  child(name: ByteString): IndexNode | undefined;
  /** Where a regular file's content is. For empty files and every other kind: offset 0 of the tar. */
  data(): FileData;
  /** The sha256 of a regular file's content; undefined where the contents file is absent or does not have it. */
  sha256(): Uint8Array | undefined;
}
