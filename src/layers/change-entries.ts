import type { TarEntry } from '../archive/index.ts';
import type { ByteString } from '../base/index.ts';

/** image-spec layer.md, "Whiteouts". */
const WHITEOUT_PREFIX = '.wh.';
export const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map<ByteString, Uint8Array>();

/** Attributes that two nodes of one kind are compared by; `node` may be an entry of a tar or a node of a tree. */
export interface Comparable extends Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'deviceMajor' | 'deviceMinor'> {
  xattrs(): ReadonlyMap<ByteString, Uint8Array>;
}

/** True when owner, mode, device numbers and xattrs are equal; times are for the caller to compare. */
export function sameExceptTime(a: Comparable, b: Comparable): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.deviceMajor === b.deviceMajor &&
    a.deviceMinor === b.deviceMinor &&
    sameXattrs(a.xattrs(), b.xattrs())
  );
}

function sameXattrs(a: ReadonlyMap<ByteString, Uint8Array>, b: ReadonlyMap<ByteString, Uint8Array>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other === undefined || Buffer.compare(value, other) !== 0) return false;
  }
  return true;
}

/** The entry that says that `name` of a directory is gone. Nothing but its name counts; the rest is the same everywhere. */
export function whiteoutEntry(parent: ByteString, name: ByteString): TarEntry {
  return {
    path: childPath(parent, WHITEOUT_PREFIX + name),
    kind: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes: 0,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: NO_XATTRS,
  };
}

export function childPath(parent: ByteString, name: ByteString): ByteString {
  return parent === '' ? name : `${parent}/${name}`;
}
