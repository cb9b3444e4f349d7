/** What containers are asked for and say about themselves, as plain data. */
import type { ByteStream, ByteString } from '../../base/index.ts';
import type { HostConfig } from '../host-config.ts';
import type { PortMapping, RunRequest, Watch } from '../types.ts';

/** What becomes of a container after it was made; part of a RunRequest. */
export interface LifeOptions {
  /** Name or number; the image's, else SIGTERM, when absent. */
  readonly stopSignal?: string;
  /** How long `stop` waits before it kills; 10 when absent, -1 for ever. */
  readonly stopSeconds?: number;
  /** `no` when absent. */
  readonly restart?: RestartPolicy;
  readonly health?: HealthRequest;
  readonly log?: LogSettings;
}

export type RestartPolicy =
  | { readonly kind: 'no' }
  | { readonly kind: 'always' }
  | { readonly kind: 'unless-stopped' }
  /** 0: without limit. */
  | { readonly kind: 'on-failure'; readonly retriesMax: number };

/** `--health-…`: what is absent is the image's. */
export interface HealthRequest {
  /** `--no-healthcheck`. */
  readonly disabled: boolean;
  /** For the shell of the image. */
  readonly command?: string;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export interface LogSettings {
  readonly driver: 'json-file' | 'none';
  /** A file is replaced when it reaches this size. */
  readonly bytesMax?: number;
  /** So many files are kept, the current one included; 1 when absent. */
  readonly filesMax?: number;
}

/** A health check that is carried out. */
export interface HealthCheck {
  /** `['CMD', …]` or `['CMD-SHELL', TEXT]`. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly log: readonly HealthResult[];
}

export interface HealthResult {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly exitCode: number;
  readonly output: string;
}

export type ContainerState =
  | { readonly kind: 'created' }
  | { readonly kind: 'running'; readonly startedMs: number; readonly health?: HealthState['status'] }
  | { readonly kind: 'paused'; readonly startedMs: number; readonly health?: HealthState['status'] }
  | { readonly kind: 'restarting'; readonly exitCode: number; readonly finishedMs: number }
  | { readonly kind: 'exited'; readonly exitCode: number; readonly finishedMs: number };

/** Started: its id, and its exit status (128+n for a signal) once it ended; at once and 0 when detached. */
export interface Started {
  readonly containerId: string;
  readonly exit: Promise<number>;
  /** Its streams, where it is attached to and does not have those of this process. */
  readonly attached?: AttachedStreams;
  /** Sends a signal to it while somebody waits for it. */
  readonly kill?: (signal: string) => void;
  /**
   * Of a run with `traceFiles`: the regular files of the image that were opened so far, absolute and sorted by their bytes. Asked
   * once it has ended or is left alone: it ends the trace. Throws FILES_UNTOLD where some are not known.
   */
  readonly openedFiles?: () => readonly ByteString[];
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  /** As it was named when the container was made. */
  readonly image: string;
  readonly imageId: string;
  readonly command: readonly string[];
  readonly createdMs: number;
  readonly state: ContainerState;
  /** Published ones. */
  readonly ports: readonly PortMapping[];
  /** Those that the image names (`80/tcp`). */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Folders and files of this machine that it sees, and where. */
  readonly volumes: readonly { readonly source: string; readonly target: string }[];
  readonly volumeNames: readonly string[];
  readonly network: string;
  /** When it was asked for. */
  readonly size?: ContainerSize;
}

/** A piece of a log: whole lines and parts of lines, as they are to be written out. */
export interface LogPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface LogQuery {
  readonly follow: boolean;
  /** The last so many lines; all when absent. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Begin each line with its time. */
  readonly timestamps: boolean;
}

export interface CommitRequest {
  readonly container: string;
  readonly tag?: string;
  readonly author?: string;
  readonly message?: string;
  readonly changes: readonly string[];
  readonly pause: boolean;
}

/** One path that a container changed. The path is a byte string. */
export interface PathChange {
  readonly kind: 'added' | 'changed' | 'deleted';
  readonly path: string;
}

export interface StartRequest {
  readonly container: string;
  /** Pass output on (`-a`), and input too (`-i`). */
  readonly attach: boolean;
  readonly interactive: boolean;
  readonly terminalSize?: { readonly columns: number; readonly rows: number };
}

export interface AttachRequest {
  readonly container: string;
  readonly interactive: boolean;
  readonly terminalSize?: { readonly columns: number; readonly rows: number };
}

/** The streams of a container that somebody is attached to. */
export interface AttachedStreams {
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }>;
  /** The container has a terminal: one stream, and keys instead of bytes. */
  readonly terminal: boolean;
  /** False when nobody reads it any more. */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
  readonly endInput: () => void;
  readonly resize: (size: { readonly columns: number; readonly rows: number }) => void;
  /**
   * Ends the connection. Nobody waits for the container's end any more then, and `exit` fails with CANCELED, unless the
   * container is to be removed by who waits.
   */
  readonly close: () => void;
  /** Ends the connection and leaves the container to itself, as the detach keys do. */
  readonly detach: () => Promise<void>;
}

export interface StopOptions {
  readonly seconds?: number;
  readonly signal?: string;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

/** What is absent stays. */
export interface UpdateRequest {
  readonly restart?: RestartPolicy;
  readonly limits?: LimitChange;
}

/** Limits that a container can be given while it runs. A process limit of null takes the limit away. */
export type LimitChange = Partial<
  Pick<
    HostConfig,
    | 'Memory'
    | 'MemorySwap'
    | 'MemoryReservation'
    | 'NanoCpus'
    | 'CpuShares'
    | 'CpuPeriod'
    | 'CpuQuota'
    | 'CpuRealtimePeriod'
    | 'CpuRealtimeRuntime'
    | 'CpusetCpus'
    | 'CpusetMems'
    | 'PidsLimit'
    | 'BlkioWeight'
  >
>;

export interface ContainerQuery {
  /** Those that do not run too. */
  readonly all: boolean;
  /** Count what each takes on disk. */
  readonly sizes?: boolean;
}

/** On disk. */
export interface ContainerSize {
  /** What it changed. */
  readonly writableBytes: number;
  /** With its image. */
  readonly totalBytes: number;
}

export interface ProcessList {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/** One reading of what a container uses. */
export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  /** Of one CPU, 1.0 = 100 %. */
  readonly cpuShare: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly networkInBytes: number;
  readonly networkOutBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly processes: number;
}

export interface ContainerEvent {
  readonly atMs: number;
  /** `container`, `image`, `volume`, `network`. */
  readonly type: string;
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface EventQuery {
  readonly sinceMs?: number;
  /** Later ones are not waited for; without it events are followed. */
  readonly untilMs?: number;
}

/** What `shale info` tells. */
export interface SystemInfo {
  readonly containers: Readonly<Record<'running' | 'paused' | 'stopped', number>>;
  readonly images: number;
  readonly home: string;
  readonly cgroupVersion: '1' | '2';
  readonly runtime: { readonly name: string; readonly version: string } | undefined;
  readonly kernel: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly hostname: string;
}

/** Which of the stopped containers are pruned: all that pass. */
export interface ContainerPrune {
  /** Made before. */
  readonly untilMs?: number;
  readonly labels?: readonly LabelFilter[];
  readonly notLabels?: readonly LabelFilter[];
}

export interface LabelFilter {
  readonly key: string;
  /** Any, when absent. */
  readonly value?: string;
}

export interface PrunedContainers {
  readonly removed: readonly string[];
  readonly reclaimedBytes: number;
}

/** One end of a copy. Paths of this machine are absolute, or relative to the working directory of the process. */
export type CopyPlace =
  | { readonly kind: 'container'; readonly container: string; readonly path: string }
  | { readonly kind: 'host'; readonly path: string };

export interface CopyRequest {
  readonly from: CopyPlace;
  readonly to: CopyPlace;
  /** Copy what a link leads to, not the link. */
  readonly followLink: boolean;
  /** Owners as at the source; otherwise root's in a container, and one's own on this machine. */
  readonly keepOwners: boolean;
}

export interface CopyOutRequest {
  readonly container: string;
  readonly path: string;
  readonly followLink: boolean;
}

export interface CopyInRequest {
  readonly container: string;
  /** A directory. */
  readonly path: string;
  readonly keepOwners: boolean;
}

export interface ContainerOperations {
  /** Makes a container without starting it. */
  readonly create: (request: RunRequest, watch: Watch) => Promise<{ readonly containerId: string }>;
  readonly start: (request: StartRequest, watch: Watch) => Promise<Started>;
  readonly attach: (request: AttachRequest, watch: Watch) => Promise<Started>;
  readonly containers: (query: ContainerQuery) => Promise<readonly ContainerSummary[]>;
  readonly stop: (container: string, options: StopOptions, watch: Watch) => Promise<void>;
  readonly restart: (container: string, options: StopOptions, watch: Watch) => Promise<void>;
  readonly kill: (container: string, options: { readonly signal: string }) => Promise<void>;
  readonly pause: (container: string) => Promise<void>;
  readonly unpause: (container: string) => Promise<void>;
  /** Resolves with its exit status. */
  readonly wait: (container: string, watch: Watch) => Promise<number>;
  readonly rename: (container: string, name: string) => Promise<void>;
  /** Resolves with what this machine cannot do of it, a sentence each. */
  readonly update: (container: string, request: UpdateRequest) => Promise<readonly string[]>;
  readonly removeContainer: (
    container: string,
    options: { readonly force: boolean; readonly volumes: boolean },
  ) => Promise<void>;
  readonly pruneContainers: (which: ContainerPrune) => Promise<PrunedContainers>;
  readonly processes: (container: string, psArguments: readonly string[]) => Promise<ProcessList>;
  /** One reading of each running container named (of all, for none), `overMs` apart from an earlier one. */
  readonly stats: (
    containers: readonly string[],
    options: { readonly overMs: number; readonly all: boolean },
  ) => Promise<readonly ContainerStats[]>;
  readonly events: (query: EventQuery, watch: Watch) => AsyncIterable<ContainerEvent>;
  readonly copy: (request: CopyRequest) => Promise<void>;
  /** A path of a container as a tar. */
  readonly copyOut: (request: CopyOutRequest) => ByteStream;
  /** Unpacks a tar into a directory of a container. */
  readonly copyIn: (tar: ByteStream, request: CopyInRequest) => Promise<void>;
  /** The whole file system of a container as a tar, without what is mounted in it. */
  readonly exportContainer: (container: string) => ByteStream;
  readonly info: () => Promise<SystemInfo>;
  /** Looks after containers that need somebody, until there are none: the work of `shale keeper`. */
  readonly keep: (watch: Watch) => Promise<void>;
}
