import type { ByteString } from '../base/index.ts';
import type { ContainerConfig, DiffId, Platform } from '../oci/index.ts';

declare const vertexIdBrand: unique symbol;

/** 64 hex digits over op, input ids and platform: equal ids are equal definitions. Made by `vertexId` only. */
export type VertexId = string & { readonly [vertexIdBrand]: true };

/** Lines of a file, counted from 1, both ends included. */
export interface SourceRange {
  readonly file: string;
  readonly firstLine: number;
  readonly lastLine: number;
}

/**
 * One step of a build. What it does, and nothing else, is in `op`, `inputs` and `platform`, which make its id; every
 * other field is for people, for explanations or for scheduling, and may differ between equal ids.
 */
export interface Vertex {
  readonly id: VertexId;
  readonly op: Op;
  /** The vertices whose results the op reads; what each one is, the op says. */
  readonly inputs: readonly VertexId[];
  readonly platform: Platform;
  /** As progress shows it: `[build 2/5] RUN make`. */
  readonly name: string;
  /** The lines that it comes from; for an ONBUILD trigger, those of the FROM. */
  readonly origin: readonly SourceRange[];
  /** The stage's name, or `stage-N`; absent where the Dockerfile has one unnamed stage. */
  readonly stage?: string;
  /** True when no earlier result may be used for it. */
  readonly noCache: boolean;
  /** The same for "the same step" of an edited Dockerfile, so that a miss can be explained against the last build. */
  readonly slot: string;
  /** The instruction as history tells it, expanded, without the `# buildkit` mark. */
  readonly command: string;
  /**
   * Environment of an exec that is neither part of its identity nor of the image: proxy build arguments that the
   * Dockerfile does not declare.
   */
  readonly unkeyedEnv?: readonly string[];
  /** What the Dockerfile has set where the step stands, for whoever looks into its result; absent for what is no stage's. */
  readonly surroundings?: Surroundings;
}

/** What a program started on a step's result finds around it. */
export type Surroundings = Pick<ContainerConfig, 'Env' | 'WorkingDir' | 'User' | 'Shell'>;

/** A build as plain data. Vertices stand in an order in which inputs come before their users. */
export interface Graph {
  readonly vertices: ReadonlyMap<VertexId, Vertex>;
}

export type Op = ImageOp | ScratchOp | ContextOp | HttpOp | GitOp | ExecOp | CopyOp | MkdirOp | SquashOp;

/** The root filesystem of a base image. No inputs. Its content is the chain of `diffIds`, whatever its name. */
export interface ImageOp {
  readonly kind: 'image';
  /** Normalised, as `docker.io/library/busybox:latest`. */
  readonly reference: string;
  /** The manifest's digest, where the resolver knows one. */
  readonly digest?: string;
  /** Lowest layer first. */
  readonly diffIds: readonly DiffId[];
}

/** The empty root filesystem. No inputs. */
export interface ScratchOp {
  readonly kind: 'scratch';
}

/** Files given to the build: the main context (name ''), or a named one that is a directory. No inputs. */
export interface ContextOp {
  readonly kind: 'context';
  readonly name: string;
}

/** A file from a URL. No inputs; the result is a tree with that one file. */
export interface HttpOp {
  readonly kind: 'http';
  readonly url: string;
  readonly fileName: ByteString;
  readonly checksum?: string;
}

/** A tree from a git repository. No inputs. */
export interface GitOp {
  readonly kind: 'git';
  /** As written, with fragment or query. */
  readonly url: string;
  /** As the flag says; absent: as the address says. */
  readonly keepGitDir?: boolean;
  readonly checksum?: string;
}

/** Runs a process on `inputs[0]`, the root filesystem; further inputs are those that mounts name. */
export interface ExecOp {
  readonly kind: 'exec';
  readonly args: readonly string[];
  /** `NAME=value`, in the order in which they were set, each name once; ARG values among them. */
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** As in USER, resolved in the root filesystem; '' is root. */
  readonly user: string;
  readonly network: NetworkMode;
  readonly security: 'sandbox' | 'insecure';
  readonly mounts: readonly ExecMount[];
  readonly devices: readonly ExecDevice[];
  readonly hostname?: string;
  readonly extraHosts: readonly ExtraHost[];
  /** What the build says of its processes; absent: nothing. */
  readonly limits?: ExecLimits;
}

/** Limits that a program can see. Those of a cgroup are no part of a step: they decide how fast it ends, and whether. */
export interface ExecLimits {
  readonly ulimits: readonly ExecUlimit[];
  /** Of /dev/shm. */
  readonly shmSizeBytes?: number;
}

/** As setrlimit(2): `nofile`, …; -1 is no limit. */
export interface ExecUlimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export type NetworkMode = 'default' | 'none' | 'host';

