import type { ByteString, Owner } from '../base/index.ts';
import type { DiffId, Digest } from '../oci/index.ts';
import type { Json, TimeMs } from './primitives.ts';

export interface CacheRecord {
  readonly id: number;
  /** Hex. Several keys (fast and content ones) lead to one result. */
  readonly keys: readonly string[];
  /** The step's place, whatever its inputs: Dockerfile path + target + step. For `findNearest`. */
  readonly slot: string;
  readonly result: Json;
  /** The layers that the result needs; they live as long as the record. */
  readonly diffIds: readonly DiffId[];
  /** Other blobs that it needs. */
  readonly blobs: readonly Digest[];
  /** What the key was made of, for `explain`. */
  readonly inputs: Json;
  readonly sizeBytes: number;
  /** What making it took. */
  readonly costMs: number;
  readonly uses: number;
  readonly createdAt: TimeMs;
  readonly lastUsedAt: TimeMs;
  /** False for imported records until `trust`. */
  readonly trusted: boolean;
}

export interface NewCacheRecord {
  readonly keys: readonly string[];
  readonly slot: string;
  readonly result: Json;
  readonly diffIds?: readonly DiffId[];
  readonly blobs?: readonly Digest[];
  readonly inputs?: Json;
  readonly sizeBytes?: number;
  readonly costMs?: number;
  readonly trusted?: boolean;
}

export interface CacheRecords {
  /** The record of a key; counts the use and holds what it reaches. Untrusted ones are given too: look at `trusted`. */
  find(key: string): Promise<CacheRecord | undefined>;
  /**
   * Stores a result and gives the record that counts from now on: where one of the keys has a trusted record already,
   * that one stays (two builders of one step agree on the first result) and takes the new keys, unless `replace`.
   */
  put(record: NewCacheRecord, options?: { readonly replace?: boolean }): Promise<CacheRecord>;
  /** One more key for a record. */
  addKey(id: number, key: string): Promise<void>;
  /** One more blob that a record needs. Nothing happens where it has it, or where the record is gone. */
  addBlob(id: number, blob: Digest): Promise<void>;
  trust(id: number): Promise<void>;
  remove(id: number): Promise<void>;
  /** Earlier records of the same place, newest first. */
  findNearest(slot: string, limit?: number): Promise<readonly CacheRecord[]>;
  list(): Promise<readonly CacheRecord[]>;
}

/** `interrupted`: recorded as running, but its process is gone. */
export type BuildStatus = 'running' | 'done' | 'error' | 'canceled' | 'interrupted';

export interface BuildRecord {
  /** `b` and 10 base32 characters. */
  readonly id: string;
  /** What was built, for people: the tag or the context's name. */
  readonly name: string;
  readonly status: BuildStatus;
  readonly startedAt: TimeMs;
  readonly endedAt?: TimeMs | undefined;
  readonly dockerfileDigest?: Digest | undefined;
  readonly imageId?: Digest | undefined;
  /** Options, arguments, platform, error: whatever the builder wants to keep. Never a secret. */
  readonly details: Json;
}

export interface BuildStepRecord {
  readonly number: number;
  readonly name: string;
  readonly status: 'running' | 'cached' | 'done' | 'error' | 'canceled';
  readonly key?: string | undefined;
  readonly slot?: string | undefined;
  readonly inputs?: Json;
  readonly diffId?: DiffId | undefined;
  readonly startedAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  readonly fetched?: readonly FetchedUrl[];
  /** Anything more: exit code, the explanation of a miss. */
  readonly details?: Json;
}

export interface FetchedUrl {
  /** Redacted: no user information, no secrets. */
  readonly url: string;
  readonly digest?: Digest | undefined;
  readonly sizeBytes?: number | undefined;
}

/** How many builds are kept, and for how long; what is absent is no limit. */
export interface BuildLimits {
  readonly kept?: number;
  readonly logBytesMax?: number;
  /** Builds that began earlier go. */
  readonly startedBefore?: TimeMs;
}

