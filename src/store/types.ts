import type { ByteString, Owner } from '../base/index.ts';
import type { DiffId, Digest, Platform } from '../oci/index.ts';

/** What a record may hold: plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** Milliseconds since 1970, as `Date.now()` gives them. */
export type TimeMs = number;

/** What the store asks of the operating system that Node does not have. Each part has a correct fallback. */
export interface NativeStoreCalls {
  /** Starts writing the pages of a range to disk without waiting (sync_file_range, SYNC_FILE_RANGE_WRITE). */
  startWriteback?(fd: number, offset: number, length: number): void;
}

export interface StoreOptions {
  /** `$SHALE_HOME`: made with mode 0700 when it does not exist. */
  readonly root: string;
  /** Run state of this boot (mount points, sockets). Kept for callers; the store itself writes nothing there. */
  readonly runRoot?: string;
  readonly clock?: () => TimeMs;
  readonly randomBytes?: (count: number) => Uint8Array;
  readonly native?: NativeStoreCalls;
  /** Never writes, and fails with STORE_NOT_FOUND where there is no store. Set by itself on a read-only mount. */
  readonly readOnly?: boolean;
  /** Who holds what this handle leases; `thisOwner()` unless a test says otherwise. */
  readonly owner?: Owner;
  /** How long a write waits for other processes before it fails with STORE_BUSY. Default 30,000. */
  readonly busyTimeoutMs?: number;
}

export type StoreErrorCode =
  | 'STORE_NOT_FOUND'
  | 'STORE_FOREIGN'
  | 'STORE_CLOSED'
  | 'STORE_TOO_NEW'
  | 'STORE_DAMAGED'
  | 'STORE_READ_ONLY'
  | 'STORE_BUSY'
  | 'STORE_IN_USE'
  | 'STORE_IO'
  | 'NO_SPACE'
  | 'DURABILITY_FAILED'
  | 'BLOB_NOT_FOUND'
  | 'BLOB_CORRUPT'
  | 'BLOB_TOO_LARGE'
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'INGEST_BUSY'
  | 'INGEST_CLOSED'
  | 'IMAGE_NOT_FOUND'
  | 'TAG_NOT_FOUND'
  | 'CACHE_RECORD_NOT_FOUND'
  | 'BUILD_NOT_FOUND'
  | 'CONTAINER_NOT_FOUND'
  | 'CONTAINER_EXISTS'
  | 'NAME_AMBIGUOUS'
  | 'LEASE_NOT_FOUND'
  | 'COLLECT_REFUSED';

/**
 * An open store. Any number of processes may have one open at once; every method is safe to call from all of them.
 * Writes are short transactions that retry while another process writes, so every method that writes is asynchronous.
 * Whatever this handle creates or finds through `blobs.find`, `blobs.commit`, `derived.find` and `cacheRecords.find` is
 * covered by its *session lease* until it is disposed, so a collection in another process leaves it alone.
 */
export interface Store extends AsyncDisposable {
  readonly root: string;
  readonly runRoot: string | undefined;
  readonly readOnly: boolean;
  readonly owner: Owner;
  readonly blobs: Blobs;
  readonly derived: Derived;
  readonly layers: LayerRecords;
  readonly encodings: Encodings;
  readonly images: Images;
  readonly indexes: ImageIndexes;
  readonly tags: Tags;
  readonly cacheRecords: CacheRecords;
  readonly builds: Builds;
  readonly statCache: StatCaches;
  readonly containers: Containers;
  readonly events: Events;
  readonly leases: Leases;

  /** A folder of the store by its name (`volumes`, `cache-mounts`, `sources`, …), made (0700) when it is missing. */
  folder(name: StoreFolder): Promise<string>;

  /**
   * Brings blobs to disk: fdatasync of those not yet synced, in parallel, then one fsync of their directory.
   * @throws DURABILITY_FAILED when the disk refuses one; that blob is then gone, so that a re-run makes it anew.
   */
  makeDurable(digests: Iterable<Digest>): Promise<void>;

