import { cPath, failure, lastErrno, native, shown, type SysPath } from './native.ts';

/** Flags of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  REC: 16384,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
} as const;

/** Flags of umount2(2). */
export const MNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;

/** Namespace flags of unshare(2) and setns(2). */
export const CLONE = {
  FS: 0x200,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

/** Attributes of a mount as fsmount(2) and mount_setattr(2) take them. */
export const MOUNT_ATTR = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, NOATIME: 0x10, NOSYMFOLLOW: 0x200000 } as const;

export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
  RECURSIVE: 0x8000,
} as const;

const OPEN_TREE = { CLONE: 1, CLOEXEC: 0o2000000 } as const;
const MOVE_MOUNT = { FROM_EMPTY_PATH: 4, TO_EMPTY_PATH: 0x40 } as const;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG = { SET_FLAG: 0, SET_STRING: 1, SET_FD: 5, CMD_CREATE: 6 } as const;

// The same numbers on every architecture: all are from after the tables were joined (424).
const NR = { openTree: 428, moveMount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, mountSetattr: 442 } as const;

/** mount(2). `source`, `type` and `data` may be empty. Throws the errno's name. */
export function mount(source: string, target: SysPath, type: string, flags: number, data = ''): void {
  const call = native(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  );
  if (call(source || 'none', cPath(target), type || null, flags, data || null) !== 0) {
    throw failure('mount', `mount ${type || source || 'flags'} on ${shown(target)}${data && ` with ${data}`}`);
  }
}

/** umount2(2). */
export function unmount(target: SysPath, flags = 0): void {
  const call = native('int umount2(const char *target, int flags)');
  if (call(cPath(target), flags) !== 0) throw failure('umount2', `unmount ${shown(target)}`);
}

/** unshare(2) of the calling thread. */
export function unshare(flags: number): void {
  if (native('int unshare(int flags)')(flags) !== 0) throw failure('unshare', `unshare namespaces ${hex(flags)}`);
}

/** setns(2) of the calling thread: `fd` is a namespace file or a pidfd; `flags` says which kinds are meant. */
export function setNamespace(fd: number, flags: number): void {
  if (native('int setns(int fd, int flags)')(fd, flags) !== 0) {
    throw failure('setns', `join the namespaces ${hex(flags)} of descriptor ${fd}`);
  }
}

/** One parameter of a file system that is being configured: a flag, a text, or a descriptor. */
export type FsParameter = readonly [name: string, value?: string | { readonly fd: number }];

/**
 * A new file system, mounted nowhere: fsopen, one fsconfig for each parameter, create, fsmount. Returns the
 * descriptor of the detached mount (close it to be rid of the mount). A failure names the parameter and carries the
 * kernel's own message where it left one.
 */
export function mountDetached(type: string, parameters: readonly FsParameter[], attributes = 0): number {
  const fsopen = native('int64_t syscall(long nr, const char *text, unsigned int flags)');
  const context = Number(fsopen(NR.fsopen, type, FSOPEN_CLOEXEC));
  if (context < 0) throw failure('fsopen', `open a context for ${type}`);
  try {
    for (const parameter of parameters) configure(context, type, parameter);
    const create = native(FSCONFIG_DEFINITION);
    if (Number(create(NR.fsconfig, context, FSCONFIG.CMD_CREATE, null, null, 0)) < 0) {
      throw explained(context, 'fsconfig', `create ${type}${described(parameters)}`);
    }
    const fsmount = native('int64_t syscall(long nr, int context, unsigned int flags, unsigned int attributes)');
    const fd = Number(fsmount(NR.fsmount, context, FSMOUNT_CLOEXEC, attributes));
    if (fd < 0) throw explained(context, 'fsmount', `mount ${type}`);
    return fd;
  } finally {
    closeNative(context);
  }
}

const FSCONFIG_DEFINITION =
  'int64_t syscall(long nr, int context, unsigned int command, const char *key, const char *value, int aux)';

