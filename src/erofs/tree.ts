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
