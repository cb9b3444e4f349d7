import { toText, type ByteString } from '../base/index.ts';
import { refused } from './errors.ts';
import { XATTR_ENTRY_BYTES, alignUp } from './format.ts';
import { NO_XATTRS, type NodeKind } from './tree.ts';

/** Namespaces that the format has a number for; the longest match comes first. EROFS_XATTR_INDEX_*. */
const PREFIXES: readonly (readonly [index: number, prefix: ByteString, whole: boolean])[] = [
  [2, 'system.posix_acl_access', true],
  [3, 'system.posix_acl_default', true],
  [1, 'user.', false],
  [4, 'trusted.', false],
  [6, 'security.', false],
];

/** Limits of Linux (`XATTR_NAME_MAX`, `XATTR_SIZE_MAX`) and of the format (16-bit value size, 16-bit total). */
const NAME_BYTES_MAX = 255;
const VALUE_BYTES_MAX = 65_535;
const TOTAL_BYTES_MAX = 200_000;

const OVERLAY_PREFIXES: readonly ByteString[] = ['trusted.overlay.', 'user.overlay.'];
const ACL_VERSION = 2;
const ACL_HEADER_BYTES = 4;
const ACL_TAGS: ReadonlySet<number> = new Set([0x01, 0x02, 0x04, 0x08, 0x10, 0x20]);

export function isOverlayXattr(name: ByteString): boolean {
  return OVERLAY_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * The attributes of an entry as an index keeps them. Left out, with a call of `dropped`: overlayfs' own (the kernel
 * would obey them), names outside `user.`, `trusted.`, `security.` and the two ACLs (no Linux file system takes them),
 * `user.` on anything but files and directories (Linux refuses to read them, which would make copy-up fail), and ACLs
 * of symbolic links or without entries.
 * @throws XATTR_INVALID for what setxattr(2) refuses with an error that docker does not pass over.
 */
export function keptXattrs(
  xattrs: ReadonlyMap<ByteString, Uint8Array>,
  path: ByteString,
  options: { readonly kind: NodeKind; readonly dropped: (name: ByteString) => void },
): ReadonlyMap<ByteString, Uint8Array> {
  const kept = new Map<ByteString, Uint8Array>();
  let total = 0;
  for (const [name, value] of xattrs) {
    if (isOverlayXattr(name) || prefixOf(name) === undefined || isMisplaced(name, options.kind)) {
      options.dropped(name);
      continue;
    }
    checkXattr(name, value, path);
    if (isAclName(name) && value.byteLength === ACL_HEADER_BYTES) continue;
    total += entryBytes(name.length, value.byteLength);
    kept.set(name, value);
  }
  if (total > TOTAL_BYTES_MAX) {
    throw refused('XATTR_INVALID', path, `has ${total} bytes of extended attributes, at most ${TOTAL_BYTES_MAX} fit`);
  }
  return kept.size === 0 ? NO_XATTRS : kept;
}

function isMisplaced(name: ByteString, kind: NodeKind): boolean {
  if (name.startsWith('user.')) return kind !== 'file' && kind !== 'directory';
  return isAclName(name) && kind === 'symlink';
}

function isAclName(name: ByteString): boolean {
  return name.startsWith('system.posix_acl_');
}

function checkXattr(name: ByteString, value: Uint8Array, path: ByteString): void {
  const shown = JSON.stringify(toText(name.slice(0, 300)));
  if (name.length > NAME_BYTES_MAX || name.includes('\0') || isBarePrefix(name)) {
    throw refused('XATTR_INVALID', path, `has an extended attribute with an impossible name ${shown}`);
  }
  if (value.byteLength > VALUE_BYTES_MAX) {
    const size = `${value.byteLength} bytes, at most ${VALUE_BYTES_MAX} fit`;
    throw refused('XATTR_INVALID', path, `has an extended attribute ${shown} of ${size}`);
  }
  if (isAclName(name) && !isAcl(value)) {
    throw refused('XATTR_INVALID', path, `has a malformed access control list in ${shown}`);
  }
}

/** The kernel's form of an ACL: version 2, then entries of tag, permissions and id. include/uapi/linux/posix_acl_xattr.h */
function isAcl(value: Uint8Array): boolean {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.byteLength < ACL_HEADER_BYTES || (value.byteLength - ACL_HEADER_BYTES) % 8 !== 0) return false;
  if (view.getUint32(0, true) !== ACL_VERSION) return false;
  for (let at = ACL_HEADER_BYTES; at < value.byteLength; at += 8)
    if (!ACL_TAGS.has(view.getUint16(at, true))) return false;
  return true;
}

function isBarePrefix(name: ByteString): boolean {
  return PREFIXES.some(([, prefix, whole]) => !whole && prefix === name);
}

function prefixOf(name: ByteString): readonly [index: number, prefix: ByteString, whole: boolean] | undefined {
  return PREFIXES.find(([, prefix, whole]) => (whole ? name === prefix : name.startsWith(prefix)));
}

/** Bytes of one stored attribute; `nameBytes` may count the prefix, the result is then an upper bound. */
function entryBytes(nameBytes: number, valueBytes: number): number {
  return alignUp(XATTR_ENTRY_BYTES + nameBytes + valueBytes, XATTR_ENTRY_BYTES);
}

/** The stored form of one attribute, padded to a multiple of four bytes. */
export function encodeXattr(name: ByteString, value: Uint8Array): Buffer {
  const [index, prefix] = prefixOf(name) ?? [0, ''];
  const rest = name.slice(prefix.length);
  const entry = Buffer.alloc(entryBytes(rest.length, value.byteLength));
  entry.writeUInt8(rest.length, 0);
  entry.writeUInt8(index, 1);
  entry.writeUInt16LE(value.byteLength, 2);
  entry.write(rest, XATTR_ENTRY_BYTES, 'latin1');
  entry.set(value, XATTR_ENTRY_BYTES + rest.length);
  return entry;
}

/** One stored attribute at `at`; undefined when it does not lie before `end` or has an unknown namespace. */
export function decodeXattr(
  image: Buffer,
  at: number,
  end: number,
): { readonly name: ByteString; readonly value: Uint8Array; readonly next: number } | undefined {
  if (at + XATTR_ENTRY_BYTES > end) return undefined;
  const nameBytes = image.readUInt8(at);
  const index = image.readUInt8(at + 1);
  const valueBytes = image.readUInt16LE(at + 2);
  const next = at + entryBytes(nameBytes, valueBytes);
  const prefix = PREFIXES.find(([number]) => number === index);
  if (next > end || prefix === undefined) return undefined;
  const nameAt = at + XATTR_ENTRY_BYTES;
  const name = prefix[1] + image.toString('latin1', nameAt, nameAt + nameBytes);
  return { name, value: image.subarray(nameAt + nameBytes, nameAt + nameBytes + valueBytes), next };
}
