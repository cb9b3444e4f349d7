import { cPath, failure, errnoName, lastErrno, native, shown, type SysPath } from './native.ts';
import { AT } from './mount.ts';

/** How openat2(2) may resolve a path. */
export const RESOLVE = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  /** The directory is the root: absolute links and `..` stay inside, as in a chroot. */
  IN_ROOT: 16,
} as const;

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

// openat2 has one number everywhere; these three are from the architectures' own tables.
const NR_OPENAT2 = 437;
const NR_BY_ARCH: Readonly<
  Record<string, { readonly mknodat: number; readonly renameat2: number; readonly copyFileRange: number }>
> = {
  x64: { mknodat: 259, renameat2: 316, copyFileRange: 326 },
  arm64: { mknodat: 33, renameat2: 276, copyFileRange: 285 },
};

function numbers(): { readonly mknodat: number; readonly renameat2: number; readonly copyFileRange: number } {
  const found = NR_BY_ARCH[process.arch];
  if (found === undefined) throw failure('syscall', `make a system call on ${process.arch}`, 38);
  return found;
}

export interface OpenHow {
  /** O_ flags as in `fs.constants`; O_CLOEXEC is always added. */
  readonly flags: number;
  readonly mode?: number;
  /** RESOLVE flags. */
  readonly resolve: number;
}

/** Others may rename and mount all the time, but not between all of so many looks. */
const OPEN_TRIES = 1000;

/** openat2(2): opens `path` from the directory `directory` and returns the descriptor. The caller closes it. */
export function openAt2(directory: number, path: SysPath, how: OpenHow): number {
  const fd = callOpenAt2(directory, path, how);
  if (fd < 0) throw failure('openat2', `open ${shown(path)} below descriptor ${directory}`, -fd);
  return fd;
}

/** As `openAt2`, and undefined where nothing has that name: for what is asked time and again, an error costs too much. */
export function findAt2(directory: number, path: SysPath, how: OpenHow): number | undefined {
  const fd = callOpenAt2(directory, path, how);
  if (fd >= 0) return fd;
  if (['ENOENT', 'ENOTDIR'].includes(errnoName(-fd))) return undefined;
  throw failure('openat2', `open ${shown(path)} below descriptor ${directory}`, -fd);
}

/** A descriptor, or the errno as a negative number. */
function callOpenAt2(directory: number, path: SysPath, how: OpenHow): number {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(BigInt(how.flags | O_CLOEXEC), 0);
  bytes.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
  bytes.writeBigUInt64LE(BigInt(how.resolve), 16);
  const call = native('int64_t syscall(long nr, int directory, const char *path, const void *how, size_t size)');
  for (let tries = 1; ; tries++) {
    const fd = Number(call(NR_OPENAT2, directory, cPath(path), bytes, bytes.length));
    if (fd >= 0) return fd;
    const errno = lastErrno();
    // Something was renamed or mounted somewhere while `..` was looked up: the kernel could not be sure, and says try again.
    if (errnoName(errno) !== 'EAGAIN' || tries === OPEN_TRIES) return -errno;
  }
}

/** openat(2) with O_CLOEXEC. */
export function openAt(directory: number, name: SysPath, flags: number, mode = 0): number {
  const call = native('int openat(int directory, const char *path, int flags, unsigned int mode)');
  const fd = Number(call(directory, cPath(name), flags | O_CLOEXEC, mode));
  if (fd < 0) throw failure('openat', `open ${shown(name)} in descriptor ${directory}`);
  return fd;
}

export function makeDirectoryAt(directory: number, name: SysPath, mode: number): void {
  const call = native('int mkdirat(int directory, const char *path, unsigned int mode)');
  if (call(directory, cPath(name), mode) !== 0) throw failure('mkdirat', `make the directory ${shown(name)}`);
}

export function symlinkAt(linkTarget: SysPath, directory: number, name: SysPath): void {
  const call = native('int symlinkat(const char *linkTarget, int directory, const char *path)');
  if (call(cPath(linkTarget), directory, cPath(name)) !== 0)
    throw failure('symlinkat', `make the symlink ${shown(name)}`);
}

/** linkat(2) without following links. */
export function linkAt(fromDirectory: number, from: SysPath, directory: number, name: SysPath): void {
  const call = native('int linkat(int fromDirectory, const char *from, int directory, const char *path, int flags)');
  if (call(fromDirectory, cPath(from), directory, cPath(name), 0) !== 0) {
    throw failure('linkat', `link ${shown(name)} to ${shown(from)}`);
  }
}

