import type { ByteString, ByteStream } from '../base/index.ts';
import type { DnsOptions, NetworkAttachment, NetworkProvider, PublishedPort } from './network-types.ts';

export type * from './network-types.ts';
import type { Attachment, LogKeeping, LogLine, LogOptions, OutputPiece } from './stream-types.ts';

export type * from './stream-types.ts';

/** The tree that a container sees as `/`. */
export interface Rootfs {
  /** Where it is mounted, as the host's children see it (RuntimeHost.spawn); absolute. */
  readonly path: string;
  /**
   * The same directory as this thread can open it: `path` itself, or `/proc/self/fd/N` of a held descriptor when it is
   * mounted in a namespace of its own. The checks before the start read and create mount targets through it.
   */
  readonly access: string;
  /** A rootfs that cannot be written at all (no upper): missing mount targets are then an error. */
  readonly readonly?: boolean;
}

/** What is visible at `target` besides the rootfs. Sources are paths as the host's children see them. */
export type MountSpec =
  | {
      readonly kind: 'bind';
      readonly source: string;
      /** What the source is; needed when this thread cannot see it (it is mounted in the host's namespace only). */
      readonly sourceKind?: 'file' | 'directory';
      readonly target: string;
      readonly readonly?: boolean;
      /** How mounts of the host spread into it and back; default `rprivate`. */
      readonly propagation?: MountPropagation;
      /** Take the mounts below the source along; default true. */
      readonly recursive?: boolean;
      /** With `readonly`: leave the mounts below the source writable. Default: they are read-only too, where possible. */
      readonly writableBelow?: boolean;
      /** Further flags for the mount: `nosuid`, `nodev`, `noexec`. */
      readonly flags?: readonly MountFlag[];
      /**
       * The target leaves no trace: when it did not exist, it is in `ContainerHandle.traces` and no layer holds it.
       * Default true.
       */
      readonly traceless?: boolean;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly sizeBytes?: number;
      /** Octal mode bits; absent: those of the directory that it hides, 0o1777 where there is none. */
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly readonly?: boolean;
      readonly flags?: readonly MountFlag[];
      /** Further options of the file system: `nr_inodes=100`, `size=10%`. */
      readonly data?: readonly string[];
    }
  /** A file system that the kernel mounts by itself. */
  | {
      readonly kind: 'filesystem';
      readonly type: string;
      /** What is mounted, as mount(8) takes it. */
      readonly device: string;
      readonly options: readonly string[];
      readonly target: string;
      readonly readonly?: boolean;
    };

export type MountPropagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';

export type MountFlag =
  | 'nosuid'
  | 'nodev'
  | 'noexec'
  | 'exec'
  | 'suid'
  | 'dev'
  | 'noatime'
  | 'atime'
  | 'nodiratime'
  | 'diratime'
  | 'relatime'
  | 'norelatime'
  | 'strictatime'
  | 'sync'
  | 'async';

/** `name` without RLIMIT_, in lower case: nofile, nproc, core, … Asked limits are clamped to what this process may give. */
export interface ResourceLimit {
  readonly name: string;
  /** `'unlimited'` is RLIM_INFINITY. */
  readonly soft: number | 'unlimited';
  readonly hard: number | 'unlimited';
}

/** A device node of the host that the container gets, with its cgroup rule. */
export interface DeviceSpec {
  /** On the host, absolute; a directory stands for all devices below it. */
  readonly source: string;
  /** In the container, absolute. */
  readonly target: string;
  /** Letters of `rwm`; default all. */
  readonly access?: string;
}

/** Programs of the host that the runtime runs around a container, by the name of the moment (runtime-spec, config.md). */
export type RuntimeHooks = Readonly<
  Record<
    string,
    readonly {
      readonly path: string;
      readonly args?: readonly string[];
      readonly env?: readonly string[];
      /** Seconds. */
      readonly timeout?: number;
    }[]
  >
>;

/** Limits by cgroup. Absent: none. */
export interface Resources {
  readonly memoryBytes?: number;
  readonly memoryReservationBytes?: number;
  /** Memory and swap together; -1 = unlimited swap. */
  readonly memorySwapBytes?: number;
  /** -1 = no limit. */
  readonly pidsMax?: number;
  /** CPUs as docker's `--cpus`: 1.5 = one and a half. */
  readonly cpus?: number;
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly cpuRealtimeRuntimeUs?: number;
  readonly cpuRealtimePeriodUs?: number;
  /** 0 to 100. */
  readonly memorySwappiness?: number;
  readonly blkioWeight?: number;
  readonly blkioWeightDevices?: readonly (DeviceNumbers & { readonly weight: number })[];
  /** By kind of limit: bytes or operations a second. */
  readonly blkioRates?: Readonly<
    Partial<Record<BlkioRateKind, readonly (DeviceNumbers & { readonly rate: number })[]>>
  >;
  readonly oomKillDisable?: boolean;
}

