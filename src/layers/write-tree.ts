import { chmodSync, closeSync, constants, fchmodSync, lstatSync, openSync, readdirSync } from 'node:fs';
import { readSync, renameSync, rmSync, writeSync, type Stats } from 'node:fs';
import type { TarEntry } from '../archive/index.ts';
import {
  type ByteString,
  isShaleError,
  isSystemError,
  makeFolders,
  messageOf,
  Pace,
  ShaleError,
  toText,
} from '../base/index.ts';
import * as sys from '../sys/index.ts';
import type { TreeEntry } from './squash.ts';

export interface WriteTreeOptions {
  /** Made with its parents when it is not there. What is there of other names stays, unless `deleteOthers`. */
  readonly folder: string;
  /** Removes everything in the folder that is not in the tree. */
  readonly deleteOthers: boolean;
  readonly signal: AbortSignal;
}

export interface WrittenTree {
  /** Device nodes and extended attributes that could not be made here, for people. */
  readonly lost: readonly string[];
}

/** Those after it are counted in the last line. */
const LOST_SHOWN_MAX = 20;
const COPY_BYTES = 1 << 20;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const KIND_BITS = { character: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO } as const;

/**
 * Writes a tree into a folder of the host, over what is there: files with their modes, times and extended attributes, owned
 * by who calls. Nothing is written outside the folder: every name is made in a directory that is held open, and no link is
 * followed, whoever put it there. A file that stands under a name is replaced in one step.
 * @throws OUTPUT_FAILED
 */
export async function writeTree(entries: Iterable<TreeEntry>, options: WriteTreeOptions): Promise<WrittenTree> {
  const { folder } = options;
  try {
    makeFolders(folder, { mode: 0o700 });
    using root = held(openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY));
    const writer = new TreeWriter(root.fd, options.deleteOthers);
    const pace = new Pace();
    try {
      for (const entry of entries) {
        options.signal.throwIfAborted();
        writer.add(entry);
        if (pace.isOver()) await pace.rest();
      }
      return writer.finish();
    } finally {
      writer.close();
    }
  } catch (error) {
    if (options.signal.aborted || isShaleError(error, 'OUTPUT_FAILED')) throw error;
    throw new ShaleError('OUTPUT_FAILED', `cannot write to ${folder}: ${messageOf(error)}`, {
      cause: error,
      data: { folder },
    });
  }
}

/** A directory that is being filled. */
interface OpenDirectory {
  readonly fd: number;
  readonly path: ByteString;
  /** Undefined for the folder itself, whose attributes are the host's. */
  readonly entry: TarEntry | undefined;
  readonly names: Set<ByteString>;
}

/** Takes entries in a layer's order: a directory, what is in it, what follows it. */
class TreeWriter {
  readonly #root: number;
  readonly #deleteOthers: boolean;
  readonly #open: OpenDirectory[];
  readonly #lost: string[] = [];
  #lostCount = 0;
  #temporary = 0;

  constructor(root: number, deleteOthers: boolean) {
    this.#root = root;
    this.#deleteOthers = deleteOthers;
    this.#open = [{ fd: root, path: '', entry: undefined, names: new Set() }];
  }

  add(entry: TreeEntry): void {
    const { path } = entry.entry;
    const slash = path.lastIndexOf('/');
    const parent = this.#enter(slash < 0 ? '' : path.slice(0, slash));
    const name = path.slice(slash + 1);
    parent.names.add(name);
    if (entry.entry.kind === 'directory') this.#directory(parent, name, entry.entry);
    else this.#replace(parent, name, entry);
  }