/** mknodat(2). `mode` holds the kind (`fs.constants.S_IFCHR`, `S_IFIFO`, …) and the permissions; the umask applies. */
export function makeNodeAt(directory: number, name: SysPath, mode: number, major: number, minor: number): void {
  const device = ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
  const call = native(
    'int64_t syscall(long nr, int directory, const char *path, unsigned int mode, unsigned int device)',
  );
  if (Number(call(numbers().mknodat, directory, cPath(name), mode, device)) !== 0) {
    throw failure('mknodat', `make the node ${shown(name)} (${major}:${minor})`);
  }
}

/** fchownat(2) that follows no link; with an empty name the descriptor itself. */
export function changeOwnerAt(directory: number, name: SysPath, uid: number, gid: number): void {
  const call = native('int fchownat(int directory, const char *path, unsigned int uid, unsigned int gid, int flags)');
  const flags = AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH;
  if (call(directory, cPath(name), uid, gid, flags) !== 0) {
    throw failure('fchownat', `give ${shown(name) || `descriptor ${directory}`} to ${uid}:${gid}`);
  }
}

/** utimensat(2) with nanoseconds, following no link; with `undefined` as name the descriptor itself. */
export function setTimesAt(directory: number, name: SysPath | undefined, atimeNs: bigint, mtimeNs: bigint): void {
  const times = Buffer.alloc(32);
  writeTime(times, 0, atimeNs);
  writeTime(times, 16, mtimeNs);
  const result =
    name === undefined
      ? native('int futimens(int fd, const void *times)')(directory, times)
      : native('int utimensat(int directory, const char *path, const void *times, int flags)')(
          directory,
          cPath(name),
          times,
          AT.SYMLINK_NOFOLLOW,
        );
  if (result !== 0) {
    throw failure('utimensat', `set the times of ${name === undefined ? `descriptor ${directory}` : shown(name)}`);
  }
}

const NS_PER_S = 1_000_000_000n;

function writeTime(buffer: Buffer, offset: number, ns: bigint): void {
  const nanoseconds = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S; // 0 ≤ tv_nsec < 1e9, also before 1970
  buffer.writeBigInt64LE((ns - nanoseconds) / NS_PER_S, offset);
  buffer.writeBigInt64LE(nanoseconds, offset + 8);
}

/** renameat2(2) that swaps two names in one step, or (`noreplace`) fails with EEXIST instead of replacing. */
export function renameWith(from: SysPath, to: SysPath, how: 'exchange' | 'noreplace'): void {
  const call = native(
    'int64_t syscall(long nr, int fd1, const char *from, int fd2, const char *to, unsigned int flags)',
  );
  const flags = how === 'exchange' ? 2 : 1;
  if (Number(call(numbers().renameat2, AT.FDCWD, cPath(from), AT.FDCWD, cPath(to), flags)) !== 0) {
    throw failure('renameat2', `rename (${how}) ${shown(from)} to ${shown(to)}`);
  }
}

// The largest part of one copy call; the kernel stops at 2 GiB by itself.
const COPY_MAX_BYTES = 1 << 30;

/**
 * Copies `lengthBytes` from `offset` of one file to the position of another inside the kernel (copy_file_range).
 * Returns the bytes copied: fewer at the end of the source; undefined when the file systems cannot do it.
 */
export function copyRange(from: number, offset: number, to: number, lengthBytes: number): number | undefined {
  const position = Buffer.alloc(8);
  position.writeBigInt64LE(BigInt(offset));
  const call = native(
    'int64_t syscall(long nr, int from, void *offset, int to, void *toOffset, size_t length, unsigned int flags)',
  );
  let done = 0;
  while (done < lengthBytes) {
    const part = Math.min(lengthBytes - done, COPY_MAX_BYTES);
    const copied = Number(call(numbers().copyFileRange, from, position, to, null, part, 0));
    if (copied === 0) return done;
    if (copied < 0) {
      const errno = lastErrno();
      if (done === 0 && ['EXDEV', 'ENOSYS', 'ENOTSUP', 'EINVAL'].includes(errnoName(errno))) return undefined;
      throw failure('copy_file_range', `copy ${lengthBytes} bytes at ${offset}`, errno);
    }
    done += copied;
  }
  return done;
}