  /**
   * The end of a command: makes everything that `result` reaches durable, then in one synchronous transaction writes
   * its records and moves its tags. When this returns, the result survives kill -9 and power loss; when it throws,
   * nothing of it is visible.
   */
  publish(result: Publication): Promise<void>;

  /** Deletes what nothing reaches. See `CollectOptions`; reports what it did and what it refused to do. */
  collect(options?: CollectOptions): Promise<CollectReport>;

  /** What `system df` shows. Never fails because something vanished meanwhile. */
  usage(): Promise<Usage>;

  /** Looks for damage without changing anything; works on a read-only store. `full` reads every byte. */
  check(options?: CheckOptions): Promise<CheckReport>;

  /** Mends what `check` finds; idempotent, safe to kill at any point. What it cannot mend is left in the report. */
  repair(options?: CheckOptions): Promise<RepairReport>;

  /** Empties the store. @throws STORE_IN_USE while another live process holds a lease, unless `force`. */
  reset(options?: { readonly force?: boolean }): Promise<void>;

  /**
   * Lets go of leases and descriptors as dispose does, but leaves the database unclosed, since closing costs an fsync
   * or two. For a process that calls `process.exit` next.
   */
  leave(): void;
}

export type StoreFolder = 'containers' | 'volumes' | 'cache-mounts' | 'build-logs' | 'sources' | 'trees' | 'index';

// ---------------------------------------------------------------------------------------------------------- blobs

export interface BlobStat {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  /** On disk for certain, not only in memory. */
  readonly synced: boolean;
}

export interface Blobs {
  /**
   * The committed blob, or undefined when it is not here or not whole. A blob whose file is not as it was recorded
   * (another size or time, written before a reboot and never synced) is verified by its digest first, so a damaged
   * one counts as absent and the next ingest of it repairs it.
   */
  find(digest: Digest): Promise<BlobStat | undefined>;
  /** As `find`. @throws BLOB_NOT_FOUND, and BLOB_CORRUPT when the bytes are there but wrong. */
  get(digest: Digest): Promise<BlobStat>;
  /** Where the blob lies or would lie. Says nothing about whether it is there. */
  path(digest: Digest): string;
  /** A read-only descriptor of a blob that `get` accepts; the caller closes it. */
  open(digest: Digest): Promise<OpenBlob>;
  /** The bytes of a small blob, verified. @throws BLOB_NOT_FOUND, BLOB_CORRUPT, BLOB_TOO_LARGE. */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /** The bytes of a blob as a stream that fails with BLOB_CORRUPT at its end when they do not match the digest. */
  stream(digest: Digest): AsyncIterable<Uint8Array>;
  /** Stores bytes that are in memory. */
  put(bytes: Uint8Array): Promise<Digest>;
  /** Starts a write. @throws INGEST_BUSY when another live writer has the `ref` and `wait` is not set. */
  createIngest(options?: IngestOptions): Promise<Ingest>;
  /**
   * The blob, made by `fill` when it is missing: whoever comes first (of all processes) fills, the others wait for it.
   * `fill` writes to the ingest, which may already hold the first `sizeBytes` of an interrupted attempt; it need not
   * commit.
   */
  ensure(
    digest: Digest,
    options: { readonly sizeBytes?: number; readonly signal?: AbortSignal },
    fill: (ingest: Ingest) => Promise<void>,
  ): Promise<BlobStat>;
  /** Reads the whole blob and compares: the digest's verdict now, whatever is recorded. */
  verify(digest: Digest): Promise<'whole' | 'corrupt' | 'missing'>;
  /** Every committed blob, by digest. */
  list(): Promise<readonly BlobStat[]>;
}