export interface ExtraHost {
  readonly host: string;
  readonly ip: string;
}

/** A device by its CDI name. */
export interface ExecDevice {
  readonly name: string;
  readonly required: boolean;
}

/**
 * Targets of mounts are absolute and clean, or begin with `$HOME`: the home directory of the step's user, which is found
 * when the step runs. Paths below it are never absolute by themselves, so the two cannot be mistaken for each other.
 */
export type ExecMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount | InlineMount;

/** Part of another result or context, read-only unless `writable`; what is written to it is thrown away. */
export interface BindMount {
  readonly kind: 'bind';
  /** Index into the vertex's inputs. */
  readonly input: number;
  readonly source: ByteString;
  readonly target: ByteString;
  readonly writable: boolean;
}

/** A directory that outlives the build. */
export interface CacheMount {
  readonly kind: 'cache';
  readonly id: string;
  /** Index of the input that it starts from when new; absent: empty. */
  readonly input?: number;
  readonly source: ByteString;
  readonly target: ByteString;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly writable: boolean;
  /** What is written of the directory itself, all three as soon as one is; absent: it belongs to the step's user. */
  readonly owner?: { readonly mode: number; readonly uid: number; readonly gid: number };
}

export interface TmpfsMount {
  readonly kind: 'tmpfs';
  readonly target: ByteString;
  readonly writable: boolean;
  readonly sizeBytes?: number;
}

export interface SecretMount {
  readonly kind: 'secret';
  readonly id: string;
  /** Absent when it is only given as an environment variable. */
  readonly target?: ByteString;
  readonly env?: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SshMount {
  readonly kind: 'ssh';
  readonly id: string;
  readonly target: ByteString;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Files written in the Dockerfile, in a read-only directory at `target`: a RUN heredoc that starts with `#!`. */
export interface InlineMount {
  readonly kind: 'inline';
  readonly target: ByteString;
  readonly files: readonly InlineFile[];
}

export interface InlineFile {
  readonly name: ByteString;
  readonly content: string;
  readonly mode: number;
}

/**
 * Writes files onto `inputs[0]`, the root filesystem. Sources are handled in their order; missing directories of the
 * destination are made.
 */
export interface CopyOp {
  readonly kind: 'copy';
  readonly sources: readonly CopySource[];
  /** Absolute and clean; a slash at its end says "a directory". */
  readonly destination: ByteString;
  /** As in --chown, expanded; absent: 0:0. Names are looked up in `inputs[0]`. */
  readonly chown?: string;
  /** As in --chmod, expanded: octal digits or a symbolic mode. */
  readonly chmod?: string;
  /** True when the result must not depend on what `inputs[0]` holds (--link). */
  readonly link: boolean;
  /** Patterns as in --exclude, in their order, in .dockerignore's language, relative to each source. */
  readonly excludes: readonly string[];
}

export type CopySource = CopyTree | CopyParents | CopyFile | CopyInline;

/**
 * A file, directory or Go-glob pattern of a context or a stage. Links in the named path are followed; of a directory
 * the contents are copied. A name must exist; a pattern may match nothing.
 */
export interface CopyTree {
  readonly kind: 'tree';
  readonly input: number;
  /** Absolute in the source and clean, clamped to its root. */
  readonly path: ByteString;
  /** True when archives that it names are unpacked (ADD of local files). */
  readonly unpack: boolean;
}

/** --parents: what matches `pattern` below `root` keeps its path relative to `root`. */
export interface CopyParents {
  readonly kind: 'parents';
  readonly input: number;
  /** Absolute; may be a pattern. */
  readonly root: ByteString;
  /** Relative, in .dockerignore's language. */
  readonly pattern: string;
  /** The path that must exist; absent when wildcards are used. */
  readonly required?: ByteString;
  readonly unpack: boolean;
}

/** The file of an http input or the whole tree of a git input, taken literally. */
export interface CopyFile {
  readonly kind: 'fetched';
  readonly input: number;
  readonly path: ByteString;
  readonly unpack: boolean;
}

/** A heredoc. */
export interface CopyInline {
  readonly kind: 'inline';
  readonly file: InlineFile;
}

/** Makes a directory with its missing parents on `inputs[0]`, owned by `user` (WORKDIR). An existing one is kept. */
export interface MkdirOp {
  readonly kind: 'mkdir';
  readonly path: ByteString;
  readonly mode: number;
  /** As in USER, resolved in the root filesystem; '' is root. */
  readonly user: string;
}

/**
 * Makes one layer of those that `inputs[0]` has on top of `inputs[1]`: the same files on fewer layers. The layers of the
 * second are the lowest of the first.
 */
export interface SquashOp {
  readonly kind: 'squash';
}