export interface Builds {
  /** A new record, `running`, owned by this process. Gives its id. */
  start(build: { readonly name: string; readonly dockerfileDigest?: Digest; readonly details?: Json }): Promise<string>;
  /** Writes one step, replacing what was there under its number. */
  putStep(id: string, step: BuildStepRecord): Promise<void>;
  putSteps(id: string, steps: readonly BuildStepRecord[]): Promise<void>;
  finish(
    id: string,
    end: { readonly status: 'done' | 'error' | 'canceled'; readonly imageId?: Digest; readonly details?: Json },
  ): Promise<void>;
  /** By id, unique prefix of one, or `latest`. @throws NAME_AMBIGUOUS */
  find(name: string): Promise<BuildRecord | undefined>;
  /** The newest build that made this image. */
  findByImage(id: Digest): Promise<BuildRecord | undefined>;
  steps(id: string): Promise<readonly BuildStepRecord[]>;
  count(): Promise<number>;
  /** Newest first. */
  list(limit?: number): Promise<readonly BuildRecord[]>;
  /** Where the log of a step lies; its folder exists after `start`. */
  logPath(id: string, step: number): string;
  /** Removes builds beyond the limits with their logs, but none that is under way. Gives their ids. */
  prune(limits: BuildLimits): Promise<readonly string[]>;
  remove(id: string): Promise<void>;
}

/** What lstat says of a file; nanoseconds since 1970. */
export interface FileStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly mode: bigint;
}

export interface StatCaches {
  /** The cache of one context root; empty when there is none or it is damaged. `rootId` is any text. */
  load(rootId: string): Promise<StatCache>;
  /**
   * Replaces the cache of a root by what a sweep has seen. Files whose times are not older than the sweep are left out, since
   * they may have changed again within the same time stamp.
   */
  save(rootId: string, seen: SeenFiles): Promise<void>;
}

/** What a sweep has seen of the files below a root. */
export interface SeenFiles {
  readonly startedAtMs: TimeMs;
  /** Those whose digest is known, made while they are asked for; can be asked for again. */
  readonly files: Iterable<SeenFile>;
}

export interface SeenFile {
  readonly path: ByteString;
  readonly stat: FileStat;
  /** 32 bytes over the content. */
  readonly sha256: Uint8Array;
}

export interface StatCache {
  readonly count: number;
  /** The sha256 (32 bytes) of the file's content when nothing about it has changed. A view: copy to keep it. */
  find(path: ByteString, stat: FileStat): Uint8Array | undefined;
}

export interface ContainerRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly imageId?: Digest | undefined;
  readonly diffIds: readonly DiffId[];
  /** Named volumes in use. */
  readonly volumes: readonly string[];
  readonly config: Json;
  readonly state: Json;
  /** Running now, for `system df` and prune; the engine keeps it right. */
  readonly active: boolean;
  readonly createdAt: TimeMs;
  /** The process that looks after it, where there is one. */
  readonly owner?: Owner | undefined;
}

export type ContainerChange = Partial<Omit<ContainerRecord, 'id' | 'createdAt'>>;

export type EventAttributes = Readonly<Record<string, string>>;

/** What happened to a container, as the event table has it. */
export interface ContainerEventOf {
  readonly action: string;
  readonly attributes: EventAttributes;
}

