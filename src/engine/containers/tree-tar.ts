import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { encodeTarHeader, TAR_END, tarPadding, type EntryKind, type TarEntry } from '../../archive/index.ts';
import { type ByteString, isSystemError, toBytes } from '../../base/index.ts';
import { getXattr } from '../../sys/index.ts';

const READ_BYTES = 256 * 1024;
const CAPABILITY = 'security.capability';
const PERMISSION_BITS = 0o7777n;
const EXECUTABLE_BITS = 0o111n;

/** What is put into a tar. */
export interface TreeSource {
  /** A held directory and the name of the object in it; no name: the directory itself. */
  readonly directory: number;
  readonly name?: ByteString;
}

/**
 * A file, link or directory tree as a tar, its own entry first, named `as` (empty: the root). Nothing of the tree is
 * trusted: each step goes from a held directory and follows no link. A file that changes while it is read keeps the
 * size of its header: it is cut, or filled with zeros. Sockets are left out.
 */
export async function* tarOfTree(source: TreeSource, as: ByteString): AsyncGenerator<Uint8Array> {
  const links = new Map<string, ByteString>();
  const path = source.name === undefined ? `/proc/self/fd/${source.directory}/.` : child(source.directory, source.name);
  yield* gathered(entriesOf(path, as, links));
  yield TAR_END;
}

/** Joins headers and small files: a piece for each would cost more than what is in it. */
function* gathered(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < READ_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

/** `/proc/self/fd/N/NAME`: the kernel looks the name up in the held directory. */
function child(directory: number, name: ByteString): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), toBytes(name)]);
}

function* entriesOf(path: Buffer | string, as: ByteString, links: Map<string, ByteString>): Generator<Uint8Array> {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory()) return yield* directoryEntries(path, as, stat, links);
  if (stat.isSocket()) return;
  const first = stat.nlink > 1n ? links.get(`${stat.dev}:${stat.ino}`) : undefined;
  if (first !== undefined) return yield encodeTarHeader({ ...entryOf(as, 'hardlink', stat), linkTarget: first });
  if (stat.isSymbolicLink())
    return yield encodeTarHeader({
      ...entryOf(as, 'symlink', stat),
      linkTarget: readlinkSync(path, { encoding: 'buffer' }).toString('latin1'),
    });
  if (stat.isFile()) {
    if (!(yield* fileEntries(path, as))) return;
  } else yield encodeTarHeader(entryOf(as, deviceKind(stat), stat));
  if (stat.nlink > 1n) links.set(`${stat.dev}:${stat.ino}`, as);
}

function* directoryEntries(
  path: Buffer | string,
  as: ByteString,
  stat: BigIntStats,
  links: Map<string, ByteString>,
): Generator<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    // It was another thing a moment later.
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return;
    throw error;
  }
  try {
    yield encodeTarHeader(entryOf(as, 'directory', stat));
    const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }).toSorted();
    for (const name of names) yield* entriesOf(child(fd, name), as === '' ? name : `${as}/${name}`, links);
  } finally {
    closeSync(fd);
  }
}

/** False when it is no file any more. */
function* fileEntries(path: Buffer | string, as: ByteString): Generator<Uint8Array, boolean> {
  let fd: number;
  try {
    // Not waiting, should it have become a pipe.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ELOOP', 'ENXIO')) return false;
    throw error;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) return false;
    const capability = (stat.mode & EXECUTABLE_BITS) === 0n ? undefined : getXattr(fd, CAPABILITY);
    const sizeBytes = Number(stat.size);
    yield encodeTarHeader({
      ...entryOf(as, 'file', stat),
      sizeBytes,
      xattrs: new Map(capability === undefined ? [] : [[CAPABILITY, capability]]),
    });
    for (let left = sizeBytes; left > 0;) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, left));
      const got = readSync(fd, buffer, 0, buffer.length, null);
      // It has become shorter: zeros up to the size that the header says.
      if (got === 0) buffer.fill(0);
      const piece = got === 0 ? buffer : buffer.subarray(0, got);
      left -= piece.length;
      yield piece;
    }
    yield tarPadding(sizeBytes);
    return true;
  } finally {
    closeSync(fd);
  }
}

function deviceKind(stat: BigIntStats): EntryKind {
  if (stat.isCharacterDevice()) return 'character';
  return stat.isBlockDevice() ? 'block' : 'fifo';
}

function entryOf(path: ByteString, kind: EntryKind, stat: BigIntStats): TarEntry {
  const isDevice = kind === 'character' || kind === 'block';
  return {
    path,
    kind,
    mode: Number(stat.mode & PERMISSION_BITS),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: stat.mtimeNs,
    sizeBytes: 0,
    linkTarget: '',
    // makedev(3), the Linux layout.
    deviceMajor: isDevice ? Number((stat.rdev >> 8n) & 0xfffn) : 0,
    deviceMinor: isDevice ? Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)) : 0,
    xattrs: new Map(),
  };
}