export type BlkioRateKind = 'readBps' | 'writeBps' | 'readIops' | 'writeIops';

export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

export type Capabilities =
  /** Docker's fourteen, then `add`, then `drop`; names with or without `CAP_`, `ALL` in either list. */
  | { readonly kind: 'default'; readonly add?: readonly string[]; readonly drop?: readonly string[] }
  /** Everything that this process may give; nothing masked, no seccomp, all devices (docker's --privileged). */
  | { readonly kind: 'privileged' };

export type Seccomp =
  | { readonly kind: 'default' }
  | { readonly kind: 'unconfined' }
  /** Docker's profile format (`--security-opt seccomp=FILE`), already parsed as JSON. */
  | { readonly kind: 'profile'; readonly profile: unknown };

/** A namespace: its own (the default), the host's, or the one that another container's process is in. */
export type NamespaceChoice =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'process'; readonly pid: number };

/**
 * One container, as plain data: what the runtime-spec's config.json is made of. Nothing here is looked up in an image:
 * the caller has merged image config and options. Every list has a limit (RUN_SPEC_INVALID when it is exceeded).
 */
export interface RunSpec {
  /** `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 128 characters; names state folders and the cgroup `/shale-<id>`. */
  readonly id: string;
  readonly rootfs: Rootfs;
  /** At least one; the program is looked up in PATH of `env`. */
  readonly args: readonly string[];
  /** `NAME=value`; the last of a name counts. PATH, HOME, HOSTNAME and (with a terminal) TERM are added when absent. */
  readonly env: readonly string[];
  /**
   * More variables, which win over `env` and stand on no disk: not in the run folder, and not in what a killed process
   * leaves. Attached containers only.
   */
  readonly secretEnv?: readonly string[];
  /** Absolute. Default `/`. */
  readonly cwd?: string;
  /** Docker's `USER[:GROUP]`, each a name or a number; default root. Names are looked up in the rootfs. */
  readonly user?: string;
  /** Names or numbers of supplementary groups (`--group-add`). */
  readonly groups?: readonly string[];
  readonly hostname?: string;
  /** Also tell it in the variable HOSTNAME; default true. Build steps do not have it. */
  readonly hostnameVariable?: boolean;
  readonly domainname?: string;
  readonly mounts?: readonly MountSpec[];
  readonly network: NetworkProvider;
  /** `host:address` lines for /etc/hosts (`--add-host`). */
  readonly extraHosts?: readonly string[];
  readonly dns?: DnsOptions;
  /** Ports of the host that lead into the container; only a bridge network can. */
  readonly ports?: readonly PublishedPort[];
  readonly readonlyRootfs?: boolean;
  readonly terminal?: boolean;
  /** The size that a terminal has from the start. */
  readonly consoleSize?: ConsoleSize;
  readonly capabilities?: Capabilities;
  readonly seccomp?: Seccomp;
  readonly noNewPrivileges?: boolean;
  readonly rlimits?: readonly ResourceLimit[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly devices?: readonly DeviceSpec[];
  readonly hooks?: RuntimeHooks;
  /** `c 1:3 rwm`: devices by number that it may use besides, `*` for any. */
  readonly deviceRules?: readonly string[];
  readonly resources?: Resources;
  /**
   * The cgroup that the container's own is made in, from the root of each hierarchy; it is made where it is missing, and
   * stays.
   */
  readonly cgroupParent?: string;
  readonly oomScoreAdjust?: number;
  /** Mount /sys/fs/cgroup (default true); build steps go without: it would tell them about the machine. */
  readonly cgroupMount?: boolean;
  /** /dev/shm; default 64 MiB. 0: none. */
  readonly shmSizeBytes?: number;
  /** Default: what tells about other tenants of the machine; nothing when privileged. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  /** The profile that AppArmor confines it with; only where the kernel has AppArmor. */
  readonly apparmorProfile?: string;
  /** Octal; default 0o022. */
  readonly umask?: number;
  readonly pid?: NamespaceChoice;
  readonly ipc?: NamespaceChoice;
  readonly uts?: NamespaceChoice;
  /** `private`: it sees its own cgroup as the root. Default: private on the unified hierarchy, as docker. */
  readonly cgroupNamespace?: 'private' | 'host';
  readonly annotations?: Readonly<Record<string, string>>;
  /** A small init on the host (static) that becomes process 1 and reaps (`--init`); its path on the host. */
  readonly initPath?: string;
}

/** How a container ended. */
export type ContainerExit =
  /** Its first process ran; `code` is its exit code, or 128 + signal number. */
  | { readonly kind: 'exited'; readonly code: number; readonly signal?: number; readonly oomKilled: boolean }
  /** It never ran: 127 program not found, 126 not executable, 125 anything else; `reason` is one line. */
  | { readonly kind: 'not-started'; readonly code: 125 | 126 | 127; readonly reason: string };

/** A path that exists in the upper only because something had to be mounted there. */
export interface MountTrace {
  /** Below the rootfs, without leading slash: `etc/resolv.conf`. */
  readonly path: ByteString;
  readonly kind: 'file' | 'directory';
}

/** What the set-up of mounts changed in the upper, so that a layer made of it can leave it out. */
export interface MountTraces {
  /** Made by us or the runtime; a layer leaves them out (unless they are no longer empty). */
  readonly created: readonly MountTrace[];
  /**
   * Directories that existed and only got a new entry by `created`. `mtimeNs` is the modification time that they had
   * before: a directory that differs in nothing else was not changed.
   */
  readonly touched: readonly { readonly path: ByteString; readonly mtimeNs: bigint }[];
}

/** Where the streams of an attached container go. */
export type ContainerIo =
  /** Input is empty (or `stdin`); both outputs are streams of the handle. */
  | { readonly kind: 'pipes'; readonly stdin?: ByteStream }
  /** This process's own stdin, stdout and stderr; with `terminal` they must be a terminal. */
  | { readonly kind: 'inherit' }
  /** Open descriptors of this process; what is written to an output that is ignored is dropped. */
  | {
      readonly kind: 'descriptors';
      readonly stdin?: number;
      readonly stdout: number | 'ignore';
      readonly stderr: number | 'ignore';
    };

/** A container that runs attached to this process and ends with it, kill -9 included. */
export interface ContainerHandle extends AsyncDisposable {
  readonly id: string;
  /** The host's pid of the runtime process that watches it. */
  readonly pid: number;
  /** With pipes; empty streams otherwise. Bounded: an unread stream stops the container's writes. */
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly traces: MountTraces;
  readonly network: NetworkAttachment;
  /**
   * Settles when all its processes have ended and its cgroup, network and run folder are gone. What it wrote can still be
   * read. Never rejects.
   */
  readonly exit: Promise<ContainerExit>;
  /** Sends a signal (name with or without SIG, or a number) to its first process. False when it has ended. */
  kill(signal: string | number): boolean;
  /** Freezes all its processes (for a commit), until resumed. Idempotent. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Runs one more process in it. */
  exec(request: ExecRequest): Promise<ExecHandle>;
}

/** Of a terminal, in characters. */
export interface ConsoleSize {
  readonly height: number;
  readonly width: number;
}

export interface ExecRequest {
  readonly args: readonly string[];
  /** Added to the container's environment. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  /** As RunSpec.user; default the container's. */
  readonly user?: string;
  readonly terminal?: boolean;
  readonly consoleSize?: ConsoleSize;
  readonly privileged?: boolean;
  /** It lives on by itself, without streams; `exit` then tells whether it started. */
  readonly detach?: boolean;
  readonly io: ContainerIo;
}

export interface ExecHandle extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: ByteStream;
  readonly stderr: ByteStream;
  readonly exit: Promise<ContainerExit>;
  kill(signal: string | number): boolean;
}

