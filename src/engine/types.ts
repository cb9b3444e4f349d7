/**
 * What shale can be asked to do, as plain data: the programmatic API. Names that people type (images, containers, builds) travel as
 * they were typed; the engine resolves them and throws NOT_FOUND with the nearest names.
 */
import type { AttestationOperations, AttestationRequest } from './attestations/types.ts';
import type { CacheEngine, CacheEntry } from './cache/types.ts';
import type { ByteStream, ByteString, Json } from '../base/index.ts';
import type { BuildCheckReport, Outline, Target } from '../dockerfile/index.ts';

import type { BuildLogChunk, BuildReport, BuildSummary, PruneBuildsRequest } from './build-record-types.ts';
import type { ExploreOperations } from './explore/explore-types.ts';
import type { HostConfig } from './host-config.ts';
import type { BaseAdvice, BaseComparison, CompareBasesRequest } from './bases/compare-types.ts';
import type { RebaseOutcome, RebaseRequest } from './bases/rebase-types.ts';
import type { ImageDiff } from './image-diff-types.ts';
import type { LockEngine } from './locks/lock-types.ts';
import type { BuildMeasure } from './measured-build-types.ts';
import type { PinAnswer, PinRequest } from './pin-types.ts';
import type { BaseVerifyRequest, RebuildReport, RebuildRequest, VerifyReport } from './verify/verify-types.ts';
import type { RollbackOutcome, TagLogEntry } from './tag-history-types.ts';
import type { AnnotationRequest, CacheExportRequest, CacheImportRequest, OutputRequest } from './output-types.ts';
import type { WhyReport, WhyRequest } from './why-types.ts';
import type { EndpointRequest, NetworkOperations } from './network-types.ts';
import type { VolumeMount, VolumeOperations } from './volume-types.ts';
import type {
  CommitRequest,
  ContainerOperations,
  ContainerSummary,
  LifeOptions,
  LogPiece,
  LogQuery,
  PathChange,
  Started,
} from './containers/types.ts';

export type * from './attestations/types.ts';
export type * from './containers/types.ts';
import type { TransferOperations } from './transfer-types.ts';
import type { Watch } from './watch.ts';

export type * from './transfer-types.ts';
export type * from './watch.ts';

