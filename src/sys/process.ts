import { readFileSync, readlinkSync } from 'node:fs';
import { O_CLOEXEC } from './files.ts';
import { cPath, failure, native, shown, type SysPath } from './native.ts';

// One number on every architecture (all from after the tables were joined).
const NR = { pidfdSendSignal: 424, pidfdOpen: 434, closeRange: 436, pidfdGetfd: 438 } as const;
const CLOSE_RANGE_CLOEXEC = 4;
const UINT_MAX = 0xffffffff;
const PR = { SET_PDEATHSIG: 1, SET_CHILD_SUBREAPER: 36 } as const;

/** Two descriptors, both closed on exec. */
export type DescriptorPair = readonly [number, number];

/** A pipe: read end, write end. */
export function makePipe(): DescriptorPair {
  const pair = Buffer.alloc(8);
  if (native('int pipe2(void *pair, int flags)')(pair, O_CLOEXEC) !== 0) throw failure('pipe2', 'make a pipe');
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** Another number for what a descriptor means; programs that are started, or that we become, have it too. */
export function duplicateForExec(fd: number): number {
  const copy = Number(native('int dup(int fd)')(fd));
  if (copy < 0) throw failure('dup', `copy descriptor ${fd}`);
  return copy;
}

const SOCKET_TYPE = { stream: 1, datagram: 2, seqpacket: 5 } as const;
const AF_UNIX = 1;

/** A pair of connected unix sockets. */
export function makeSocketPair(type: keyof typeof SOCKET_TYPE = 'stream'): DescriptorPair {
  const pair = Buffer.alloc(8);
  const call = native('int socketpair(int family, int type, int protocol, void *pair)');
  if (call(AF_UNIX, SOCKET_TYPE[type] | O_CLOEXEC, 0, pair) !== 0) throw failure('socketpair', 'make a socket pair');
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** A descriptor for a process (pidfd_open): it can never come to mean another process. */
export function openProcess(pid: number): number {
  const fd = Number(native('int64_t syscall(long nr, int pid, unsigned int flags)')(NR.pidfdOpen, pid, 0));
  if (fd < 0) throw failure('pidfd_open', `open process ${pid}`);
  return fd;
}

/** A copy of another process's descriptor (pidfd_getfd); needs the right to ptrace it. */
export function takeDescriptor(pidfd: number, theirFd: number): number {
  const call = native('int64_t syscall(long nr, int pidfd, int theirs, unsigned int flags)');
  const fd = Number(call(NR.pidfdGetfd, pidfd, theirFd, 0));
  if (fd < 0) throw failure('pidfd_getfd', `take descriptor ${theirFd} of another process`);
  return fd;
}

/** Sends a signal to the very process that the pidfd names; throws ESRCH when it has ended. */
export function signalProcess(pidfd: number, signal: number): void {
  const call = native('int64_t syscall(long nr, int pidfd, int signal, void *info, unsigned int flags)');
  if (Number(call(NR.pidfdSendSignal, pidfd, signal, null, 0)) < 0) {
    throw failure('pidfd_send_signal', `send signal ${signal}`);
  }
}

/** The signal that this process gets when the thread that made it ends (0: none). */
export function setParentDeathSignal(signal: number): void {
  prctl(PR.SET_PDEATHSIG, signal);
}

/** Makes orphans below this process its children, instead of those of pid 1. */
export function setChildSubreaper(on: boolean): void {
  prctl(PR.SET_CHILD_SUBREAPER, on ? 1 : 0);
}

function prctl(option: number, value: number): void {
  const call = native('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
  if (call(option, value, 0, 0, 0) !== 0) throw failure('prctl', `prctl ${option} to ${value}`);
}

/**
 * Closes every descriptor from `first` on in the programs that are started from now on, also those that this process
 * inherited without knowing. False where the kernel cannot (Linux < 5.11).
 */
export function closeOnExecFrom(first: number): boolean {
  const call = native('int64_t syscall(long nr, unsigned int first, unsigned int last, unsigned int flags)');
  return Number(call(NR.closeRange, first, UINT_MAX, CLOSE_RANGE_CLOEXEC)) === 0;
}

/** umask(2) of the calling thread's file system context; Node forbids its own in worker threads. */
export function setUmask(mask: number): number {
  return Number(native('unsigned int umask(unsigned int mask)')(mask));
}

/** chdir(2) of the calling thread's file system context; Node's `process.cwd()` does not notice. */
export function changeDirectory(path: SysPath): void {
  if (native('int chdir(const char *path)')(cPath(path)) !== 0) throw failure('chdir', `go to ${shown(path)}`);
}

/** fchdir(2) of the calling thread's file system context. */
export function changeDirectoryTo(fd: number): void {
  if (native('int fchdir(int fd)')(fd) !== 0) throw failure('fchdir', `go to the directory of descriptor ${fd}`);
}

/** Makes the directory of a descriptor the root of the calling thread's file system context, and goes to it. */
export function changeRootTo(fd: number): void {
  changeDirectoryTo(fd);
  if (native('int chroot(const char *path)')('.') !== 0) throw failure('chroot', `make descriptor ${fd} the root`);
}

// linux/capability.h; those that shale asks for.
const CAPABILITY = {
  chown: 0,
  dac_override: 1,
  setgid: 6,
  setuid: 7,
  net_admin: 12,
  sys_admin: 21,
  sys_resource: 24,
  mknod: 27,
} as const;
export type Capability = keyof typeof CAPABILITY;

/** True when the calling thread has the capability in effect. Within its user namespace, which may not be the host's. */
export function hasCapability(capability: Capability): boolean {
  return ((effectiveCapabilities() >> BigInt(CAPABILITY[capability])) & 1n) === 1n;
}

/** The effective capabilities as a bit set; 0 where /proc does not say. */
export function effectiveCapabilities(): bigint {
  try {
    const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'));
    return found?.[1] === undefined ? 0n : BigInt(`0x${found[1]}`);
  } catch {
    return 0n;
  }
}

/** The number of the machine's own user namespace: PROC_USER_INIT_INO of the kernel's linux/proc_ns.h. */
const MACHINE_NAMESPACE = 'user:[4026531837]';
let inUserNamespace: boolean | undefined;

/** True when this process is in a user namespace other than the machine's. A process of several threads stays where it is. */
export function isInUserNamespace(): boolean {
  inUserNamespace ??= userNamespace() !== MACHINE_NAMESPACE;
  return inUserNamespace;
}

/** Its ids tell less: a namespace may have all of them. */
function userNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/user');
  } catch {
    return MACHINE_NAMESPACE;
  }
}

/** Whose names overlay's own xattrs have: `trusted` ones may be set in the machine's user namespace only. */
export function overlayXattrFamily(): 'trusted' | 'user' {
  return isInUserNamespace() ? 'user' : 'trusted';
}
