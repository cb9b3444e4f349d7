import { ShaleError } from '../base/index.ts';

/** `linux.seccomp` of the runtime-spec. */
export interface SeccompConfig {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[];
}

export interface SeccompArg {
  readonly index: number;
  readonly value: number | bigint;
  readonly valueTwo?: number | bigint;
  readonly op: string;
}

/** What the conditions of a profile are decided on. */
export interface SeccompFacts {
  /** The container's bounding set, with `CAP_`. */
  readonly capabilities: ReadonlySet<string>;
  /** Node's `process.arch`: x64, arm64, … */
  readonly architecture: string;
  /** `uname -r`, as [major, minor]. */
  readonly kernel: readonly [number, number];
}

/**
 * Docker's default profile (moby/profiles, 2026) as a table: all that is not named fails with EPERM. Kept equal in
 * effect: the calls named here are allowed always, or with a capability, an architecture, or certain arguments.
 */
const ALWAYS = `
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd
getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername
getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents
io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat
rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity
sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack
signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx
symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
`;

/** Allowed when the container holds the capability. */
const WITH_CAPABILITY: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module init_module finit_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYSLOG: 'syslog',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
};

/** Allowed on one machine type only; names as Go's GOARCH, which profiles use. */
const ON_ARCHITECTURE: readonly (readonly [readonly string[], string])[] = [
  [['ppc64le'], 'sync_file_range2 swapcontext'],
  [['arm', 'arm64'], 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'],
  [['amd64', 'x32'], 'arch_prctl'],
  [['amd64', 'x32', 'x86'], 'modify_ldt'],
  [['s390', 's390x'], 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr'],
  [['riscv64'], 'riscv_flush_icache'],
];

/** Tracing cannot get around seccomp since this kernel (4.8). */
const TRACE_SAFE_SINCE = [4, 8] as const;
const TRACE = 'process_vm_readv process_vm_writev ptrace';

/** Execution domains that are harmless: Linux, UNAME26, PER_LINUX32 and both, and the query. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/**
 * Address families from 12 on that `socket` may ask for, as [family, how many from it on] (powers of two, aligned, so
 * that each is one masked comparison: every comparison costs time at each start). Left out: DECnet 12, Econet 19, ATM
 * 20, IrDA 23, WANPIPE 25, IUCV 34, CAIF 37, ALG 38, VSOCK 40: rarely used kernel code, or (VSOCK) a way out that no
 * network namespace closes.
 */
const SOCKET_FAMILIES_BELOW = 12;
const SOCKET_FAMILIES: readonly (readonly [number, number])[] = [
  [13, 1],
  [14, 2],
  [16, 2],
  [18, 1],
  [21, 1],
  [22, 1],
  [24, 1],
  [26, 2],
  [28, 4],
  [32, 2],
  [35, 1],
  [36, 1],
  [39, 1],
  [41, 1],
  [42, 2],
  [44, 2],
];

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET: none of them may be asked for. */
const NEW_NAMESPACES = 0x7e020000;

const EPERM = 1;
const ENOSYS = 38;
const ALLOW = 'SCMP_ACT_ALLOW';

/**
 * node's arch → [GOARCH, seccomp architecture, its compatible ones]. Without x32, which docker lists: distributions leave
 * it out of their kernels, and each architecture costs milliseconds at every start.
 */
const ARCHITECTURES: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  x64: ['amd64', ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']],
  arm64: ['arm64', ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']],
  arm: ['arm', ['SCMP_ARCH_ARM']],
  ia32: ['386', ['SCMP_ARCH_X86']],
  s390x: ['s390x', ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390']],
  ppc64: ['ppc64le', ['SCMP_ARCH_PPC64LE']],
  riscv64: ['riscv64', ['SCMP_ARCH_RISCV64']],
  loong64: ['loong64', ['SCMP_ARCH_LOONGARCH64']],
};

/** Docker's default profile, decided for one container. */
export function defaultSeccomp(facts: SeccompFacts): SeccompConfig {
  const [goArch, architectures] = ARCHITECTURES[facts.architecture] ?? [facts.architecture, []];
  const always = new Set(words(ALWAYS));
  const admin = facts.capabilities.has('CAP_SYS_ADMIN');
  if (!isOlder(facts.kernel, TRACE_SAFE_SINCE)) addAll(always, words(TRACE));
  for (const [arches, names] of ON_ARCHITECTURE) if (arches.includes(goArch)) addAll(always, words(names));
  for (const [name, calls] of Object.entries(WITH_CAPABILITY)) {
    if (facts.capabilities.has(name)) addAll(always, words(calls));
  }
  const rules: SeccompRule[] = [
    { names: [...always], action: ALLOW },
    allowArg('socket', 0, SOCKET_FAMILIES_BELOW, 'SCMP_CMP_LT'),
    ...SOCKET_FAMILIES.map(([family, count]) => allowFamilies(family, count)),
    ...PERSONALITIES.map((persona) => allowArg('personality', 0, persona, 'SCMP_CMP_EQ')),
  ];
  if (!admin) {
    // s390 passes clone's flags second.
    rules.push(allowArg('clone', goArch.startsWith('s390') ? 1 : 0, NEW_NAMESPACES, 'SCMP_CMP_MASKED_EQ'));
    // clone3's flags are behind a pointer, which a filter cannot follow; ENOSYS makes libraries use clone.
    rules.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS });
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    ...(architectures.length > 0 ? { architectures } : {}),
    syscalls: rules,
  };
}

function allowArg(name: string, index: number, value: number, op: string): SeccompRule {
  const masked = op === 'SCMP_CMP_MASKED_EQ';
  return { names: [name], action: ALLOW, args: [{ index, value, ...(masked ? { valueTwo: 0 } : {}), op }] };
}

/** All 64 bits count: what is above the 32 that the kernel looks at must not hide a family from the comparison. */
function allowFamilies(family: number, count: number): SeccompRule {
  if (count === 1) return allowArg('socket', 0, family, 'SCMP_CMP_EQ');
  const mask = 2n ** 64n - BigInt(count);
  return {
    names: ['socket'],
    action: ALLOW,
    args: [{ index: 0, value: mask, valueTwo: family, op: 'SCMP_CMP_MASKED_EQ' }],
  };
}

const PROFILE_RULES_MAX = 2000;
const PROFILE_NAMES_MAX = 20_000;

/**
 * A profile in Docker's own format (`--security-opt seccomp=FILE`), decided for one container: rules whose `includes`
 * do not hold, or one of whose `excludes` does, are left out.
 * @throws SECCOMP_PROFILE_INVALID when it is not such a profile.
 */
export function seccompFromProfile(profile: unknown, facts: SeccompFacts): SeccompConfig {
  const top = asRecord(profile, 'the profile');
  const [goArch, native] = ARCHITECTURES[facts.architecture] ?? [facts.architecture, []];
  const architectures = profileArchitectures(top, native);
  const source = asList(top['syscalls'] ?? [], 'syscalls');
  if (source.length > PROFILE_RULES_MAX) throw invalidProfile(`more than ${PROFILE_RULES_MAX} rules`);
  const syscalls = source.map((entry) => asRecord(entry, 'a rule')).filter((rule) => ruleHolds(rule, goArch, facts));
  return {
    defaultAction: asText(top['defaultAction'], 'defaultAction'),
    ...optionalNumber(top, 'defaultErrnoRet'),
    ...(architectures.length > 0 ? { architectures } : {}),
    syscalls: syscalls.map(readRule),
  };
}

function profileArchitectures(top: Record<string, unknown>, native: readonly string[]): readonly string[] {
  if (top['architectures'] !== undefined) return texts(top['architectures'], 'architectures');
  for (const entry of asList(top['archMap'] ?? [], 'archMap')) {
    const map = asRecord(entry, 'an archMap entry');
    const name = asText(map['architecture'], 'architecture');
    if (name === native[0]) return [name, ...texts(map['subArchitectures'] ?? [], 'subArchitectures')];
  }
  return [];
}

function ruleHolds(rule: Record<string, unknown>, goArch: string, facts: SeccompFacts): boolean {
  const includes = asRecord(rule['includes'] ?? {}, 'includes');
  const excludes = asRecord(rule['excludes'] ?? {}, 'excludes');
  const caps = (from: Record<string, unknown>): string[] => texts(from['caps'] ?? [], 'caps');
  const arches = (from: Record<string, unknown>): string[] => texts(from['arches'] ?? [], 'arches');
  if (arches(includes).length > 0 && !arches(includes).includes(goArch)) return false;
  if (!caps(includes).every((name) => facts.capabilities.has(name))) return false;
  if (includes['minKernel'] !== undefined && isOlder(facts.kernel, kernelOf(includes['minKernel']))) return false;
  if (arches(excludes).includes(goArch)) return false;
  if (caps(excludes).some((name) => facts.capabilities.has(name))) return false;
  return excludes['minKernel'] === undefined || isOlder(facts.kernel, kernelOf(excludes['minKernel']));
}

function readRule(rule: Record<string, unknown>): SeccompRule {
  const names = rule['name'] === undefined ? texts(rule['names'] ?? [], 'names') : [asText(rule['name'], 'name')];
  if (names.length > PROFILE_NAMES_MAX) throw invalidProfile(`a rule with more than ${PROFILE_NAMES_MAX} names`);
  const args = asList(rule['args'] ?? [], 'args').map((entry) => {
    const arg = asRecord(entry, 'an argument');
    return {
      index: asNumber(arg['index'], 'index'),
      value: asNumber(arg['value'], 'value'),
      ...(arg['valueTwo'] === undefined ? {} : { valueTwo: asNumber(arg['valueTwo'], 'valueTwo') }),
      op: asText(arg['op'], 'op'),
    };
  });
  return {
    names,
    action: asText(rule['action'], 'action'),
    ...optionalNumber(rule, 'errnoRet'),
    ...(args.length > 0 ? { args } : {}),
  };
}

function optionalNumber<K extends string>(from: Record<string, unknown>, key: K): { readonly [name in K]?: number } {
  const value = from[key];
  if (value === undefined || value === null) return {};
  // A record with the one computed key is what the return type says; TypeScript widens computed keys to string.
  return { [key]: asNumber(value, key) } as { readonly [name in K]?: number };
}

function kernelOf(value: unknown): readonly [number, number] {
  const match = /^(\d{1,4})\.(\d{1,4})/.exec(asText(value, 'minKernel'));
  if (match === null) throw invalidProfile('minKernel is not MAJOR.MINOR');
  return [Number(match[1]), Number(match[2])];
}

function isOlder(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function addAll(set: Set<string>, items: readonly string[]): void {
  for (const item of items) set.add(item);
}

function invalidProfile(why: string): ShaleError {
  return new ShaleError('SECCOMP_PROFILE_INVALID', `seccomp profile is not valid: ${why}`);
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidProfile(`${what} is not an object`);
  }
  return { ...value };
}

function asList(value: unknown, what: string): readonly unknown[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalidProfile(`${what} is not a list`);
  return value;
}

function asText(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw invalidProfile(`${what} is not a text`);
  return value;
}

function asNumber(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidProfile(`${what} is not a whole number`);
  }
  return value;
}

function texts(value: unknown, what: string): string[] {
  return asList(value, what).map((item) => asText(item, `an entry of ${what}`));
}
