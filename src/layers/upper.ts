import { closeSync, constants, openSync, readdirSync, readlinkSync } from 'node:fs';
import type { TarEntry } from '../archive/index.ts';
import { type ByteString, ShaleError, toText } from '../base/index.ts';
import {
  bytePath,
  type FileStatus,
  getXattr,
  listXattrs,
  openAt2,
  overlayXattrFamily,
  RESOLVE,
  statAt,
  type SysPath,
} from '../sys/index.ts';
import { childPath, NO_XATTRS, sameExceptTime, whiteoutEntry, type Comparable } from './change-entries.ts';
import { ROOT_MODE_MIN } from './root-attributes.ts';
import { hashUpperFile, openUpperFile, upperChanged, type UpperFile } from './upper-file.ts';

/** What lies below an upper directory: the merged tree of a stack (`View` of erofs is one). */
export interface LowerView {
  readonly root: LowerNode;
}

export interface LowerNode {
  readonly kind: TarEntry['kind'] | 'whiteout';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  linkTarget(): ByteString;
  xattrs(): ReadonlyMap<ByteString, Uint8Array>;
  sha256(): Uint8Array | undefined;
  child(name: ByteString): LowerNode | undefined;
  children(): Iterable<readonly [name: ByteString, node: LowerNode]>;
}

/** What the set-up of a container left in the upper (`MountTraces` of the runtime are one). */
export interface UpperTraces {
  /** Mount targets that were made; left out as long as they are empty. */
  readonly created: readonly { readonly path: ByteString }[];
  /** Directories that only got such an entry, with the modification time that they had before. */
  readonly touched: readonly { readonly path: ByteString; readonly mtimeNs: bigint }[];
}

export interface UpperOptions {
  readonly upperDir: string;
  /** Absent: nothing lies below. */
  readonly lower?: LowerView;
  /** Whose names overlay's own xattrs have; as the upper was mounted. Default: as this process mounts. */
  readonly xattrFamily?: 'trusted' | 'user';
  /** Modification times after this one become this one. */
  readonly mtimeMaxNs?: bigint;
  readonly traces?: UpperTraces;
  /** Paths that the layer keeps as the layer below has them. A directory among them can still hold changes. */
  readonly ignored?: (path: ByteString) => boolean;
  /** Only the paths of changes are wanted: of files that are new nothing is read, and their entries hold no more than that. */
  readonly pathsOnly?: boolean;
  /** From the ids on disk to those of the layer. */
  readonly mapIds?: (uid: number, gid: number) => { readonly uid: number; readonly gid: number };
}

export interface UpperChange {
  readonly entry: TarEntry;
  /** The layers below have something of this name; of a whiteout always true. */
  readonly replaces: boolean;
  /** Regular files: opens the content. Absent for everything else. */
  readonly open?: () => UpperFile;
  /** The content's sha256, where comparing needed it. */
  readonly sha256?: Uint8Array;
}

export type UpperErrorCode =
  /** The upper was written with options that shale never uses: it holds only part of the truth. */
  | 'UPPER_REDIRECT'
  /** Something was written while the upper was read. */
  | 'UPPER_CHANGED';

/** About the file on this host, not about its content: they would make equal layers differ. */
const HOST_XATTRS: ReadonlySet<ByteString> = new Set(['security.selinux', 'security.ima', 'security.evm']);

/**
 * The changes that an upper directory holds, as the entries of a layer in canonical order: per directory whiteouts
 * first, then names by bytes; a directory before what is in it. Whiteouts are explicit, also for a directory that was
 * removed and made again. Left out: entries that equal what lies below in everything (opening a file for writing copies
 * it up), directories that only lead to such, sockets, traces of mounts, overlay's own xattrs. The root is an entry only
 * when its owner, mode or xattrs changed.
 *
 * One synchronous walk over what must not change meanwhile (the container has ended or is frozen).
 * @throws UPPER_REDIRECT, UPPER_CHANGED, the errno's name
 */
export function* walkUpper(options: UpperOptions): Generator<UpperChange, void, undefined> {
  const walk = new Walk(options);
  const root = openSync(options.upperDir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    yield* walk.root(root);
  } finally {
    closeSync(root);
  }
}

/** An entry of the upper that was looked at. */
interface Seen {
  readonly name: ByteString;
  readonly path: ByteString;
  readonly stat: FileStatus;
  readonly lower: LowerNode | undefined;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
  readonly opaque: boolean;
}

class Walk {
  readonly #options: UpperOptions;
  readonly #overlay: ByteString;
  readonly #created: ReadonlySet<ByteString>;
  readonly #touched: ReadonlyMap<ByteString, bigint>;
  /** First path of an inode with several names. */
  readonly #linked = new Map<bigint, ByteString>();