export interface OpenBlob extends AsyncDisposable {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface IngestOptions {
  /** Names the write, so that it can be resumed after a crash and is done by one writer at a time. */
  readonly ref?: string;
  readonly expectedDigest?: Digest;
  readonly expectedSizeBytes?: number;
  /** What to do with bytes that an interrupted ingest of the same ref left. Default `resume`. */
  readonly existing?: 'resume' | 'truncate';
  /** Wait for another writer of the same ref instead of failing with INGEST_BUSY. */
  readonly wait?: boolean;
  /** Hash while writing (default). With `false` the caller passes the digest to `commit`, or the file is read again. */
  readonly hash?: boolean;
  readonly signal?: AbortSignal;
}

/** A write in progress. Nothing of it can be seen until `commit`; dispose without commit discards it (see `keep`). */
export interface Ingest extends AsyncDisposable {
  /** Open for reading and writing. Whoever writes through it and not through `write` must use `hash: false`. */
  readonly fd: number;
  readonly path: string;
  /** Bytes written so far, including those of a resumed attempt. */
  readonly sizeBytes: number;
  /** Appends. Short writes are completed. @throws NO_SPACE, STORE_IO. */
  write(chunk: Uint8Array): Promise<void>;
  writeSync(chunk: Uint8Array): void;
  /** Cuts the write back to its first `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  /**
   * Moves the bytes into place and gives their digest. `digest` is taken as the truth when the ingest did not hash
   * itself, else compared. The same content twice is one blob, and no error; so is a second call. The blob is leased by
   * this handle before it becomes visible, and not yet durable (`publish`, `makeDurable`).
   * @throws DIGEST_MISMATCH, SIZE_MISMATCH (the bytes are then discarded), INGEST_CLOSED.
   */
  commit(digest?: Digest): Promise<Digest>;
  /** Closes without commit and leaves the bytes to be resumed by the same ref. */
  keep(): Promise<void>;
}

// -------------------------------------------------------------------------------------------------------- derived

/** A kind of derived file. A new version is a new name: files of other versions are never read, and collected. */
export interface DerivedKind {
  /** `[a-z0-9-]+`, also the extension of the file: `erofs`, `contents`, `expanded`, `tree`. */
  readonly name: string;
  readonly version: number;
  readonly folder: 'index' | 'trees';
  readonly type: 'file' | 'directory';
}

/** Files made from a layer (or a chain) by its digest: written once, never in place, evictable at any time. */
export interface Derived {
  /** Where it lies or would lie. */
  path(kind: DerivedKind, key: Digest): string;
  /**
   * Its path when it is there and can be trusted, and holds it for this session. A file written before a reboot is
   * verified by its checksum, a directory is not trusted.
   */
  find(kind: DerivedKind, key: Digest): Promise<string | undefined>;
  has(kind: DerivedKind, key: Digest): Promise<boolean>;
  /** Writes a file of this kind at once. When it is there already nothing happens. Returns its path. */
  write(kind: DerivedKind, key: Digest, bytes: Uint8Array, options?: DerivedOptions): Promise<string>;
  /** A private path to make a file or directory at; `commit` moves it into place, dispose removes it. */
  create(kind: DerivedKind, key: Digest, options?: DerivedOptions): Promise<DerivedDraft>;
  /** Removes it; false when it was not there. The caller knows that nothing uses it. */
  evict(kind: DerivedKind, key: Digest): Promise<boolean>;
  list(): Promise<readonly DerivedRecord[]>;
}

export interface DerivedOptions {
  /** The layers it is made of; it is kept while all of them are reachable. Default: `key` itself. */
  readonly layers?: readonly DiffId[];
}

export interface DerivedDraft extends AsyncDisposable {
  /** Does not exist yet; make a file or a directory there, as the kind says. */
  readonly path: string;
  /** Returns the path in place. `synced`: the caller has brought it to disk, so it is trusted after a reboot too. */
  commit(options?: { readonly synced?: boolean }): Promise<string>;
}

export interface DerivedRecord {
  readonly kind: string;
  readonly version: number;
  readonly key: Digest;
  readonly path: string;
  readonly sizeBytes: number;
}

// ------------------------------------------------------------------------------------------- layers and encodings

/** A layer by its diffId. Its tar may be absent (lazy): then `sources` say where its bytes can be had. */
export interface LayerRecord {
  readonly diffId: DiffId;
  /** Size of the uncompressed tar; undefined when not known yet. */
  readonly sizeBytes?: number | undefined;
  readonly sources: readonly LayerSource[];
}

export interface LayerSource {
  /** `registry.example/name`, without tag or digest. */
  readonly repository: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

export interface LayerRecords {
  find(diffId: DiffId): Promise<LayerRecord | undefined>;
  /** Adds what is not known yet; sources are joined, a known size stays. */
  put(record: LayerRecord): Promise<void>;
}

/** One compressed form of a layer. */
export interface Encoding {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** Who made these bytes: `node-zlib/1.3.1/gzip-6`, or `foreign` for pulled ones. */
  readonly compressor: string;
}

export interface Encodings {
  list(diffId: DiffId): Promise<readonly Encoding[]>;
  /** The layer that a compressed blob holds, as far as this store has seen it decompressed. */
  findLayer(digest: Digest): Promise<{ readonly diffId: DiffId; readonly encoding: Encoding } | undefined>;
  /** Says that `encoding` decompresses to `diffId`: call it only after having seen so. Idempotent. */
  add(diffId: DiffId, encoding: Encoding): Promise<void>;
  remove(diffId: DiffId, digest: Digest): Promise<void>;
}

// --------------------------------------------------------------------------------------------------------- images

/** An image, identified by the digest of its config. A root of collection until it is removed, tagged or not. */
export interface ImageRecord {
  readonly id: Digest;
  readonly platform: Platform;
  readonly diffIds: readonly DiffId[];
  /** The config's `created`, as written there. */
  readonly created?: string | undefined;
  /** Built here, as against pulled or loaded: never replaced silently. */
  readonly madeHere: boolean;
  /** Sum of the tars' sizes, where known. */
  readonly sizeBytes?: number | undefined;
  /** Manifests whose config this is, one per encoding. */
  readonly manifests: readonly ImageManifestRecord[];
  readonly addedAt: TimeMs;
}

export interface ImageManifestRecord {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** The repositories where it is known to be (`registry.example/name`): Docker's RepoDigests. */
  readonly repositories: readonly string[];
}

export interface NewImage extends Omit<ImageRecord, 'addedAt'> {
  readonly addedAt?: TimeMs;
}

export interface Images {
  find(id: Digest): Promise<ImageRecord | undefined>;
  /** @throws IMAGE_NOT_FOUND */
  get(id: Digest): Promise<ImageRecord>;
  /** By at least 2 hex digits. @throws NAME_AMBIGUOUS */
  findByPrefix(hexPrefix: string): Promise<ImageRecord | undefined>;
  /** The image of a manifest digest. */
  findByManifest(digest: Digest): Promise<ImageRecord | undefined>;
  /** Newest first. */
  list(): Promise<readonly ImageRecord[]>;
  /** Adds or merges (manifests and repositories are joined; `madeHere` stays true). Not durable: see `publish`. */
  put(image: NewImage): Promise<void>;
  /** Removes the record and its tags, durably; blobs go with the next collection. @throws IMAGE_NOT_FOUND */
  remove(id: Digest): Promise<void>;
}

/** An image index (several platforms) as a record; its bytes are a blob. */
export interface ImageIndexRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly entries: readonly ImageIndexEntry[];
  readonly repositories: readonly string[];
  readonly addedAt: TimeMs;
}

export interface ImageIndexEntry {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly platform?: Platform | undefined;
  /** The image, where it is in this store. */
  readonly imageId?: Digest | undefined;
}

export interface ImageIndexes {
  find(digest: Digest): Promise<ImageIndexRecord | undefined>;
  list(): Promise<readonly ImageIndexRecord[]>;
  put(record: Omit<ImageIndexRecord, 'addedAt'>): Promise<void>;
  remove(digest: Digest): Promise<void>;
}

export type TagTarget =
  | { readonly kind: 'image'; readonly digest: Digest }
  | { readonly kind: 'index'; readonly digest: Digest };

export interface TagRecord {
  /** The whole normalised reference, `docker.io/library/alpine:3.20`. The store does not interpret it. */
  readonly name: string;
  readonly target: TagTarget;
  readonly movedAt: TimeMs;
}

export interface TagMove {
  readonly name: string;
  readonly from: TagTarget | undefined;
  readonly to: TagTarget | undefined;
  readonly at: TimeMs;
  /** The command that did it: `build b…`, `pull`, `tag`, `rmi`. */
  readonly reason: string;
}

export interface Tags {
  find(name: string): Promise<TagRecord | undefined>;
  /** @throws TAG_NOT_FOUND */
  get(name: string): Promise<TagRecord>;
  /** By name. */
  list(): Promise<readonly TagRecord[]>;
  of(target: Digest): Promise<readonly TagRecord[]>;
  /** Durable. @throws IMAGE_NOT_FOUND when the target has no record. */
  set(name: string, target: TagTarget, reason: string): Promise<void>;
  /** Durable; false when there was none. */
  remove(name: string, reason: string): Promise<boolean>;
  /** Newest first. */
  log(name: string): Promise<readonly TagMove[]>;
}

export interface Publication {
  readonly images?: readonly NewImage[];
  readonly indexes?: readonly Omit<ImageIndexRecord, 'addedAt'>[];
  readonly tags?: readonly { readonly name: string; readonly target: TagTarget }[];
  /** More blobs to make durable, beside what images and indexes reach (config, manifests, tars, encodings). */
  readonly blobs?: readonly Digest[];
  /** For the tags' history. */
  readonly reason: string;
}

// ---------------------------------------------------------------------------------------------------- action cache

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
  trust(id: number): Promise<void>;
  remove(id: number): Promise<void>;
  /** Earlier records of the same place, newest first. */
  findNearest(slot: string, limit?: number): Promise<readonly CacheRecord[]>;
  list(): Promise<readonly CacheRecord[]>;
}

