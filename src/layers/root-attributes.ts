import type { ByteString } from '../base/index.ts';
import type { Stack } from './layers.ts';

/** The owner, mode, time and xattrs of a container's root directory. */
export interface RootAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/**
 * Bits that the root of every container has, whatever its layers say, as with docker: everybody may look into it. Many base
 * images were packed from a private folder and say 0700.
 */
export const ROOT_MODE_MIN = 0o755;

/** What the root directory of a container on a stack looks like. */
export function rootAttributes(stack: Stack): RootAttributes {
  const { root } = stack.view;
  const { mode, uid, gid, mtimeNs } = root;
  return { mode: mode | ROOT_MODE_MIN, uid, gid, mtimeNs, xattrs: root.xattrs() };
}
