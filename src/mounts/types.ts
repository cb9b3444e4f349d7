import type { ByteStream, ByteString, Owner } from '../base/index.ts';
import type { PrivateFile, RootAttributes, UpperDirectories } from './protocol.ts';

export type MountErrorCode =
  /** A layer's tar does not have the size that it was indexed with. */
  | 'MOUNT_TAR_SIZE'
  /** More layers than overlay takes. */
  | 'MOUNT_LAYERS_MAX'
  /** The work directory was used before. */
  | 'MOUNT_WORK_IN_USE'
  /** A host that joined a namespace was asked to mount. */
  | 'MOUNT_JOINED'
  /** What is to be mounted is not below the directory that was named. */
  | 'MOUNT_SOURCE_MISSING'
  /** It is neither a file nor a directory. */
  | 'MOUNT_SOURCE_KIND'
  /** The host is closed, or ended by itself. */
  | 'MOUNT_HOST_CLOSED'
  /** The host failed in a way that has no code. */
  | 'MOUNT_HOST'
  /** The unpacking driver is in use and no place for trees was given. */
  | 'MOUNT_NO_TREES'
  /** setpriv or unshare is not installed. */
  | 'HOST_TOOL_MISSING'
  /** A layer holds what cannot be unpacked here (a device node in a user namespace). */
  | 'UNPACK_UNSUPPORTED'
  /** The index and its data contradict each other. */
  | 'UNPACK_INVALID';

/** How layers become visible: mounted as EROFS, or unpacked once each into a directory. */
export type MountDriver = 'erofs' | 'unpack';

/** A layer as it is mounted or unpacked: an index and the files that hold its data. */
export interface MountLayer {
  /** Its identity, the diffId of a layer: equal ones share a superblock or a tree. */
  readonly id: string;
  readonly indexPath: string;
  /** In the order of the index's device table; none for an index of metadata only. */
  readonly data: readonly MountData[];
}

export interface MountData {
  readonly path: string;
  /** The size that the file must have, in bytes. The kernel reads wrong bytes from another one without a word. */
  readonly sizeBytes?: number | undefined;
}

/** What the store knows of a layer (`Layer` of `layers` is one). */
export interface StoredLayer {
  readonly diffId: string;
  readonly indexPath: string;
  readonly tarPath: string;
  readonly tarSizeBytes: number;
  readonly expandedPath?: string | undefined;
}

/** A layer of the store as it is mounted: its tar, and its expanded sparse files where it has any. */
export function mountLayerOf(layer: StoredLayer): MountLayer {
  const tar = { path: layer.tarPath, sizeBytes: layer.tarSizeBytes };
  const data = layer.expandedPath === undefined ? [tar] : [tar, { path: layer.expandedPath }];
  return { id: layer.diffId, indexPath: layer.indexPath, data };
}

/** Where unpacked layers are kept. The store's derived directories are one. */
export interface TreeStore {
  /** The directory of a layer that was unpacked whole, and is held while this process runs. */
  find(id: string): Promise<string | undefined>;
  /** A place to unpack it at. */
  create(id: string): Promise<TreeDraft>;
}

/** A tree in the making; disposed without `commit` it is removed, with all that was unpacked. */
export interface TreeDraft extends AsyncDisposable {
  /** Does not exist yet. */
  readonly path: string;
  /** Moves it into place; returns where it lies then. When another process was faster, its tree is kept. */
  commit(): Promise<string>;
}

/** What an unpacked layer lacks: never silently. */
export interface LostEntries {
  /** The layer's id. */
  readonly layer: string;
  /** All of them; `entries` shows the first hundred. */
  readonly count: number;
  readonly entries: readonly LostEntry[];
}

/** A device node or an xattr that may not be made in this user namespace. */
export interface LostEntry {
  readonly path: ByteString;
  readonly what: string;
}

export interface MountHostOptions {
  /** A directory of this host alone for its mount points; made 0700. Nothing in it can be seen outside the namespace. */
  readonly mountDir: string;
  /** Force a driver (SHALE_MOUNTS). Default: what one mount in `probeDir` shows. */
  readonly driver?: MountDriver | undefined;
  /** A directory on the file system that holds indexes and tars. Needed without `driver`. */
  readonly probeDir?: string;
  /** Where the choice is kept until the next boot (the run directory). Without it every host tries anew. */
  readonly stateDir?: string;
  /** Needed by the unpacking driver. */
  readonly trees?: TreeStore | undefined;
  /** Mount by short names, as on kernels whose overlay takes no descriptors (Linux < 6.13). Default: what works here. */
  readonly byName?: boolean;
  /**
   * Which thread mounts: the caller's, which goes into the namespace for each request and waits there, or one of the host's
   * own. Default: the caller's, which saves the 30 ms and 10 MB of a thread, wherever it can come back (docs/decisions/0010).
   */
  readonly thread?: 'caller' | 'own';
  /** Hears of what a layer has and this process cannot make, once when the layer is unpacked. */
  readonly onLost?: (lost: LostEntries) => void;
  /** Overlay's own xattrs are `user.overlay.*`. Default: whether this process is in a user namespace. */
  readonly userXattrs?: boolean;
}

