/** Volumes, and what is mounted into containers, as plain data. */

export type VolumeMount = BindMount | NamedVolume | AnonymousVolume | TmpfsMount;

interface MountCommon {
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /** How it was asked for: docker keeps `-v` in `Binds`, `--mount` in `Mounts`, `--tmpfs` in `Tmpfs`. */
  readonly flag?: 'volume' | 'mount' | 'tmpfs';
  /** The options of `-v` as given, `ro,z`. */
  readonly mode?: string;
}

export interface BindMount extends MountCommon {
  readonly kind: 'bind';
  /** Absolute, on this machine. */
  readonly source: string;
  /** Default `rprivate`. `shared` ones are refused: nothing that a container mounts reaches the machine. */
  readonly propagation?: 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';
  /** Leave mounts below the source out. */
  readonly nonRecursive?: boolean;
  /** Read-only, but not the mounts below it. */
  readonly writableBelow?: boolean;
  /** Read-only with all mounts below it, which is said here to be shown; it is so by default. */
  readonly readOnlyBelow?: boolean;
  /** An absent source is an error, not an empty folder that is made. */
  readonly mustExist?: boolean;
  readonly consistency?: string;
}

/** What a volume is made with. */
export interface VolumeSettings {
  readonly labels?: Readonly<Record<string, string>>;
  /** docker's local driver: `type`, `device` and `o`, as mount(8) takes them. */
  readonly options?: Readonly<Record<string, string>>;
}

export interface NamedVolume extends MountCommon {
  readonly kind: 'volume';
  readonly name: string;
  /** Do not fill a new volume with what the image has at the target. */
  readonly noCopy: boolean;
  /** A folder in the volume that is mounted alone. */
  readonly subpath?: string;
  /** Of a volume that is made for this. */
  readonly settings?: VolumeSettings;
}

export interface AnonymousVolume extends MountCommon {
  readonly kind: 'anonymous';
  readonly noCopy: boolean;
  readonly settings?: VolumeSettings;
}

export interface TmpfsMount extends MountCommon {
  readonly kind: 'tmpfs';
  readonly sizeBytes?: number;
  /** Octal mode bits; default 0o1777. */
  readonly permissions?: number;
  /** The options of `--tmpfs`, `size=1m,noexec`. */
  readonly options?: string;
}

/** What is mounted at a place of a container, as docker's `Mounts` shows it. */
export interface MountPoint {
  readonly Type: 'bind' | 'volume' | 'tmpfs';
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: 'local';
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

/** A volume of the store. */
export interface Volume {
  readonly name: string;
  /** Where its files lie. */
  readonly mountpoint: string;
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made for one container, without a name of its own. */
  readonly anonymous: boolean;
  /** Ids of the containers that have it. */
  readonly containers: readonly string[];
}

export interface CreateVolumeRequest extends VolumeSettings {
  /** 64 hex digits when absent. */
  readonly name?: string;
}

export interface PrunedVolumes {
  readonly names: readonly string[];
  readonly reclaimedBytes: number;
}

export interface VolumeOperations {
  /** One that is there already is given back as it is. @throws VOLUME_EXISTS when its settings differ. */
  readonly createVolume: (request: CreateVolumeRequest) => Promise<Volume>;
  /** By name. */
  readonly volumes: () => Promise<readonly Volume[]>;
  /** @throws VOLUME_NOT_FOUND */
  readonly inspectVolume: (name: string) => Promise<Volume>;
  /** @throws VOLUME_NOT_FOUND unless `force`, VOLUME_IN_USE */
  readonly removeVolume: (name: string, options: { readonly force: boolean }) => Promise<void>;
  /** Removes volumes that no container has: anonymous ones, or `all`; of those only what `matches`. */
  readonly pruneVolumes: (query: {
    readonly all: boolean;
    readonly matches?: (volume: Volume) => boolean;
  }) => Promise<PrunedVolumes>;
}