/** A published port. */
export interface PortMapping {
  /** The address to listen on; every one when absent. */
  readonly hostIp?: string;
  /** A free one is chosen when absent. */
  readonly hostPort?: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

export type {
  AnonymousVolume,
  BindMount,
  NamedVolume,
  TmpfsMount,
  VolumeMount,
  VolumeSettings,
} from './volume-types.ts';

export type NetworkMode = 'bridge' | 'host' | 'none';

export interface StreamInput {
  readonly kind: 'stream';
  readonly bytes: ByteStream;
}

/** A directory, absolute. */
export interface DirectorySource {
  readonly kind: 'directory';
  readonly path: string;
}

/** A git repository, or an archive or file of the web. */
export interface AddressSource {
  readonly kind: 'address';
  readonly address: string;
}

/** Files of a git repository, or of an archive of the web. */
export interface SourceFilesRequest {
  readonly address: string;
  /** Relative to what the address leads to. */
  readonly paths: readonly string[];
  /** Of each file. */
  readonly maxBytes: number;
}

/** Those that are there, by their paths; or the one file that the address is. */
export type SourceFiles =
  | { readonly kind: 'tree'; readonly files: ReadonlyMap<string, Uint8Array> }
  | { readonly kind: 'file'; readonly bytes: Uint8Array };

/** An image in a directory of the OCI layout, absolute; by tag or digest, else its only one. */
export interface LayoutSource {
  readonly kind: 'layout';
  readonly path: string;
  readonly name?: string;
}

/** What a named context is: files, or an image that FROM and COPY --from see instead of the one of that name. */
export type ContextSource =
  | DirectorySource
  | AddressSource
  | LayoutSource
  | { readonly kind: 'image'; readonly reference: string }
  /** What another target of the same bake comes to. */
  | { readonly kind: 'target'; readonly target: string };

export interface BuildRequest {
  /** A directory, absolute; an address; or a stream of a tar, plain or compressed, or of a Dockerfile alone (`-`). */
  readonly context: DirectorySource | AddressSource | StreamInput;
  /**
   * `-f`: absolute, an address of http, or a stream; `within` is a path in a context that is not a directory. The
   * context's `Dockerfile` when absent.
   */
  readonly dockerfile?: { readonly kind: 'file' | 'within'; readonly path: string } | AddressSource | StreamInput;
  /** `--build-context`, by name. */
  readonly buildContexts?: Readonly<Record<string, ContextSource>>;
  /** `git`: files of directories have the modes 644 and 755, whatever the umask; `exact` when absent. */
  readonly contextModes?: 'exact' | 'git';
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Several make an image index; that of this machine when absent. */
  readonly platforms?: readonly string[];
  readonly network?: NetworkMode;
  readonly noCache: boolean;
  /** Stages whose steps all run again. */
  readonly noCacheStages?: readonly string[];
  readonly pull: boolean;
  /**
   * What the lock file beside the Dockerfile is to the build: `ignore` nothing; `replay` all that it may take from outside,
   * also in RUN. When absent it says what bases and sources of ADD are, where there is one.
   */
  readonly lock?: 'ignore' | 'replay';
  readonly keepNoise: boolean;
  readonly secrets?: readonly SecretSource[];
  readonly ssh?: readonly SshSource[];
  /** What RUN may ask for beyond the sandbox: `network.host`, `security.insecure`. */
  readonly allow?: readonly string[];
  /** Limits (memory, CPUs), ulimits, ShmSize and ExtraHosts of RUN's programs; other fields are not for builds. */
  readonly stepConfig?: Partial<HostConfig>;
  /** The cgroup that those of RUN's programs are made in, from the root of each hierarchy. */
  readonly cgroupParent?: string;
  /** What the build puts on its base image becomes one layer. */
  readonly squash?: boolean;
  /** Where the result goes: into the store under the tags when absent; nowhere but into the cache when empty. */
  readonly outputs?: readonly OutputRequest[];
  /** What is said about the image beside it, in every output that can hold it. */
  readonly attestations?: readonly AttestationRequest[];
  /**
   * `referrers` (the default): as artifacts that refer to the image, whose digest stays; `index`: beside it in an index, as
   * BuildKit does it.
   */
  readonly attestationStyle?: 'referrers' | 'index';
  /** For every output that has manifests. */
  readonly annotations?: readonly AnnotationRequest[];
  readonly cacheFrom?: readonly CacheImportRequest[];
  readonly cacheTo?: readonly CacheExportRequest[];
}

/** A secret of a build by its id; read when a step asks for it. Nothing of it is kept anywhere. */
export type SecretSource =
  | { readonly kind: 'file'; readonly id: string; readonly path: string }
  /** A variable of this process; one that is not set counts as empty. */
  | { readonly kind: 'env'; readonly id: string; readonly name: string };

/** What can be asked about a Dockerfile instead of building it. */
export type BuildCall = 'check' | 'outline' | 'targets';

/** The answer, with the file that the lines in it are of. */
export type BuildAnswer = { readonly source: { readonly file: string; readonly text: string } } & (
  | ({ readonly kind: 'check' } & BuildCheckReport)
  | { readonly kind: 'outline'; readonly outline: Outline }
  | { readonly kind: 'targets'; readonly targets: readonly Target[] }
);

/** What signs for a build's SSH connections, by the id that mounts name: the socket of one agent, or private keys. */
export interface SshSource {
  readonly id: string;
  /** Absolute. */
  readonly paths: readonly string[];
}

export interface BuildOutcome {
  /** Digest of the image's config; of several platforms, of the index. */
  readonly imageId: string;
  readonly buildId: string;
  readonly tags: readonly string[];
  /** What buildx writes into a metadata file, under its names. */
  readonly metadata: Readonly<Record<string, Json>>;
}

/** One of several builds that are done together. */
export interface BakeTarget {
  readonly name: string;
  /** Named contexts of kind `target` are other targets. */
  readonly request: BuildRequest;
}

export interface BakeOutcome extends BuildOutcome {
  readonly name: string;
}

export interface RunRequest extends LifeOptions {
  readonly image: string;
  readonly command: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly name?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  /** What surrounds the program; docker's defaults where it says nothing. */
  readonly hostConfig?: Partial<HostConfig>;
  readonly labels: Readonly<Record<string, string>>;
  readonly volumes: readonly VolumeMount[];
  /** Containers whose volumes and folders it gets too, `NAME[:ro|:rw]`. */
  readonly volumesFrom?: readonly string[];
  readonly ports: readonly PortMapping[];
  readonly network?: NetworkMode;
  /** Its networks, the first of which is the way out; they come instead of `network`. */
  readonly networks?: readonly EndpointRequest[];
  /** Ports that it listens on, `80/tcp`, beside those of the image. */
  readonly exposed?: readonly string[];
  /** Publish all of them, on free ports. */
  readonly publishAll?: boolean;
  readonly readOnly: boolean;
  readonly removeWhenDone: boolean;
  readonly interactive: boolean;
  readonly terminal: boolean;
  /** Of the terminal that the command gets, in characters. */
  readonly terminalSize?: { readonly columns: number; readonly rows: number };
  readonly detach: boolean;
  /** `linux/arm64`; that of this machine when absent. */
  readonly platform?: string;
  readonly pull: 'always' | 'missing' | 'never';
}

/** What of a run is the command's, and no part of the container. */
export interface RunHow {
  /**
   * Take down which files of the image are opened (`Started.openedFiles`). It needs root, and a container that ends with the
   * command.
   */
  readonly traceFiles?: boolean;
  /** Outputs that are passed on, the other is dropped; both when absent. */
  readonly outputs?: readonly ('stdout' | 'stderr')[];
}

export interface ExecRequest {
  readonly container: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly interactive: boolean;
  readonly terminal: boolean;
  /** Of the terminal that the command gets, in characters. */
  readonly terminalSize?: { readonly columns: number; readonly rows: number };
  readonly detach: boolean;
  /** With every right that the machine gives. */
  readonly privileged: boolean;
}

export interface ImageSummary {
  readonly id: string;
  /** Absent for images without a tag. */
  readonly tag?: { readonly repository: string; readonly tag: string };
  /** Of the manifest, where one was made or pulled. */
  readonly digest?: string;
  /** When the tag was last moved here, or the image was made here. */
  readonly taggedMs: number;
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Of an image of several platforms. */
  readonly platforms?: readonly string[];
}

export type RemovedImage = { readonly kind: 'untagged' | 'deleted'; readonly name: string };

export interface HistoryStep {
  /** Of the image that ends with this step, where there is one. */
  readonly imageId?: string;
  readonly createdMs?: number;
  readonly createdBy: string;
  readonly sizeBytes: number;
  readonly comment: string;
}

export type BaseRequest = DebianBaseRequest | AlpineBaseRequest;

export interface DebianBaseRequest {
  readonly distribution: 'debian';
  readonly suite: string;
  readonly slim: boolean;
  /** As Debian names it; this machine's when absent. */
  readonly architecture?: string;
  readonly mirror?: string;
  readonly securityMirror?: string;
  /** Newer packages of the suites for updates. */
  readonly updates: boolean;
  /** The mirror is a snapshot of some time. */
  readonly isSnapshot: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Nothing but these and what they depend on; none means the minimal system. */
  readonly packages: readonly string[];
  readonly keyrings: readonly string[];
  readonly keyFingerprints: readonly string[];
  /** When absent: in a container where this machine runs the image's programs, else by its own. */
  readonly scripts?: 'container' | 'emulate' | 'none';
  readonly allowOutdated: boolean;
  readonly tags: readonly string[];
  readonly noCache: boolean;
}

export interface AlpineBaseRequest {
  readonly distribution: 'alpine';
  /** `v3.20`, `edge`. */
  readonly branch: string;
  /** Where the branches lie. */
  readonly mirror: string;
  /** Instead of the branch's: lines of /etc/apk/repositories. */
  readonly repositories: readonly string[];
  /** What is asked for instead of the minimal system, and besides. */
  readonly packages: readonly string[];
  readonly include: readonly string[];
  /** As Alpine, Debian or OCI name it; this machine's when absent. */
  readonly architecture?: string;
  /** Keys that are trusted instead of Alpine's. */
  readonly keyFolder?: string;
  readonly keyFingerprints: readonly string[];
  readonly scripts: 'container' | 'none';
  readonly allowOutdated: boolean;
  readonly tags: readonly string[];
  readonly noCache: boolean;
}

export interface CheckRequest {
  readonly full: boolean;
  readonly repair: boolean;
}

export interface CheckFinding {
  /** What is damaged: a digest, a tag, a file of the store. */
  readonly subject: string;
  readonly problem: string;
  readonly repaired: boolean;
}

export interface CheckReport {
  readonly checkedBlobs: number;
  readonly checkedBytes: number;
  readonly findings: readonly CheckFinding[];
}

export interface UsageRow {
  readonly type: 'Images' | 'Containers' | 'Local Volumes' | 'Build Cache' | 'Derived';
  readonly total: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
}

/** What `UsageRow`s are made of. */
export interface UsageItems {
  readonly images: readonly ImageUsage[];
  /** With their sizes. */
  readonly containers: readonly ContainerSummary[];
  /** `containers`: how many have it. */
  readonly volumes: readonly { readonly name: string; readonly sizeBytes: number; readonly containers: number }[];
  readonly buildCache: readonly CacheEntry[];
}

/** An image with the bytes that others have too, and those that go with it. */
export interface ImageUsage extends ImageSummary {
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
  /** How many were made of it. */
  readonly containers: number;
}

export interface PruneRequest {
  readonly what: readonly ('containers' | 'images' | 'build-cache' | 'volumes')[];
  /** Images with a tag too, where no container uses them; the whole cache. */
  readonly all: boolean;
}

export interface PruneReport {
  readonly removed: readonly { readonly kind: string; readonly name: string }[];
  readonly reclaimedBytes: number;
}

/** An opened store with its parts. Disposing it ends leases and mounts; detached containers live on. */
export interface Engine
  extends
    AsyncDisposable,
    AttestationOperations,
    ContainerOperations,
    ExploreOperations,
    TransferOperations,
    VolumeOperations,
    NetworkOperations {
  readonly build: (request: BuildRequest, watch: Watch) => Promise<BuildOutcome>;
  /** Nothing is built, and no layer fetched. What is wrong with the file is a part of the answer of `check`. */
  readonly callBuild: (request: BuildRequest, call: BuildCall, watch: Watch) => Promise<BuildAnswer>;
  /**
   * Builds several targets together: steps that they share are carried out once, independent ones at the same time. The first
   * failure ends all. Each leaves a build record of its own; steps are numbered through.
   */
  readonly bake: (targets: readonly BakeTarget[], watch: Watch) => Promise<readonly BakeOutcome[]>;
  /** What a repository or the web has of bake files. @throws CONTEXT_NOT_FOUND, GIT_ADDRESS, and what fetching throws */
  readonly readSourceFiles: (request: SourceFilesRequest, watch: Watch) => Promise<SourceFiles>;
  readonly why: (request: WhyRequest) => Promise<WhyReport>;
  /** Newest first. */
  readonly builds: () => Promise<readonly BuildSummary[]>;
  readonly buildReport: (build: string) => Promise<BuildReport>;
  /** What the steps of a build wrote, all of it; of one step where `step` is given. */
  readonly buildLog: (build: string, options: { readonly step?: number }, watch: Watch) => AsyncIterable<BuildLogChunk>;
  /** Removes the record and the logs of a build that has ended, not its image. Gives its id. */
  readonly removeBuild: (build: string) => Promise<string>;
  /** Removes the records and logs of builds beyond the limits, but of none that is under way. Gives their ids. */
  readonly pruneBuilds: (request: PruneBuildsRequest) => Promise<readonly string[]>;
  readonly run: (request: RunRequest, watch: Watch, how?: RunHow) => Promise<Started>;
  readonly exec: (request: ExecRequest, watch: Watch) => Promise<Started>;
  readonly logs: (container: string, query: LogQuery, watch: Watch) => AsyncIterable<LogPiece>;
  readonly commit: (request: CommitRequest, watch: Watch) => Promise<{ readonly imageId: string }>;
  readonly changes: (container: string) => AsyncIterable<PathChange>;
  readonly images: (options: { readonly all: boolean }) => Promise<readonly ImageSummary[]>;
  readonly tag: (source: string, target: string) => Promise<void>;
  readonly removeImage: (image: string, options: { readonly force: boolean }) => Promise<readonly RemovedImage[]>;
  /** The moves of a tag, newest first. */
  readonly tagLog: (name: string) => Promise<readonly TagLogEntry[]>;
  /** Moves a tag back to where it led before, or to an image or build of its history. */
  readonly rollback: (name: string, to?: string) => Promise<RollbackOutcome>;
  readonly diffImages: (before: string, after: string) => Promise<ImageDiff>;
  readonly history: (image: string) => Promise<readonly HistoryStep[]>;
  /** Docker's JSON of an image or container. */
  readonly inspect: (
    name: string,
    type?: 'image' | 'container',
    /** `platform`: of an image of several platforms, this one. */
    options?: { readonly size?: boolean; readonly platform?: string },
  ) => Promise<Readonly<Record<string, unknown>>>;
  /** What two images are like as bases, and which one to take. */
  readonly compareBases: (request: CompareBasesRequest, watch: Watch) => Promise<BaseComparison>;
  /** Smaller bases that would do for what an image runs. */
  readonly adviseBase: (image: string) => Promise<BaseAdvice>;
  /** Puts the layers of an application onto another base. */
  readonly rebase: (request: RebaseRequest) => Promise<RebaseOutcome>;
  /**
   * What the newest build of exactly this Dockerfile left in layers and took; undefined when there is none. `opened`: the
   * files that containers of its image opened, as absolute paths, to find the packages that nothing used.
   */
  readonly measureBuild: (dockerfile: Uint8Array, opened?: readonly ByteString[]) => Promise<BuildMeasure | undefined>;
  /** Answers stand in the order of the queries; what cannot be reached is an answer with its reason. */
  readonly pinVersions: (request: PinRequest, watch: Watch) => Promise<readonly PinAnswer[]>;
  readonly makeBase: (request: BaseRequest, watch: Watch) => Promise<{ imageId: string; tags: readonly string[] }>;
  readonly check: (request: CheckRequest, watch: Watch) => Promise<CheckReport>;
  readonly usage: () => Promise<readonly UsageRow[]>;
  readonly usageItems: () => Promise<UsageItems>;
  /** Builds again what an image was built from, with other surroundings, and compares. @throws VERIFY_IMPOSSIBLE, VERIFY_CHANGED */
  readonly verifyBuild: (request: RebuildRequest, watch: Watch) => Promise<RebuildReport>;
  /** Makes a base image as `makeBase`, then again with other surroundings, and compares. */
  readonly verifyBase: (
    request: BaseVerifyRequest,
    watch: Watch,
  ) => Promise<VerifyReport & { readonly tags: readonly string[] }>;
  readonly locks: LockEngine;
  readonly cache: CacheEngine;
  readonly prune: (request: PruneRequest, watch: Watch) => Promise<PruneReport>;
  /** Removes everything in the store: images, containers, volumes, cache. */
  readonly reset: (watch: Watch) => Promise<void>;
}