export interface RootfsRequest {
  /** Lowest first; none for `FROM scratch`. */
  readonly layers: readonly MountLayer[];
  /** Absent: the rootfs is read-only. */
  readonly upper?: UpperDirectories;
  /** What the chain's root directory looks like; given to a new upper. */
  readonly rootAttributes?: RootAttributes;
  /** For build steps and `run --rm`: nothing is synced, and the upper cannot be mounted again. Default false. */
  readonly volatile?: boolean;
}

/** A mounted rootfs; disposing unmounts it and removes its work directory, not its upper. Idempotent. */
export interface MountedRootfs extends AsyncDisposable {
  /** Where it is for programs that the host spawns. */
  readonly path: string;
  /** The same directory for every thread of this process, until this or the host is disposed: `/proc/self/fd/N`. */
  readonly access: string;
  /**
   * Leaves it mounted for as long as a process that was spawned with lifetime `own` lives in the namespace; neither
   * this handle nor the host unmounts it any more.
   */
  keep(): Promise<void>;
}

/** One file or directory that is mounted by itself; disposing unmounts it. Idempotent. */
export interface MountedPlace extends AsyncDisposable {
  /** Where it is for programs that the host spawns. */
  readonly path: string;
  /** The same for every thread of this process, until disposed: `/proc/self/fd/N`. */
  readonly access: string;
  readonly isDirectory: boolean;
}

/** `ignore` = /dev/null; `pipe` = a stream of the HostProcess; a number = this descriptor of ours. */
export type Stdio = 'ignore' | 'pipe' | number;

export interface SpawnRequest {
  /** A path, or a name that is looked up in PATH of `env`. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Descriptors 0, 1, 2, … of the program; everything else is closed. */
  readonly stdio: readonly Stdio[];
  /**
   * `step`: in a pid namespace of its own, with a /proc that fits, killed as a whole when this process ends in any way
   *         (kill -9 too) or the program itself ends;
   * `child`: the program alone is killed when this process or the host ends;
   * `own`: it lives on, and with it the namespace.
   */
  readonly lifetime: 'step' | 'child' | 'own';
  /** Start it inside this network namespace (a path valid in this process). */
  readonly networkNamespace?: string;
  /** False: stay in our process group, so that it may use our terminal. Default true: a session of its own. */
  readonly session?: boolean;
}

export interface HostEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface HostProcess {
  /** The program's own pid as this process sees it. */
  readonly pid: number;
  /** A piped output, by descriptor (1, 2, or more). It is read once, and to its end or the stream is returned from. */
  output(descriptor: number): ByteStream;
  /** Writes to the piped descriptor 0; resolves when the program takes more. @throws EPIPE */
  write(chunk: Uint8Array): Promise<void>;
  /** Closes the piped descriptor 0. */
  end(): void;
  /** Settles when it has ended. Outputs may still be read. */
  readonly ended: Promise<HostEnd>;
  /** Sends a signal to this very process, never to a later one of the same pid; false when it has ended. */
  kill(signal: NodeJS.Signals | number): boolean;
}

/**
 * A private mount namespace with a thread in it. What is mounted there can be seen by the programs that it spawns and
 * by nobody else, and vanishes with the last process in it, kill -9 of this one included.
 *
 * A host has one namespace: everything spawned with lifetime `own` keeps all of its mounts. So a container that
 * outlives its command gets a host of its own.
 */
export interface MountHost extends AsyncDisposable {
  readonly driver: MountDriver;
  /** Why layers are unpacked, where that was found out by trying. */
  readonly driverReason: string | undefined;
  /**
   * Mounts a stack of layers, with an upper or read-only.
   * @throws MOUNT_TAR_SIZE, MOUNT_LAYERS_MAX, MOUNT_WORK_IN_USE, MOUNT_JOINED, the kernel's errno, and what unpacking
   * throws.
   */
  mountRootfs(request: RootfsRequest): Promise<MountedRootfs>;
  /**
   * Mounts what `path` leads to below `directory` (as programs of the host see it), links resolved as in a chroot. It
   * stays that file or directory whatever is renamed or linked there afterwards.
   * @throws MOUNT_SOURCE_MISSING, MOUNT_SOURCE_KIND, MOUNT_JOINED
   */
  mountInside(directory: string, path: ByteString): Promise<MountedPlace>;
  /** Mounts a directory in memory with these files: nothing of them is ever on a disk. */
  mountFiles(files: readonly PrivateFile[]): Promise<MountedPlace>;
  /** Starts a program inside the namespace. @throws ENOENT, EACCES, HOST_TOOL_MISSING */
  spawn(request: SpawnRequest): Promise<HostProcess>;
}

/** The process whose namespace is joined; an Owner can never be mistaken for a later process of the same pid. */
export type JoinTarget = number | Owner;