// ---------------------------------------------------------------------------------------------------------- builds

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
  /** Newest first. */
  list(limit?: number): Promise<readonly BuildRecord[]>;
  /** Where the log of a step lies; its folder exists after `start`. */
  logPath(id: string, step: number): string;
  remove(id: string): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------ stat cache

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
  /** Replaces the cache of a root by what `next` holds. */
  save(rootId: string, next: StatCacheBuilder): Promise<void>;
  /**
   * A builder for the sweep that begins now: entries whose times are not older than that are left out at `save`, since
   * the file may have changed again within the same time stamp.
   */
  next(sweepStartedAtMs: TimeMs): StatCacheBuilder;
}

export interface StatCache {
  readonly count: number;
  /** The sha256 (32 bytes) of the file's content when nothing about it has changed. A view: copy to keep it. */
  find(path: ByteString, stat: FileStat): Uint8Array | undefined;
}

export interface StatCacheBuilder {
  readonly count: number;
  add(path: ByteString, stat: FileStat, sha256: Uint8Array): void;
}

// ------------------------------------------------------------------------------------------ containers and events

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

export interface Containers {
  /** Takes name and id at once and makes `containers/<id>`. @throws CONTAINER_EXISTS. `durable`: default true. */
  create(
    container: Omit<ContainerRecord, 'createdAt'> & { readonly createdAt?: TimeMs },
    options?: { readonly durable?: boolean },
  ): Promise<ContainerRecord>;
  /** By whole id, name, or unique id prefix, in that order. @throws NAME_AMBIGUOUS */
  find(name: string): Promise<ContainerRecord | undefined>;
  /** @throws CONTAINER_NOT_FOUND */
  get(name: string): Promise<ContainerRecord>;
  /** Newest first. */
  list(): Promise<readonly ContainerRecord[]>;
  /** Reads, changes and writes in one transaction; `change` sees the record as it is and must not wait. */
  update(id: string, change: (record: ContainerRecord) => ContainerChange): Promise<ContainerRecord>;
  /** Removes the record, then its folder. */
  remove(id: string): Promise<void>;
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

// ----------------------------------------------------------------------------------------------------------- leases

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
  list(): Promise<readonly LeaseRecord[]>;
}

