import type { ByteString } from '../base/index.ts';

export type NodeKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'whiteout';

export const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map<ByteString, Uint8Array>();

/** What a node has whatever its kind. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** A directory that no entry describes: 0755, root, 1970. */
export const IMPLIED_ATTRIBUTES: Attributes = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: NO_XATTRS };

/** An inode of an index while it is being built. Hard links are one node under several names. */
export class TreeNode {
  readonly kind: NodeKind;
  mode = 0;
  uid = 0;
  gid = 0;
  mtimeNs = 0n;
  xattrs: ReadonlyMap<ByteString, Uint8Array> = NO_XATTRS;
  sizeBytes = 0;
  linkTarget: ByteString = '';
  deviceMajor = 0;
  deviceMinor = 0;
  /** Directories only. */
  readonly children: Map<ByteString, TreeNode> | undefined;
  /** Names whose lower content this directory hides, whether or not it has a child of that name. */
  hidden: Set<ByteString> | undefined;
  opaque = false;
  implied = false;
  /** Where a file's content lies: slot of the device table (1 is the first) and first byte there. */
  device = 0;
  dataOffset = 0;
  sha256: Uint8Array | undefined;
  /** Place in the list of the writer; below 0 before it is written. */
  position = -1;

  constructor(kind: NodeKind, attributes: Attributes) {
    this.kind = kind;
    this.children = kind === 'directory' ? new Map() : undefined;
    this.setAttributes(attributes);
  }

  setAttributes(from: Attributes): void {
    this.mode = from.mode;
    this.uid = from.uid;
    this.gid = from.gid;
    this.mtimeNs = from.mtimeNs;
    this.xattrs = from.xattrs;
  }

  hide(name: ByteString): void {
    this.hidden ??= new Set();
    this.hidden.add(name);
  }
}

export function impliedDirectory(): TreeNode {
  const node = new TreeNode('directory', IMPLIED_ATTRIBUTES);
  node.implied = true;
  return node;
}