  constructor(options: UpperOptions) {
    this.#options = options;
    this.#overlay = `${options.xattrFamily ?? overlayXattrFamily()}.overlay.`;
    this.#created = new Set(options.traces?.created.map(({ path }) => path));
    this.#touched = new Map(options.traces?.touched.map(({ path, mtimeNs }) => [path, mtimeNs]));
  }

  *root(fd: number): Generator<UpperChange> {
    const lower = this.#options.lower?.root;
    const { xattrs, opaque } = this.#xattrsOf(`/proc/self/fd/${fd}/.`, '');
    const seen = { name: '', path: '', stat: statAt(fd, ''), lower, xattrs, opaque };
    const entry = this.#entryOf(seen, 'directory');
    // The mount gave the root its time; whatever is made in it changes that, and no layer of docker's has it.
    const before = lower ?? EMPTY_ROOT;
    const opened = { ...entry, mode: entry.mode === (before.mode | ROOT_MODE_MIN) ? before.mode : entry.mode };
    if (!sameExceptTime(comparable(opened), before)) yield { entry, replaces: true };
    yield* this.#children(fd, seen, opaque ? undefined : lower, opaque ? lower : undefined).changes;
  }

  /**
   * What is in a directory. `lower`: what shows through it; `hidden`: what would show, were the directory (or one above
   * it) not opaque.
   */
  #children(fd: number, directory: Seen, lower: LowerNode | undefined, hidden: LowerNode | undefined): Children {
    const whiteouts: ByteString[] = [];
    const others: Others = { kept: [], rest: [] };
    const below = lower ?? hidden;
    let isNew = false;
    const { names, plain } = this.#namesIn(fd);
    for (const name of names) {
      const lowerChild = below?.child(name);
      const seen =
        lowerChild === undefined && plain.has(name)
          ? this.#lookAtName(fd, directory.path, name)
          : this.#look(fd, directory.path, name, lowerChild);
      if (seen === undefined) {
        // A whiteout of nothing says nothing.
        if (lowerChild !== undefined) whiteouts.push(name);
        continue;
      }
      isNew ||= seen.lower === undefined && !this.#isTrace(seen);
      if (others.kept.length < KEPT_MAX) others.kept.push(seen);
      else others.rest.push(name);
    }
    if (hidden !== undefined) {
      const present = new Set(names);
      for (const [name] of hidden.children()) if (!present.has(name)) whiteouts.push(name);
      whiteouts.sort();
    }
    const own = whiteouts.filter((name) => !this.#isIgnored(childPath(directory.path, name)));
    const seenOthers = this.#allOf(others, { fd, path: directory.path, below });
    return {
      direct: own.length > 0 || isNew,
      changes: this.#emit(fd, directory.path, own, seenOthers, hidden !== undefined),
    };
  }

  /** Sorted; `plain` are those of which the name may be enough. */
  #namesIn(fd: number): { readonly names: readonly ByteString[]; readonly plain: ReadonlySet<ByteString> } {
    const folder = `/proc/self/fd/${fd}`;
    if (this.#options.pathsOnly !== true)
      return { names: readdirSync(folder, { encoding: 'latin1' }).toSorted(), plain: NO_NAMES };
    const entries = readdirSync(folder, { encoding: 'latin1', withFileTypes: true });
    const plain = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
    return { names: entries.map(({ name }) => name).toSorted(), plain: new Set(plain.map(({ name }) => name)) };
  }

  /** A file that is new: how it is does not matter, unless it may be the trace of a mount. */
  #lookAtName(fd: number, parent: ByteString, name: ByteString): Seen | undefined {
    const path = childPath(parent, name);
    if (this.#created.has(path)) return this.#look(fd, parent, name, undefined);
    return { name, path, stat: UNSEEN, lower: undefined, xattrs: NO_XATTRS, opaque: false };
  }