/** What a container that outlives its command is made with, besides the spec. */
export interface DetachedOptions {
  /** A folder that belongs to this container and lasts: bundle, log and exit file are in it. 0700. */
  readonly stateDir: string;
  /** Its standard input: empty when absent; open until the first attachment ends it (`once`), or always (`kept`). */
  readonly stdin?: 'once' | 'kept';
  /** Default: a log of at most 64 MiB. */
  readonly log?: LogKeeping;
}

/** What is known of a detached container, from its exit file and the processes; never from memory. */
export type DetachedState =
  | { readonly kind: 'created'; readonly pid: number }
  | { readonly kind: 'running'; readonly pid: number; readonly paused: boolean }
  | { readonly kind: 'exited'; readonly code: number; readonly oomKilled: boolean; readonly finishedAtMs: number }
  /** Neither a process nor an exit file: power loss or reboot, or conmon was killed. */
  | { readonly kind: 'lost' };

/** What a container has used so far, and uses now, from its cgroup and its network namespace. */
export interface UsageReading {
  /** Of all its CPUs, since its start. */
  readonly cpuNs: number;
  readonly memoryBytes: number;
  /** What it may use: its limit, or the machine's memory. */
  readonly memoryLimitBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly networkInBytes: number;
  readonly networkOutBytes: number;
  readonly processes: number;
}

