import { chmodSync, closeSync, constants, fchmodSync, mkdirSync, readSync, writeSync } from 'node:fs';
import { type ByteString, isShaleError, ShaleError, toText } from '../base/index.ts';
import {
  AT,
  bytePath,
  changeOwnerAt,
  copyRange,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  openAt,
  O_PATH,
  overlayXattrFamily,
  setTimesAt,
  setXattr,
  symlinkAt,
  type SysPath,
} from '../sys/index.ts';
import type { LayerNode, LayerSource } from './layer-source.ts';
import type { LostEntry } from './types.ts';

export interface UnpackOptions {
  /** Must not exist; made, and left half full when something throws: the caller removes it. */
  readonly directory: string;
  /** Whose names overlay's own xattrs have. Default: as this process mounts. */
  readonly xattrFamily?: 'trusted' | 'user';
}

export interface UnpackResult {
  readonly lostCount: number;
  /** The first hundred. */
  readonly lost: readonly LostEntry[];
}

/** Deeper directories could not be named by any path that the kernel takes (PATH_MAX). */
const DEPTH_MAX = 2048;
const LOST_SHOWN_MAX = 100;
const COPY_BYTES = 1 << 20;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Unpacks one layer into a directory of its own, whiteouts and opaque directories in overlay's form. Never outside it:
 * every entry is made in a directory that this call has made and holds open, by a name of one component, and nothing is
 * ever followed. Owners before modes (a chown takes setuid away), modes and times of directories after their content.
 * @throws UNPACK_INVALID, UNPACK_UNSUPPORTED (an id that the user namespace does not have), the errno's name (ENOSPC)
 */
export function unpackLayer(source: LayerSource, options: UnpackOptions): UnpackResult {
  mkdirSync(options.directory, { mode: 0o700 });
  const root = openAt(AT.FDCWD, options.directory, DIRECTORY);
  try {
    const unpacker = new Unpacker(source, root, options.xattrFamily ?? overlayXattrFamily());
    unpacker.fill(root, source.root, '', 0);
    return unpacker;
  } finally {
    closeSync(root);
  }
}

class Unpacker implements UnpackResult {
  lostCount = 0;
  readonly lost: LostEntry[] = [];
  readonly #source: LayerSource;
  readonly #root: number;
  readonly #overlay: ByteString;
  /** Where the first name of an inode with several was made. */
  readonly #linked = new Map<number, ByteString>();
  readonly #directories = new Set<number>();

  constructor(source: LayerSource, root: number, family: 'trusted' | 'user') {
    this.#source = source;
    this.#root = root;
    this.#overlay = `${family}.overlay.`;
  }

  /** Makes the children of a directory that is open, and then its own attributes. */
  fill(fd: number, node: LayerNode, path: ByteString, depth: number): void {
    if (node.kind !== 'directory') throw invalid(path, 'is no directory');
    if (depth > DEPTH_MAX) throw invalid(path, `lies deeper than ${DEPTH_MAX} directories`);
    // A damaged index may have a directory twice, or in itself.
    if (this.#directories.has(node.inode)) throw invalid(path, 'is in the tree twice');
    this.#directories.add(node.inode);
    let whiteouts: 'none' | 'devices' | 'xattrs' = 'none';
    for (const [name, child] of node.children()) {
      const childPath = path === '' ? name : `${path}/${name}`;
      assertName(name, childPath);
      if (child.kind === 'whiteout') whiteouts = this.#whiteout(fd, bytePath(name));
      else this.#make(fd, name, child, childPath, depth);
    }
    this.#markDirectory(fd, node, whiteouts);
    this.#finish(fd, node, path);
  }

  #make(parent: number, name: ByteString, node: LayerNode, path: ByteString, depth: number): void {
    const sysName = bytePath(name);
    if (node.kind === 'directory') {
      makeDirectoryAt(parent, sysName, 0o700);
      using fd = held(openAt(parent, sysName, DIRECTORY));
      this.fill(fd.number, node, path, depth + 1);
      return;
    }
    if (node.linkCount > 1) {
      const first = this.#linked.get(node.inode);
      if (first !== undefined) return this.#link(first, parent, sysName);
      this.#linked.set(node.inode, path);
    }
    if (node.kind === 'file') this.#file(parent, sysName, node, path);
    else if (this.#special(parent, sysName, node, path)) this.#finishByName(parent, sysName, node, path);
  }

  #file(parent: number, name: SysPath, node: LayerNode, path: ByteString): void {
    using fd = held(openAt(parent, name, NEW_FILE, 0o600));
    if (node.sizeBytes > 0) this.#copy(fd.number, node, path);
    this.#finish(fd.number, node, path);
  }

