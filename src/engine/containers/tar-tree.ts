import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { readTar, type ReadTarEntry, type TarItem } from '../../archive/index.ts';
import {
  type ByteStream,
  type ByteString,
  isShaleError,
  isSystemError,
  ShaleError,
  toBytes,
  toText,
} from '../../base/index.ts';
import {
  bytePath,
  changeOwnerAt,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  openAt2,
  O_PATH,
  RESOLVE,
  setTimesAt,
  setXattr,
  symlinkAt,
} from '../../sys/index.ts';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

/** Where a tar is unpacked. */
export interface TreeTarget {
  /** A held directory that nothing may lead out of. */
  readonly root: number;
  /** Clean, below `root`; empty for the root itself. Its parent directories are followed through links, inside. */
  readonly directory: ByteString;
  /** How links of the tree are taken: as in a chroot, or refused where they lead out. */
  readonly links: 'in-root' | 'beneath';
  /** Owners as the tar says; otherwise those given. */
  readonly owner: 'kept' | { readonly uid: number; readonly gid: number };
}

/**
 * Unpacks a tar into a directory that hostile hands may have written, and may be writing now: each entry's folder is
 * opened from `root` anew by the kernel, which lets no link lead out; the last component is never followed. What is in
 * the way is replaced, but a directory only by a directory.
 * @throws COPY_INVALID for entries that cannot be unpacked there; the errors of the tar reader for unsafe archives
 */
export async function untarTree(tar: ByteStream, target: TreeTarget): Promise<void> {
  const directoryTimes: { readonly path: ByteString; readonly mtimeNs: bigint }[] = [];
  for await (const item of readTar(tar)) {
    // The target itself stays as it is.
    if (item.entry.path === '') continue;
    await unpackItem(item, target);
    if (item.entry.kind === 'directory') directoryTimes.push(item.entry);
  }
  // What is put into a directory changes its time: they come last, the deepest first.
  for (const { path, mtimeNs } of directoryTimes.toReversed()) {
    using parent = openParent(target, path);
    setTimesAt(parent.fd, bytePath(parent.name), mtimeNs, mtimeNs);
  }
}

async function unpackItem({ entry, content }: TarItem, target: TreeTarget): Promise<void> {
  using parent = openParent(target, entry.path);
  const at = { parent: parent.fd, name: bytePath(parent.name), path: inFolder(parent.fd, parent.name) };
  clearTheWay(at.path, entry);
  switch (entry.kind) {
    case 'directory':
      makeDirectory(at, entry);
      break;
    case 'file':
      return await writeFile(at.path, entry, content, target);
    case 'symlink':
      symlinkAt(bytePath(entry.linkTarget), at.parent, at.name);
      break;
    case 'hardlink':
      return link(at, entry, target);
    case 'fifo':
      makeNodeAt(at.parent, at.name, S_IFIFO | entry.mode, 0, 0);
      break;
    case 'character':
    case 'block':
      makeNodeAt(
        at.parent,
        at.name,
        (entry.kind === 'block' ? S_IFBLK : S_IFCHR) | entry.mode,
        entry.deviceMajor,
        entry.deviceMinor,
      );
      break;
  }
  const { uid, gid } = ownerOf(entry, target);
  changeOwnerAt(at.parent, at.name, uid, gid);
  if (entry.kind === 'directory') chmodDirectory(at.path, entry.mode);
  if (entry.kind !== 'directory') setTimesAt(at.parent, at.name, entry.mtimeNs, entry.mtimeNs);
}

interface Place {
  readonly parent: number;
  readonly name: string | Uint8Array;
  readonly path: Buffer;
}

interface Parent extends Disposable {
  readonly fd: number;
  readonly name: ByteString;
}

function openParent(target: TreeTarget, path: ByteString): Parent {
  const whole = target.directory === '' ? path : `${target.directory}/${path}`;
  const slash = whole.lastIndexOf('/');
  const fd = openInside(target, whole.slice(0, Math.max(0, slash)));
  return { fd, name: whole.slice(slash + 1), [Symbol.dispose]: () => closeSync(fd) };
}