/** A running container as other processes than the one that started it see it. */
export interface ContainerView {
  readonly id: string;
  readonly traces: MountTraces;
  state(): DetachedState;
  /** Waits for its end. */
  wait(signal?: AbortSignal): Promise<DetachedState>;
  kill(signal: string | number): Promise<boolean>;
  /** Sends `signal`, after `graceMs` SIGKILL; resolves when it has ended. Idempotent. */
  stop(options: { readonly signal?: string | number; readonly graceMs: number }): Promise<DetachedState>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Gives it other limits while it runs; what `resources` does not name stays. Only memory, swap, reservation, CPU, CPU
   * sets, process number and block I/O weight can change then (runc-update(8)).
   * @throws LIMIT_FAILED when the kernel refuses them
   */
  setLimits(resources: Resources): Promise<void>;
  /** The host's pids of all processes in it, in their order. */
  processes(): readonly number[];
  /** Undefined when it does not run. */
  usage(): UsageReading | undefined;
  exec(request: ExecRequest): Promise<ExecHandle>;
  /**
   * A descriptor of its root file system as it was mounted for it, without what is mounted in it; the caller closes it.
   * @throws CONTAINER_NOT_RUNNING
   */
  openRootfs(): number;
}

/** A detached container: a view on files and processes, so any process can open it, any number of times. */
export interface DetachedContainer extends ContainerView {
  /** The published ports with the host ports that were chosen. */
  readonly ports: readonly PublishedPort[];
  readonly addresses: NetworkAddresses;
  start(): Promise<void>;
  /** @throws ATTACH_FAILED when it has ended. */
  attach(): Attachment;
  logs(options?: LogOptions): AsyncGenerator<LogLine>;
  /** The log as bytes to be written out; with `timestamps` each line begins with its time (RFC 3339, UTC). */
  logOutput(options: LogOptions & { readonly timestamps: boolean }): AsyncGenerator<OutputPiece>;
  /** Removes runtime state, cgroup and network; the state folder is the caller's. `force` kills first. Idempotent. */
  remove(options: { readonly force: boolean }): Promise<void>;
}

/** Where a container is reached on its network. */
export interface NetworkAddresses {
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  readonly gateway?: string | undefined;
  readonly macAddress?: string | undefined;
}

/** What one run of `sweep` removed. */
export interface SweepReport {
  readonly runtimeStates: readonly string[];
  readonly cgroups: readonly string[];
  readonly networks: readonly string[];
  readonly folders: readonly string[];
  /** What could not be removed, with why; the next sweep tries again. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
}

/** Runs containers over one host (mount namespace) and one run folder. */
export interface Runtime {
  /** Which runtime this is; asks it once. @throws RUNTIME_MISSING, RUNTIME_FAILED. */
  command(): Promise<RuntimeCommand>;
  /** Checks the rootfs, attaches the network and runs; resolves once the runtime process is spawned. */
  run(spec: RunSpec, io: ContainerIo): Promise<ContainerHandle>;
  create(spec: RunSpec, options: DetachedOptions): Promise<DetachedContainer>;
  /** A detached container made earlier, also by another process. */
  open(id: string, stateDir: string): DetachedContainer;
  /** A container that runs attached to some process (`run`), this one or another. */
  openAttached(id: string): ContainerView;
  /** Removes what processes that are dead left behind. Safe at any time, by several processes at once. */
  sweep(): Promise<SweepReport>;
}

export interface RuntimeCommand {
  readonly kind: 'runc' | 'crun';
  readonly path: string;
  readonly version: string;
  /** CVEs whose fix this version is known to lack. */
  readonly unfixed: readonly string[];
}