  #copy(to: number, node: LayerNode, path: ByteString): void {
    const { device, offset } = node.data();
    const from = this.#source.data[device - 1];
    if (from === undefined) throw invalid(path, `has its content in data file ${device}, which is not here`);
    const copied = copyRange(from, offset, to, node.sizeBytes) ?? copyByHand(from, offset, to, node.sizeBytes);
    if (copied < node.sizeBytes) {
      const found = `of which data file ${device} holds ${copied}`;
      throw invalid(path, `has ${node.sizeBytes} bytes of content at ${offset}, ${found}`);
    }
  }

  /** False when the entry cannot be made here and was listed instead. */
  #special(parent: number, name: SysPath, node: LayerNode, path: ByteString): boolean {
    if (node.kind === 'symlink') {
      symlinkAt(bytePath(node.linkTarget()), parent, name);
      return true;
    }
    try {
      makeNodeAt(parent, name, KIND_BITS[node.kind] | 0o600, node.deviceMajor, node.deviceMinor);
      return true;
    } catch (error) {
      if (!isShaleError(error, 'EPERM')) throw error;
      this.#lose(path, `${node.kind} device ${node.deviceMajor}:${node.deviceMinor}`);
      return false;
    }
  }

  /** linkat with a name relative to the root, over directories that this call made; from its folder when that is long. */
  #link(first: ByteString, parent: number, name: SysPath): void {
    const slash = first.lastIndexOf('/');
    if (slash < 0) return linkAt(this.#root, bytePath(first), parent, name);
    using folder = held(openFolder(this.#root, first.slice(0, slash)));
    linkAt(folder.number, bytePath(first.slice(slash + 1)), parent, name);
  }

  #whiteout(parent: number, name: SysPath): 'devices' | 'xattrs' {
    try {
      makeNodeAt(parent, name, constants.S_IFCHR, 0, 0);
      return 'devices';
    } catch (error) {
      if (!isShaleError(error, 'EPERM')) throw error;
    }
    using fd = held(openAt(parent, name, NEW_FILE, 0o600));
    setXattr(fd.number, `${this.#overlay}whiteout`, Buffer.from('y'));
    return 'xattrs';
  }

  #markDirectory(fd: number, node: LayerNode, whiteouts: 'none' | 'devices' | 'xattrs'): void {
    if (node.opaque) setXattr(fd, `${this.#overlay}opaque`, Buffer.from('y'));
    // overlay looks for xattr whiteouts only in directories that say so, and hides whiteouts in a directory that no
    // other layer has only when it has an origin.
    else if (whiteouts === 'xattrs') setXattr(fd, `${this.#overlay}opaque`, Buffer.from('x'));
    if (whiteouts !== 'none') setXattr(fd, `${this.#overlay}origin`, new Uint8Array());
  }

  #finish(fd: number, node: LayerNode, path: ByteString): void {
    this.#own(fd, '', node, path);
    this.#setXattrs(fd, node, path);
    fchmodSync(fd, node.mode);
    setTimesAt(fd, undefined, node.mtimeNs, node.mtimeNs);
  }

  #finishByName(parent: number, name: SysPath, node: LayerNode, path: ByteString): void {
    this.#own(parent, name, node, path);
    using fd = held(openAt(parent, name, O_PATH | constants.O_NOFOLLOW));
    // An O_PATH descriptor has no fsetxattr and no fchmod; its name in /proc leads to the very inode.
    const itself = `/proc/self/fd/${fd.number}`;
    if (node.kind !== 'symlink') chmodSync(itself, node.mode);
    this.#setXattrs(node.kind === 'symlink' ? inFolder(parent, name) : itself, node, path);
    setTimesAt(parent, name, node.mtimeNs, node.mtimeNs);
  }

  #own(fd: number, name: SysPath, node: LayerNode, path: ByteString): void {
    try {
      changeOwnerAt(fd, name, node.uid, node.gid);
    } catch (error) {
      if (!isShaleError(error, 'EINVAL', 'EPERM')) throw error;
      throw new ShaleError(
        'UNPACK_UNSUPPORTED',
        `${toText(path)} belongs to ${node.uid}:${node.gid}, which this user namespace does not have`,
        {
          cause: error,
          data: { path, uid: node.uid, gid: node.gid },
          hint: 'give the user more ids in /etc/subuid and /etc/subgid',
        },
      );
    }
  }

  #setXattrs(target: SysPath | number, node: LayerNode, path: ByteString): void {
    for (const [name, value] of node.xattrs()) {
      if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) continue;
      try {
        setXattr(target, name, value);
      } catch (error) {
        if (!isShaleError(error, 'EPERM', 'ENOTSUP')) throw error;
        this.#lose(path, `xattr ${name}`);
      }
    }
  }

  #lose(path: ByteString, what: string): void {
    this.lostCount++;
    if (this.lost.length < LOST_SHOWN_MAX) this.lost.push({ path, what });
  }
}

const KIND_BITS = {
  character: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
  // Never made as nodes; here so that every kind has a value.
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  whiteout: constants.S_IFCHR,
} as const;

/** Opens a folder one component at a time, so that its path may be of any length and no link is followed. */
function openFolder(root: number, path: ByteString): number {
  let fd = root;
  for (const name of path.split('/')) {
    const next = openAt(fd, bytePath(name), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    if (fd !== root) closeSync(fd);
    fd = next;
  }
  return fd;
}

function inFolder(folder: number, name: SysPath): SysPath {
  const prefix = `/proc/self/fd/${folder}/`;
  return typeof name === 'string' ? prefix + name : Buffer.concat([Buffer.from(prefix), name]);
}

function copyByHand(from: number, offset: number, to: number, lengthBytes: number): number {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, lengthBytes));
  let done = 0;
  while (done < lengthBytes) {
    const got = readSync(from, buffer, 0, Math.min(buffer.length, lengthBytes - done), offset + done);
    if (got === 0) break;
    for (let put = 0; put < got;) put += writeSync(to, buffer, put, got - put);
    done += got;
  }
  return done;
}

function held(fd: number): Disposable & { readonly number: number } {
  return { number: fd, [Symbol.dispose]: () => closeSync(fd) };
}

function assertName(name: ByteString, path: ByteString): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw invalid(path, 'has a name that no file can have');
  }
}

function invalid(path: ByteString, why: string): ShaleError {
  return new ShaleError('UNPACK_INVALID', `${toText(path) || 'the root'} ${why}`, { data: { path } });
}