/** Makes the directories that the tar does not have itself. */
function openInside(target: TreeTarget, folder: ByteString): number {
  const resolve = (target.links === 'in-root' ? RESOLVE.IN_ROOT : RESOLVE.BENEATH) | RESOLVE.NO_MAGICLINKS;
  const how = { flags: constants.O_RDONLY | constants.O_DIRECTORY, resolve };
  try {
    return openAt2(target.root, folder === '' ? '.' : bytePath(folder), how);
  } catch (error) {
    if (isShaleError(error, 'EXDEV', 'ELOOP'))
      throw new ShaleError('COPY_INVALID', `${toText(folder)} leads out of the destination through a link`, {
        cause: error,
      });
    if (isShaleError(error, 'ENOTDIR'))
      throw new ShaleError('COPY_INVALID', `${toText(folder)} is not a directory`, { cause: error });
    if (!isShaleError(error, 'ENOENT') || folder === '') throw error;
  }
  const slash = folder.lastIndexOf('/');
  const parent = openInside(target, folder.slice(0, Math.max(0, slash)));
  try {
    makeDirectoryAt(parent, bytePath(folder.slice(slash + 1)), 0o755);
  } catch (error) {
    if (!isShaleError(error, 'EEXIST')) throw error;
  } finally {
    closeSync(parent);
  }
  return openAt2(target.root, bytePath(folder), how);
}

function inFolder(folder: number, name: ByteString): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), toBytes(name)]);
}

function clearTheWay(path: Buffer, entry: ReadTarEntry): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  const name = toText(entry.path);
  if (there.isDirectory()) {
    if (entry.kind === 'directory') return;
    throw new ShaleError('COPY_INVALID', `cannot overwrite the directory ${name} with what is none`);
  }
  if (entry.kind === 'directory')
    throw new ShaleError('COPY_INVALID', `cannot overwrite ${name}, which is no directory, with a directory`);
  unlinkSync(path);
}

function makeDirectory({ path }: Place, entry: ReadTarEntry): void {
  try {
    mkdirSync(path, { mode: entry.mode & 0o777 });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    if (lstatSync(path).isDirectory()) return;
    // Somebody was faster, with something else.
    throw new ShaleError('COPY_INVALID', `${toText(entry.path)} was changed meanwhile`, { cause: error });
  }
}

function chmodDirectory(path: Buffer, mode: number): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

async function writeFile(path: Buffer, entry: ReadTarEntry, content: ByteStream, target: TreeTarget): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    // Of a sparse file the tar holds the parts.
    const extents = entry.sparse ?? [{ offset: 0, lengthBytes: entry.sizeBytes }];
    let part = 0;
    let inPart = 0;
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length;) {
        const extent = extents[part];
        if (extent === undefined) break;
        if (inPart === extent.lengthBytes) {
          part++;
          inPart = 0;
          continue;
        }
        const length = Math.min(chunk.length - at, extent.lengthBytes - inPart);
        const written = writeSync(fd, chunk, at, length, extent.offset + inPart);
        at += written;
        inPart += written;
      }
    }
    const { uid, gid } = ownerOf(entry, target);
    fchownSync(fd, uid, gid);
    fchmodSync(fd, entry.mode);
    for (const [name, value] of entry.xattrs) if (name === 'security.capability') setXattr(fd, name, value);
    setTimesAt(fd, undefined, entry.mtimeNs, entry.mtimeNs);
  } finally {
    closeSync(fd);
  }
}

function link(at: Place, entry: ReadTarEntry, target: TreeTarget): void {
  using other = openParent(target, entry.linkTarget);
  linkAt(other.fd, bytePath(other.name), at.parent, at.name);
}

function ownerOf(entry: ReadTarEntry, { owner }: TreeTarget): { readonly uid: number; readonly gid: number } {
  return owner === 'kept' ? entry : owner;
}

/** Opens what a path names without reading it; the caller closes it. @throws the system errors of openat2 */
export function openInRoot(root: number, path: ByteString, follow: boolean): number {
  const flags = O_PATH | (follow ? 0 : constants.O_NOFOLLOW);
  return openAt2(root, path === '' ? '.' : bytePath(path), {
    flags,
    resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS,
  });
}