// ------------------------------------------------------------------------------------------ collection, usage, check

export interface CollectOptions {
  /** Stop after this much time; the rest next time. Default: no limit. */
  readonly budgetMs?: number;
  /** Cache records live within this many bytes; 0 removes them all. Default: all stay. */
  readonly maxCacheBytes?: number;
  /** Cache records last used before this go, whatever the size. */
  readonly cacheUnusedSince?: TimeMs;
  /** Remove image records without a tag, and not used by a container, too (`image prune`; `all`: also tagged ones). */
  readonly images?: 'keep' | 'untagged' | 'all';
  /** Delete even though a manifest cannot be read, and what it might reach is lost with it. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
}

export interface CollectReport {
  readonly deletedBlobs: number;
  readonly deletedDerived: number;
  readonly deletedRecords: number;
  readonly deletedImages: readonly Digest[];
  readonly freedBytes: number;
  /** False when the budget ran out. */
  readonly complete: boolean;
  /** Manifests that could not be read: as long as there are any, no blob is deleted (COLLECT_REFUSED at the edge). */
  readonly unreadable: readonly Digest[];
  /** Files that the system did not let us delete. */
  readonly failures: readonly { readonly path: string; readonly message: string }[];
}

export interface UsageLine {
  readonly count: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
}

export interface Usage {
  readonly images: UsageLine;
  readonly containers: UsageLine;
  readonly volumes: UsageLine;
  readonly buildCache: UsageLine;
  readonly perImage: readonly {
    readonly id: Digest;
    readonly sizeBytes: number;
    readonly sharedBytes: number;
    readonly uniqueBytes: number;
    readonly containers: number;
  }[];
  /** Indexes and trees: rebuilt at need. */
  readonly derivedBytes: number;
}

