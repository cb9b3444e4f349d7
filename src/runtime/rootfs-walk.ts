import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs';
import { type ByteString, fromBytes, isSystemError, ShaleError, toBytes, toText } from '../base/index.ts';

/** As the kernel (path_resolution(7)). */
const LINKS_MAX = 40;
const PATH_BYTES_MAX = 4096;

// Node has no name for it; the value is the same on all architectures that Node runs on.
const O_PATH = 0o10000000;
const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** What a path inside a root names, all links followed as inside a chroot. */
export interface Found {
  /** Without leading slash; empty for the root itself; no links, no `.` or `..` in it. */
  readonly path: ByteString;
  /** Undefined: the last component does not exist. */
  readonly stat: BigIntStats | undefined;
  /** How many trailing components of `path` do not exist. */
  readonly missing: number;
}

/**
 * A directory tree of somebody else, walked one component at a time from held descriptors, links resolved by us: nothing
 * outside of it is ever reached, whatever links it holds. Mounts inside are crossed.
 */
export class RootWalk implements Disposable {
  readonly #root: number;
  #linksLeft = LINKS_MAX;

  /** @throws ROOTFS_UNSAFE when `access` is not a directory. */
  constructor(access: string) {
    this.#root = openDirectory(toBytes(access), constants.O_RDONLY | constants.O_DIRECTORY, access);
  }