  finish(): WrittenTree {
    while (this.#open.length > 0) this.#leave();
    const more = this.#lostCount - this.#lost.length;
    return { lost: more > 0 ? [...this.#lost, `${more} more`] : this.#lost };
  }

  /** Lets go of what is still open after a failure. */
  close(): void {
    for (const { fd } of this.#open.splice(0)) if (fd !== this.#root) closeSync(fd);
  }

  /** Finishes directories until the one with this path is on top. */
  #enter(path: ByteString): OpenDirectory {
    for (;;) {
      const top = this.#open.at(-1);
      if (top === undefined) throw new ShaleError('INVARIANT', 'a directory comes before what is in it');
      if (top.path === path) return top;
      this.#leave();
    }
  }

  #leave(): void {
    const directory = this.#open.pop();
    if (directory === undefined) return;
    const { fd, entry, names } = directory;
    try {
      if (this.#deleteOthers) removeOthers(fd, names);
      if (entry !== undefined) this.#finish(fd, entry);
    } finally {
      if (fd !== this.#root) closeSync(fd);
    }
  }

  #directory(parent: OpenDirectory, name: ByteString, entry: TarEntry): void {
    const there = look(parent.fd, name);
    if (there !== undefined && !there.isDirectory()) rmSync(nodePath(parent.fd, name));
    if (there?.isDirectory() !== true) sys.makeDirectoryAt(parent.fd, sys.bytePath(name), 0o700);
    const fd = sys.openAt(parent.fd, sys.bytePath(name), DIRECTORY);
    this.#open.push({ fd, path: entry.path, entry, names: new Set() });
  }

  /** Made beside it under a name of its own and moved over it, so that a name never shows half a file. */
  #replace(parent: OpenDirectory, name: ByteString, entry: TreeEntry): void {
    const temporary = `.shale-${process.pid}-${this.#temporary++}`;
    rmSync(nodePath(parent.fd, temporary), { force: true });
    try {
      if (!this.#make(parent.fd, temporary, entry)) return;
      if (look(parent.fd, name)?.isDirectory() === true)
        rmSync(nodePath(parent.fd, name), { recursive: true, force: true });
      renameSync(nodePath(parent.fd, temporary), nodePath(parent.fd, name));
    } finally {
      // Renaming one name of a file over another of the same file leaves both.
      rmSync(nodePath(parent.fd, temporary), { force: true });
    }
  }

  /** False when it cannot be made here and was listed instead. */
  #make(folder: number, name: string, { entry, content }: TreeEntry): boolean {
    switch (entry.kind) {
      case 'hardlink':
        this.#link(entry.linkTarget, folder, name);
        return true;
      case 'symlink':
        sys.symlinkAt(sys.bytePath(entry.linkTarget), folder, name);
        sys.setTimesAt(folder, name, entry.mtimeNs, entry.mtimeNs);
        return true;
      case 'file': {
        using file = held(sys.openAt(folder, name, NEW_FILE, 0o600));
        if (content !== undefined) copyContent(content, file.fd);
        this.#finish(file.fd, entry);
        return true;
      }
      case 'character':
      case 'block':
      case 'fifo':
        return this.#node(folder, name, entry, KIND_BITS[entry.kind]);
      case 'directory':
        throw new ShaleError('INVARIANT', 'directories are made in place');
    }
  }

  #node(folder: number, name: string, entry: TarEntry, kind: number): boolean {
    try {
      sys.makeNodeAt(folder, name, kind | 0o600, entry.deviceMajor, entry.deviceMinor);
    } catch (error) {
      if (!isShaleError(error, 'EPERM')) throw error;
      this.#lose(`${toText(entry.path)}: ${entry.kind} device ${entry.deviceMajor}:${entry.deviceMinor}`);
      return false;
    }
    // Just made by this process in a folder that it holds, and no link.
    chmodSync(nodePath(folder, name), entry.mode);
    sys.setTimesAt(folder, name, entry.mtimeNs, entry.mtimeNs);
    return true;
  }

  #link(target: ByteString, folder: number, name: string): void {
    const slash = target.lastIndexOf('/');
    if (slash < 0) return sys.linkAt(this.#root, sys.bytePath(target), folder, name);
    const resolve = sys.RESOLVE.BENEATH | sys.RESOLVE.NO_SYMLINKS;
    const flags = sys.O_PATH | constants.O_DIRECTORY;
    using parent = held(sys.openAt2(this.#root, sys.bytePath(target.slice(0, slash)), { flags, resolve }));
    sys.linkAt(parent.fd, sys.bytePath(target.slice(slash + 1)), folder, name);
  }

  #finish(fd: number, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      try {
        sys.setXattr(fd, name, value);
      } catch (error) {
        if (!isShaleError(error, 'EPERM', 'ENOTSUP')) throw error;
        this.#lose(`${toText(entry.path)}: xattr ${toText(name)}`);
      }
    }
    fchmodSync(fd, entry.mode);
    sys.setTimesAt(fd, undefined, entry.mtimeNs, entry.mtimeNs);
  }

  #lose(what: string): void {
    this.#lostCount++;
    if (this.#lost.length < LOST_SHOWN_MAX) this.#lost.push(what);
  }
}

function copyContent(
  from: { readonly path: string; readonly offset: number; readonly sizeBytes: number },
  to: number,
): void {
  if (from.sizeBytes === 0) return;
  using source = held(openSync(from.path, 'r'));
  const copied = sys.copyRange(source.fd, from.offset, to, from.sizeBytes) ?? 0;
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, from.sizeBytes));
  for (let done = copied; done < from.sizeBytes;) {
    const wanted = Math.min(buffer.length, from.sizeBytes - done);
    const got = readSync(source.fd, buffer, 0, wanted, from.offset + done);
    if (got === 0) throw new ShaleError('LAYER_CORRUPT', `a layer ends within the content of one of its files`);
    for (let put = 0; put < got;) put += writeSync(to, buffer, put, got - put);
    done += got;
  }
}

function removeOthers(fd: number, names: ReadonlySet<ByteString>): void {
  for (const name of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }))
    if (!names.has(name)) rmSync(nodePath(fd, name), { recursive: true, force: true });
}

function look(folder: number, name: ByteString): Stats | undefined {
  try {
    return lstatSync(nodePath(folder, name));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A name in a held folder, as node:fs wants it: names are bytes. */
function nodePath(folder: number, name: ByteString): Buffer {
  return Buffer.from(`/proc/self/fd/${folder}/${name}`, 'latin1');
}

function held(fd: number): Disposable & { readonly fd: number } {
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