export interface CheckOptions {
  /** Hash every blob and every derived file, and check the whole database. */
  readonly full?: boolean;
  readonly signal?: AbortSignal;
}

export type ProblemCode =
  | 'STORE_MODE'
  | 'DATABASE_DAMAGED'
  | 'BLOB_TRUNCATED'
  | 'BLOB_GROWN'
  | 'BLOB_CORRUPT'
  | 'BLOB_MISSING'
  | 'BLOB_NOT_A_FILE'
  | 'BLOB_UNREADABLE'
  | 'MANIFEST_UNREADABLE'
  | 'TAG_DANGLING'
  | 'INDEX_STALE'
  | 'INDEX_MISSING'
  | 'INDEX_UNMANAGED'
  | 'CACHE_RECORD_BROKEN'
  | 'CONTAINER_FOLDER_MISSING'
  | 'CONTAINER_FOLDER_UNMANAGED';

export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly digest?: Digest | undefined;
  readonly path?: string | undefined;
  /** Image ids that cannot be used, or not wholly, because of it. */
  readonly images: readonly Digest[];
  /** What `repair` does about it; `refetch`: only a pull or build can. */
  readonly remedy: 'remove' | 'rebuild' | 'refetch' | 'none';
}

export interface CheckReport {
  readonly problems: readonly Problem[];
  readonly blobsChecked: number;
  readonly bytesChecked: number;
}

export interface RepairReport extends CheckReport {
  readonly repaired: readonly Problem[];
  readonly remaining: readonly Problem[];
}
