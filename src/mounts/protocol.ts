import type { ByteString } from '../base/index.ts';

/**
 * What main and the mount host say to each other: plain data, so that the host can be a worker thread (now) or a child
 * process that was re-executed inside a user namespace. Every request gets one reply with its number; events come
 * unasked. Descriptors are numbers: a worker shares them, a child would have to be sent them.
 */

/** A file that the host opens itself, or a descriptor that stays the sender's. */
export type FileSource = string | number;

/** A layer as EROFS index and data, in the order of the index's device table. */
export interface ErofsLayer {
  readonly kind: 'erofs';
  /** Names the layer within this host: equal keys are one superblock. */
  readonly key: string;
  readonly index: FileSource;
  readonly data: readonly LayerData[];
}

/** A data file; where the size is known it must match: the kernel reads wrong bytes without a word. */
export interface LayerData {
  readonly file: FileSource;
  readonly sizeBytes: number | undefined;
}

/** A layer that lies unpacked in a directory. */
export interface TreeLayer {
  readonly kind: 'tree';
  readonly key: string;
  readonly directory: string;
}

export type HostLayer = ErofsLayer | TreeLayer;

/** What the root directory of a rootfs looks like. */
export interface RootAttributes {
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** Names are byte strings; overlay's own are ignored. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

export interface UpperDirectories {
  /** Holds the changes; made when it is missing. */
  readonly upperDir: string;
  /** On the same file system. Must be new or empty: every mount has its own. */
  readonly workDir: string;
}

export interface MountRequest {
  /** Lowest first. */
  readonly layers: readonly HostLayer[];
  readonly upper?: UpperDirectories;
  /** Given to the upper's root before it is mounted. */
  readonly rootAttributes?: RootAttributes;
  /** Nothing is synced, and the upper cannot be mounted again. */
  readonly volatile: boolean;
  /** Overlay's own xattrs are `user.overlay.*` (user namespaces). */
  readonly userXattrs: boolean;
}

export interface MountReply {
  readonly mount: number;
  readonly path: string;
  /** Names the mount; main reads through `/proc/self/fd/N`. The host closes it with the unmount. */
  readonly fd: number;
}

/** A file that exists in memory only, in the host's namespace. */
export interface PrivateFile {
  /** One path component. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface PlaceReply extends MountReply {
  readonly isDirectory: boolean;
}

/** How long a spawned program lives (see MountHost.spawn). */
export type Lifetime = 'step' | 'child' | 'own';

export interface SpawnMessage {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** Descriptors 0, 1, 2, … of the program. */
  readonly stdio: readonly ('ignore' | number)[];
  readonly lifetime: Lifetime;
  readonly networkNamespace: string | undefined;
  readonly session: boolean;
}

export interface SpawnReply {
  readonly process: number;
  readonly pid: number;
  /** Names the process for good; main owns and closes it. */
  readonly pidfd: number;
}

/** The namespace to work in: a new one, or that of a running process. */
export type NamespaceChoice =
  | { readonly kind: 'new' }
  | { readonly kind: 'join'; readonly pid: number; readonly startTime: string | undefined };

export type Request =
  | {
      readonly kind: 'start';
      readonly namespace: NamespaceChoice;
      readonly mountDir: string;
      /** Do not try whether overlay takes descriptors. */
      readonly byName: boolean;
    }
  | { readonly kind: 'mount'; readonly request: MountRequest }
  | { readonly kind: 'mount-inside'; readonly directory: string; readonly path: ByteString }
  | { readonly kind: 'mount-files'; readonly files: readonly PrivateFile[] }
  | { readonly kind: 'unmount'; readonly mount: number }
  | { readonly kind: 'keep'; readonly mount: number }
  | { readonly kind: 'try-erofs'; readonly layer: ErofsLayer; readonly file: string }
  | { readonly kind: 'spawn'; readonly message: SpawnMessage }
  | { readonly kind: 'close' };

export interface StartReply {
  /** Overlay takes its layers by descriptor, detached mounts included (Linux ≥ 6.13). */
  readonly overlayByDescriptor: boolean;
}

/** The value of the reply to each kind of request. */
export interface ReplyValues {
  readonly start: StartReply;
  readonly mount: MountReply;
  readonly 'mount-inside': PlaceReply;
  readonly 'mount-files': PlaceReply;
  readonly unmount: null;
  readonly keep: null;
  readonly 'try-erofs': null;
  readonly spawn: SpawnReply;
  readonly close: null;
}

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
}

export interface Numbered {
  readonly number: number;
  readonly request: Request;
}

export type HostMessage =
  | { readonly kind: 'reply'; readonly number: number; readonly value: ReplyValues[keyof ReplyValues] }
  | { readonly kind: 'failed'; readonly number: number; readonly error: WireError }
  | {
      readonly kind: 'ended';
      readonly process: number;
      readonly code: number | undefined;
      readonly signal: NodeJS.Signals | undefined;
    };