  /** Those that are not kept are looked at again. */
  *#allOf(
    { kept, rest }: Others,
    at: { readonly fd: number; readonly path: ByteString; readonly below: LowerNode | undefined },
  ): Generator<Seen> {
    yield* kept;
    for (const name of rest) {
      const seen = this.#look(at.fd, at.path, name, at.below?.child(name));
      if (seen === undefined) throw upperChanged(childPath(at.path, name));
      yield seen;
    }
  }

  *#emit(
    fd: number,
    parent: ByteString,
    whiteouts: readonly ByteString[],
    others: Iterable<Seen>,
    opaque: boolean,
  ): Generator<UpperChange> {
    for (const name of whiteouts) yield { entry: whiteoutEntry(parent, name), replaces: true };
    for (const seen of others) {
      if (isKind(seen.stat, constants.S_IFDIR)) yield* this.#directory(fd, seen, opaque);
      else {
        const change = this.#other(fd, seen);
        if (change !== undefined) yield change;
      }
    }
  }

  *#directory(parent: number, seen: Seen, parentOpaque: boolean): Generator<UpperChange> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const fd = openAt2(parent, bytePath(seen.name), { flags, resolve: RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS });
    try {
      const lower = seen.lower?.kind === 'directory' ? seen.lower : undefined;
      const opaque = seen.opaque || parentOpaque;
      const children = this.#children(fd, seen, opaque ? undefined : lower, opaque ? lower : undefined);
      const before = children.direct ? undefined : this.#touched.get(seen.path);
      const entry = this.#entryOf(seen, 'directory', before);
      const replaces = seen.lower !== undefined;
      let yielded = !this.#isIgnored(seen.path) && !this.#isTrace(seen) && !this.#same(entry, seen);
      if (yielded) yield { entry, replaces };
      for (const change of children.changes) {
        // Changes inside an unchanged directory: the layer describes every directory that it goes through.
        if (!yielded) yield { entry, replaces };
        yielded = true;
        yield change;
      }
    } finally {
      closeSync(fd);
    }
  }

  #other(parent: number, seen: Seen): UpperChange | undefined {
    const { stat, path } = seen;
    if (this.#isIgnored(path) || (this.#isTrace(seen) && stat.sizeBytes === 0)) return undefined;
    const kind = kindOf(stat);
    const replaces = seen.lower !== undefined;
    const linked = stat.nlink > 1 ? this.#linked.get(stat.inode) : undefined;
    if (linked !== undefined) {
      return { entry: { ...this.#entryOf(seen, 'hardlink'), sizeBytes: 0, linkTarget: linked }, replaces };
    }
    const target = kind === 'symlink' ? readlinkSync(nodePath(inFolder(parent, seen.name)), 'latin1') : '';
    const entry = { ...this.#entryOf(seen, kind), linkTarget: target };
    if (kind !== 'file')
      return this.#same(entry, seen) && stat.nlink === 1 ? undefined : this.#linkable(seen, { entry, replaces });
    const open = (): UpperFile => openUpperFile(this.#options.upperDir, seen);
    // Hard links that the layers below do not have are a change of every name.
    if (stat.nlink > 1 || !this.#same(entry, seen)) return this.#linkable(seen, { entry, replaces, open });
    const before = seen.lower?.sha256();
    const sha256 = before === undefined ? undefined : hashUpperFile(open());
    if (before !== undefined && sha256 !== undefined && Buffer.compare(before, sha256) === 0) return undefined;
    return sha256 === undefined ? { entry, replaces, open } : { entry, replaces, open, sha256 };
  }

  #linkable(seen: Seen, change: UpperChange): UpperChange {
    if (seen.stat.nlink > 1) this.#linked.set(seen.stat.inode, seen.path);
    return change;
  }

  /** One name of the upper; undefined for what only hides: a whiteout, whatever its number of links: overlay shares one inode. */
  #look(fd: number, parent: ByteString, name: ByteString, lower: LowerNode | undefined): Seen | undefined {
    const path = childPath(parent, name);
    const stat = statAt(fd, bytePath(name));
    // A socket cannot be in a layer; what it replaced is gone all the same.
    if (isWhiteoutDevice(stat) || isKind(stat, constants.S_IFSOCK)) return undefined;
    const { xattrs, opaque, whiteout } = this.#xattrsOf(inFolder(fd, name), path);
    if (whiteout && isKind(stat, constants.S_IFREG) && stat.sizeBytes === 0) return undefined;
    return { name, path, stat, lower, xattrs, opaque };
  }

  #xattrsOf(
    sysPath: SysPath,
    path: ByteString,
  ): { readonly xattrs: ReadonlyMap<ByteString, Uint8Array>; readonly opaque: boolean; readonly whiteout: boolean } {
    const names = listXattrs(sysPath);
    if (names.length === 0) return NOTHING_SPECIAL;
    const xattrs = new Map<ByteString, Uint8Array>();
    let [opaque, whiteout] = [false, false];
    for (const name of names.toSorted()) {
      if (name.startsWith(this.#overlay)) {
        const own = name.slice(this.#overlay.length);
        if (own === 'redirect' || own === 'metacopy') throw redirected(path, name);
        if (own === 'opaque') opaque = getXattr(sysPath, name)?.toString('latin1') === 'y';
        whiteout ||= own === 'whiteout';
      } else if (!isForeign(name)) {
        const value = getXattr(sysPath, name);
        if (value !== undefined) xattrs.set(name, value);
      }
    }
    return { xattrs, opaque, whiteout };
  }

  #entryOf(seen: Seen, kind: TarEntry['kind'], mtimeNs: bigint = seen.stat.mtimeNs): TarEntry {
    const { stat } = seen;
    const max = this.#options.mtimeMaxNs;
    const isDevice = kind === 'character' || kind === 'block';
    return {
      path: seen.path,
      kind,
      mode: stat.mode & 0o7777,
      ...(this.#options.mapIds?.(stat.uid, stat.gid) ?? { uid: stat.uid, gid: stat.gid }),
      mtimeNs: max !== undefined && mtimeNs > max ? max : mtimeNs,
      sizeBytes: kind === 'file' ? stat.sizeBytes : 0,
      linkTarget: '',
      deviceMajor: isDevice ? stat.rdevMajor : 0,
      deviceMinor: isDevice ? stat.rdevMinor : 0,
      xattrs: seen.xattrs,
    };
  }

  /** Everything but the content of a file. The time may also be equal before it was limited. */
  #same(entry: TarEntry, seen: Seen): boolean {
    const { lower } = seen;
    if (lower === undefined || lower.kind !== entry.kind || !sameExceptTime(comparable(entry), lower)) return false;
    const times = [entry.mtimeNs, seen.stat.mtimeNs];
    if (!times.includes(lower.mtimeNs)) return false;
    if (entry.kind === 'symlink') return entry.linkTarget === lower.linkTarget();
    return entry.kind !== 'file' || entry.sizeBytes === lower.sizeBytes;
  }

  #isIgnored(path: ByteString): boolean {
    return this.#options.ignored?.(path) ?? false;
  }

  #isTrace(seen: Seen): boolean {
    return this.#created.has(seen.path);
  }
}