function configure(context: number, type: string, [name, value]: FsParameter): void {
  const call = native(FSCONFIG_DEFINITION);
  const result =
    value === undefined
      ? call(NR.fsconfig, context, FSCONFIG.SET_FLAG, name, null, 0)
      : typeof value === 'string'
        ? call(NR.fsconfig, context, FSCONFIG.SET_STRING, name, cPath(value), 0)
        : call(NR.fsconfig, context, FSCONFIG.SET_FD, name, null, value.fd);
  if (Number(result) < 0) throw explained(context, 'fsconfig', `set ${name} of ${type}`);
}

/** What the kernel wrote into the context's log (`e overlay: …`), which says more than an errno. */
function explained(context: number, call: string, attempt: string): Error {
  const errno = lastErrno();
  const buffer = Buffer.alloc(4096);
  const lines: string[] = [];
  for (;;) {
    const length = Number(native('int64_t read(int fd, void *buffer, size_t length)')(context, buffer, buffer.length));
    if (length <= 0) break;
    lines.push(buffer.toString('latin1', 0, length).trim());
  }
  return failure(call, lines.length === 0 ? attempt : `${attempt} (${lines.join('; ')})`, errno);
}

function described(parameters: readonly FsParameter[]): string {
  const named = parameters.filter(([name]) => name === 'source' || name === 'device' || name === 'upperdir');
  return named.map(([name, value]) => ` ${name} ${typeof value === 'object' ? `fd ${value.fd}` : value}`).join('');
}

/** Puts a detached mount at a path (move_mount). The descriptor stays open and names the mount afterwards too. */
export function attachMount(fd: number, target: SysPath): void {
  const call = native(
    'int64_t syscall(long nr, int from, const char *fromPath, int to, const char *toPath, unsigned int flags)',
  );
  const flags = MOVE_MOUNT.FROM_EMPTY_PATH;
  if (Number(call(NR.moveMount, fd, '', AT.FDCWD, cPath(target), flags)) < 0) {
    throw failure('move_mount', `attach a mount at ${shown(target)}`);
  }
}

/** A detached copy of the mount that holds `path` (or that `path`'s descriptor names); a bind mount without a place. */
export function cloneMount(path: SysPath | number, recursive = false): number {
  const call = native('int64_t syscall(long nr, int directory, const char *path, unsigned int flags)');
  const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | (recursive ? AT.RECURSIVE : 0);
  const fd =
    typeof path === 'number'
      ? call(NR.openTree, path, '', flags | AT.EMPTY_PATH)
      : call(NR.openTree, AT.FDCWD, cPath(path), flags);
  if (Number(fd) < 0) throw failure('open_tree', `copy the mount of ${typeof path === 'number' ? path : shown(path)}`);
  return Number(fd);
}

/** What mount_setattr(2) changes; propagation is one of MS.PRIVATE, MS.SLAVE, MS.SHARED or 0 to keep it. */
export interface MountChange {
  readonly set: number;
  readonly clear?: number;
  readonly propagation?: number;
  /** A user namespace's descriptor: the mount becomes id-mapped by it (set must have 0x100000, MOUNT_ATTR_IDMAP). */
  readonly userNamespace?: number;
  readonly recursive?: boolean;
}

/** mount_setattr(2) on the mount that a descriptor names. */
export function changeMount(fd: number, change: MountChange): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(BigInt(change.set), 0);
  attributes.writeBigUInt64LE(BigInt(change.clear ?? 0), 8);
  attributes.writeBigUInt64LE(BigInt(change.propagation ?? 0), 16);
  attributes.writeBigUInt64LE(BigInt(change.userNamespace ?? 0), 24);
  const call = native(
    'int64_t syscall(long nr, int fd, const char *path, unsigned int flags, void *attr, size_t size)',
  );
  const flags = AT.EMPTY_PATH | (change.recursive === true ? AT.RECURSIVE : 0);
  if (Number(call(NR.mountSetattr, fd, '', flags, attributes, attributes.length)) < 0) {
    throw failure('mount_setattr', `change the attributes of mount ${fd}`);
  }
}

function closeNative(fd: number): void {
  native('int close(int fd)')(fd);
}

function hex(flags: number): string {
  return `0x${flags.toString(16)}`;
}