/** Makes the file `to` share the blocks of `from` (FICLONE); false where the file system cannot. */
export function cloneFile(from: number, to: number): boolean {
  if (native('int ioctl(int fd, unsigned long request, int64_t argument)')(to, 0x40049409, from) === 0) return true;
  const errno = lastErrno();
  if (['EXDEV', 'ENOTSUP', 'ENOTTY', 'EINVAL', 'ENOSYS'].includes(errnoName(errno))) return false;
  throw failure('ioctl FICLONE', `clone a file`, errno);
}

/** ioctl(2) with a buffer that the kernel reads or fills, or a number; returns what the kernel returned. */
export function ioctl(fd: number, request: number, argument: Uint8Array | number): number {
  const result =
    typeof argument === 'number'
      ? native('int ioctl(int fd, unsigned long request, int64_t argument)')(fd, request, argument)
      : native('int ioctl(int fd, unsigned long request, void *argument)')(fd, request, argument);
  if (Number(result) < 0) throw failure('ioctl', `ioctl 0x${request.toString(16)} of descriptor ${fd}`);
  return Number(result);
}

const ADVICE = { sequential: 2, willneed: 3, dontneed: 4 } as const;

/** posix_fadvise(2) over a range; 0 bytes: up to the end. */
export function advise(fd: number, offset: number, lengthBytes: number, advice: keyof typeof ADVICE): void {
  const call = native('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)');
  const errno = Number(call(fd, offset, lengthBytes, ADVICE[advice]));
  if (errno !== 0) throw failure('posix_fadvise', `advise ${advice} on descriptor ${fd}`, errno);
}

/** syncfs(2): everything of the file system that holds the descriptor is on the disk afterwards. */
export function syncFileSystem(fd: number): void {
  if (native('int syncfs(int fd)')(fd) !== 0) throw failure('syncfs', `sync the file system of descriptor ${fd}`);
}

const LOCK = { shared: 1, exclusive: 2, unlock: 8 } as const;
const LOCK_NB = 4;

/** flock(2) that never waits: false when another open file holds a lock in the way. */
export function tryLock(fd: number, kind: keyof typeof LOCK): boolean {
  if (native('int flock(int fd, int operation)')(fd, LOCK[kind] | LOCK_NB) === 0) return true;
  const errno = lastErrno();
  if (errnoName(errno) === 'EAGAIN') return false;
  throw failure('flock', `lock descriptor ${fd}`, errno);
}

/** What statx(2) says of a file. */
export interface FileStatus {
  /** Kind and permissions, as in `fs.constants.S_IFMT`. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Of a device: which it is. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** The file system that it is on. */
  readonly devMajor: number;
  readonly devMinor: number;
}

const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
// One for each thread: the call is synchronous.
let statxBuffer: Buffer | undefined;

/**
 * statx(2) that follows no link; with an empty name of the descriptor itself. A third of the time of `lstatSync` with
 * bigints, and of its memory: for walks over many files.
 */
export function statAt(directory: number, name: SysPath): FileStatus {
  const buffer = (statxBuffer ??= Buffer.alloc(STATX_BYTES));
  const call = native('int statx(int directory, const char *path, int flags, unsigned int mask, void *status)');
  const flags = AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH;
  if (call(directory, cPath(name), flags, STATX_BASIC_STATS, buffer) !== 0) {
    throw failure('statx', `look at ${shown(name) || `descriptor ${directory}`}`);
  }
  return {
    mode: buffer.readUInt16LE(28),
    nlink: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    inode: buffer.readBigUInt64LE(32),
    sizeBytes: buffer.readUInt32LE(40) + buffer.readUInt32LE(44) * 2 ** 32,
    ctimeNs: readTime(buffer, 96),
    mtimeNs: readTime(buffer, 112),
    rdevMajor: buffer.readUInt32LE(128),
    rdevMinor: buffer.readUInt32LE(132),
    devMajor: buffer.readUInt32LE(136),
    devMinor: buffer.readUInt32LE(140),
  };
}

function readTime(buffer: Buffer, offset: number): bigint {
  return buffer.readBigInt64LE(offset) * 1_000_000_000n + BigInt(buffer.readUInt32LE(offset + 8));
}