  [Symbol.dispose](): void {
    closeSync(this.#root);
  }

  /** @throws ROOTFS_UNSAFE for too many links, a file used as a directory, or a path that is too long. */
  find(path: ByteString): Found {
    this.#linksLeft = LINKS_MAX;
    const steps = new Steps(this.#root);
    try {
      return this.#follow(path, steps);
    } finally {
      steps.close();
    }
  }

  /** What `name` itself is (no link followed), directly below the root. */
  statTop(name: ByteString): BigIntStats | undefined {
    return statAt(this.#root, name);
  }

  /** Opens the directory `path` (as found: no links in it) and passes a descriptor that is closed afterwards. */
  inside<T>(path: ByteString, work: (descriptor: number) => T): T {
    const steps = new Steps(this.#root);
    try {
      for (const name of split(path)) steps.enter(name);
      return work(steps.current);
    } finally {
      steps.close();
    }
  }

  #follow(path: ByteString, steps: Steps): Found {
    if (path.length > PATH_BYTES_MAX) throw unsafe(path, `it is longer than ${PATH_BYTES_MAX} bytes`);
    const todo = split(path).toReversed();
    const missing: ByteString[] = [];
    let last: BigIntStats | undefined = fstatSync(steps.current, { bigint: true });
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (missing.length > 0) {
        // Nothing exists below what is missing; `..` undoes it, as a later mkdir would see it.
        if (name === '..') missing.pop();
        else missing.push(name);
        continue;
      }
      if (name === '..') {
        steps.leave();
        last = fstatSync(steps.current, { bigint: true });
        continue;
      }
      if (last !== undefined && !last.isDirectory()) throw unsafe(path, `${toText(steps.path())} is not a directory`);
      const stat = statAt(steps.current, name);
      if (stat === undefined) missing.push(name);
      else if (stat.isSymbolicLink()) this.#pushLink(path, readLinkAt(steps.current, name), todo, steps);
      else if (stat.isDirectory()) steps.enter(name);
      else if (todo.length > 0) throw unsafe(path, `${toText(join(steps.path(), name))} is not a directory`);
      else return { path: join(steps.path(), name), stat, missing: 0 };
      last = missing.length > 0 ? undefined : fstatSync(steps.current, { bigint: true });
    }
    return { path: join(steps.path(), ...missing), stat: last, missing: missing.length };
  }

  #pushLink(path: ByteString, target: ByteString, todo: ByteString[], steps: Steps): void {
    if (this.#linksLeft-- === 0) throw unsafe(path, `it has more than ${LINKS_MAX} links`);
    if (target.startsWith('/')) steps.reset();
    todo.push(...split(target).toReversed());
    if (todo.length > PATH_BYTES_MAX) throw unsafe(path, 'its links are too long');
  }
}

/** The descriptors of the components entered so far. */
class Steps {
  readonly #root: number;
  readonly #entered: { readonly name: ByteString; readonly descriptor: number }[] = [];

  constructor(root: number) {
    this.#root = root;
  }

  get current(): number {
    return this.#entered.at(-1)?.descriptor ?? this.#root;
  }

  path(): ByteString {
    return this.#entered.map((step) => step.name).join('/');
  }

  enter(name: ByteString): void {
    const descriptor = openDirectory(entryOf(this.current, name), DIRECTORY, join(this.path(), name));
    this.#entered.push({ name, descriptor });
  }

  leave(): void {
    const step = this.#entered.pop();
    if (step !== undefined) closeSync(step.descriptor);
  }

  reset(): void {
    while (this.#entered.length > 0) this.leave();
  }

  close(): void {
    this.reset();
  }
}

/** Creates an empty directory or file at `name` below a directory descriptor. It must not exist. */
export function createAt(directory: number, name: ByteString, kind: 'file' | 'directory', mode: number): void {
  const entry = entryOf(directory, name);
  if (kind === 'directory') mkdirSync(entry, mode);
  const create = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
  const open = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const descriptor = kind === 'file' ? openSync(entry, create, mode) : openSync(entry, open);
  // The mode is exact, whatever umask this process has.
  try {
    fchmodSync(descriptor, mode);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a regular file of a foreign tree. Undefined when there is none.
 * @throws ROOTFS_UNSAFE when it is anything but a regular file of at most `bytesMax`.
 */
export function readFileInside(walk: RootWalk, path: ByteString, bytesMax: number): Buffer | undefined {
  const found = walk.find(path);
  if (found.stat === undefined) return undefined;
  if (!found.stat.isFile()) throw unsafe(path, 'it is not a regular file');
  const slash = found.path.lastIndexOf('/');
  return walk.inside(found.path.slice(0, Math.max(0, slash)), (directory) => {
    // O_NONBLOCK: a fifo that was put there meanwhile must not hold us up.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const descriptor = openSync(entryOf(directory, found.path.slice(slash + 1)), flags);
    try {
      return readRegular(descriptor, path, bytesMax);
    } finally {
      closeSync(descriptor);
    }
  });
}

function readRegular(descriptor: number, path: ByteString, bytesMax: number): Buffer {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) throw unsafe(path, 'it is not a regular file');
  if (stat.size > bytesMax) throw unsafe(path, `it has ${stat.size} bytes, more than ${bytesMax}`);
  const buffer = Buffer.alloc(stat.size);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, length);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

export function unsafe(path: ByteString, why: string): ShaleError {
  return new ShaleError(
    'ROOTFS_UNSAFE',
    `cannot use /${toText(path.replace(/^\/+/, ''))} of the root filesystem: ${why}`,
    {
      data: { path: toText(path), why },
    },
  );
}

export function join(...parts: readonly ByteString[]): ByteString {
  return parts.filter((part) => part !== '').join('/');
}

function split(path: ByteString): ByteString[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function entryOf(directory: number, name: ByteString): Buffer {
  return toBytes(`/proc/self/fd/${directory}/${name}`);
}

function openDirectory(path: Buffer, flags: number, shown: ByteString): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (isSystemError(error, 'ELOOP', 'ENOTDIR')) throw unsafe(shown, 'it is not a directory');
    throw error;
  }
}

function statAt(directory: number, name: ByteString): BigIntStats | undefined {
  return lstatSync(entryOf(directory, name), { bigint: true, throwIfNoEntry: false });
}

function readLinkAt(directory: number, name: ByteString): ByteString {
  return fromBytes(readlinkSync(entryOf(directory, name), { encoding: 'buffer' }));
}