export interface Containers {
  /**
   * Takes name and id at once and makes `containers/<id>`. `durable`: default true; `later`: the caller reports it done after
   * `settle` only. @throws CONTAINER_EXISTS
   */
  create(
    container: Omit<ContainerRecord, 'createdAt'> & { readonly createdAt?: TimeMs },
    options?: { readonly durable?: boolean | 'later'; readonly attributes?: EventAttributes },
  ): Promise<ContainerRecord>;
  /** Resolves when all that was written to records until now is on disk. @throws STORE_IO */
  settle(): Promise<void>;
  /** By whole id, name, or unique id prefix, in that order. @throws NAME_AMBIGUOUS */
  find(name: string): Promise<ContainerRecord | undefined>;
  /** @throws CONTAINER_NOT_FOUND */
  get(name: string): Promise<ContainerRecord>;
  /** Newest first. `activeOr`: only those that are active, or whose config has this text in its JSON. */
  list(options?: { readonly activeOr?: string }): Promise<readonly ContainerRecord[]>;
  /**
   * Reads, changes and writes in one transaction; `change` sees the record as it is and must not wait. What it throws
   * leaves the record as it was; `undefined` too. The event of the change is appended with it, or not at all.
   */
  update(
    id: string,
    change: (record: ContainerRecord) => ContainerChange | undefined,
    event?: ContainerEventOf,
  ): Promise<ContainerRecord>;
  /** Removes the record, then its folder; appends `events` with it. `durable`: default true. */
  remove(
    id: string,
    options?: { readonly durable?: boolean; readonly events?: readonly ContainerEventOf[] },
  ): Promise<void>;
  /** `containers/<id>` */
  folder(id: string): string;
}

export interface EventRecord {
  readonly seq: number;
  readonly at: TimeMs;
  /** `container`, `image`, `tag`, `volume`, … */
  readonly type: string;
  readonly action: string;
  /** Of what: container id, image id, name. */
  readonly subject: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Events {
  /** Gives its sequence number: later events have greater ones. Tag moves and container creations append by themselves. */
  append(
    event: Omit<EventRecord, 'seq' | 'at' | 'attributes'> & { readonly attributes?: Readonly<Record<string, string>> },
  ): Promise<number>;
  since(seq: number, limit?: number): Promise<readonly EventRecord[]>;
  /** 0 when there was none yet. */
  latest(): Promise<number>;
  /** Events after `seq`, also those of other processes, until `signal` aborts. */
  follow(seq: number, options: { readonly signal: AbortSignal; readonly pollMs?: number }): AsyncIterable<EventRecord>;
}

/** `blob` holds one blob; `layer` a diffId with tar, encodings and derived files; `image` all that an image reaches. */
export type LeaseResource =
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'layer'; readonly digest: Digest }
  | { readonly kind: 'image'; readonly digest: Digest }
  | { readonly kind: 'derived'; readonly digest: Digest }
  | { readonly kind: 'container'; readonly id: string };

export interface LeaseRecord {
  readonly id: string;
  readonly owner: Owner;
  /** After this it does not count, whether its owner lives or not. */
  readonly expiresAt?: TimeMs | undefined;
  readonly alive: boolean;
  readonly resources: readonly LeaseResource[];
}

/** Holds resources against collection until it is disposed, its time is over or its process ends. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  hold(resources: readonly LeaseResource[]): Promise<void>;
  renew(expiresAt: TimeMs): Promise<void>;
}

export interface Leases {
  create(options?: { readonly expiresAt?: TimeMs }): Promise<Lease>;
  /** Holds for as long as this store handle is open (its session lease). */
  hold(resources: readonly LeaseResource[]): Promise<void>;
  /** As `hold`, for what is only read: it goes on without where the disk is full or the store read-only. */
  holdForReading(resources: readonly LeaseResource[]): Promise<void>;
  /** True for what this handle holds, by name: a blob of an image that is held is another name. */
  holds(resource: LeaseResource): boolean;
  /**
   * Until it is disposed `release` lets go of nothing: for an operation that relies on what this handle holds, while others of
   * the same handle come to their end.
   */
  keep(): Disposable;
  /**
   * Ends the session lease early; the next hold begins a new one. For the end of a command, when all that it made is
   * tagged or recorded: so that a collection by this very handle may take what it looked at. While somebody keeps the
   * lease nothing happens, and the collection takes less.
   */
  release(): Promise<void>;
  list(): Promise<readonly LeaseRecord[]>;
}