/** Entries of one directory that are kept between being looked at and being written: each takes half a kilobyte. */
const KEPT_MAX = 8192;

/** What is in a directory besides whiteouts; of more than a directory usually has, only the names. */
interface Others {
  readonly kept: Seen[];
  readonly rest: ByteString[];
}

interface Children {
  /** Names were made or removed in the directory itself, so its modification time is its own. */
  readonly direct: boolean;
  readonly changes: Generator<UpperChange>;
}

const NO_NAMES: ReadonlySet<ByteString> = new Set();

/** Stands for the status of a file of which the name is enough. */
const UNSEEN: FileStatus = {
  mode: constants.S_IFREG,
  nlink: 1,
  uid: 0,
  gid: 0,
  inode: 0n,
  sizeBytes: 0,
  ctimeNs: 0n,
  mtimeNs: 0n,
  rdevMajor: 0,
  rdevMinor: 0,
  devMajor: 0,
  devMinor: 0,
};

const NOTHING_SPECIAL = { xattrs: NO_XATTRS, opaque: false, whiteout: false } as const;

/** What a root is compared with that has nothing below. */
const EMPTY_ROOT: Comparable = { mode: 0o755, uid: 0, gid: 0, deviceMajor: 0, deviceMinor: 0, xattrs: () => NO_XATTRS };

/** An entry as it is compared with a node of a tree. */
function comparable(entry: TarEntry): Comparable {
  return { ...entry, xattrs: () => entry.xattrs };
}

/** Overlay's xattrs of either family mean nothing in a layer, and would be followed when it is mounted. */
function isForeign(name: ByteString): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.') || HOST_XATTRS.has(name);
}

function isWhiteoutDevice(stat: FileStatus): boolean {
  return isKind(stat, constants.S_IFCHR) && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

/** `kind`: one of `fs.constants.S_IF…`. */
function isKind({ mode }: FileStatus, kind: number): boolean {
  return (mode & constants.S_IFMT) === kind;
}

/** Of what is neither a directory nor a socket. */
function kindOf(stat: FileStatus): 'file' | 'symlink' | 'fifo' | 'character' | 'block' {
  switch (stat.mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return 'file';
    case constants.S_IFLNK:
      return 'symlink';
    case constants.S_IFIFO:
      return 'fifo';
    case constants.S_IFCHR:
      return 'character';
    default:
      return 'block';
  }
}

function redirected(path: ByteString, xattr: ByteString): ShaleError {
  return new ShaleError('UPPER_REDIRECT', `${toText(path) || 'the root'} of the upper has ${xattr}: it is not whole`, {
    data: { path, xattr },
    hint: 'the upper was mounted by something else with redirect_dir or metacopy',
  });
}

function inFolder(folder: number, name: ByteString): SysPath {
  return bytePath(`/proc/self/fd/${folder}/${name}`);
}

/** As `node:fs` wants bytes. */
function nodePath(path: SysPath): string | Buffer {
  return typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}
