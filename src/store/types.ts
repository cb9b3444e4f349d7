import type { Owner } from '../base/index.ts';
import type { Digest } from '../oci/index.ts';
import type { TimeMs } from './primitives.ts';
import type { Blobs, Derived, LayerRecords, Encodings } from './blob-types.ts';
import type { Images, ImageIndexes, Tags, Publication } from './image-types.ts';
import type { CacheRecords, Builds, StatCaches, Containers, Events, Leases } from './record-types.ts';
import type { CacheMounts } from './cache-mount-types.ts';
import type {
  CollectOptions,
  CollectReport,
  Usage,
  CheckOptions,
  CheckReport,
  RepairReport,
} from './maintenance-types.ts';

export type * from './primitives.ts';
export type * from './blob-types.ts';
export type * from './image-types.ts';
export type * from './record-types.ts';
export type * from './maintenance-types.ts';
export type * from './cache-mount-types.ts';

export interface StoreOptions {
  /** `$SHALE_HOME`: made with mode 0700 when it does not exist. */
  readonly root: string;
  /** Run state of this boot (mount points, sockets). Kept for callers; the store itself writes nothing there. */
  readonly runRoot?: string;
  readonly clock?: () => TimeMs;
  readonly randomBytes?: (count: number) => Uint8Array;
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
  | 'CACHE_MOUNT_IN_USE'
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
 * covered by its *session lease* until it is disposed, so a collection in another process leaves it alone. Opening
 * takes less than a millisecond: a server opens a handle for each request, so that what a request held ends with it.
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
  readonly cacheMounts: CacheMounts;
  readonly builds: Builds;
  readonly statCache: StatCaches;
  readonly containers: Containers;
  readonly events: Events;
  readonly leases: Leases;

  /** A folder of the store by its name (`volumes`, `cache-mounts`, `sources`, …), made (0700) when it is missing. */
  folder(name: StoreFolder): Promise<string>;
  /**
   * Removes what has this name in a folder whose content is not the store's own (a volume, a cache mount): out of sight
   * with one rename, then for good. False when there is none. The caller knows that nothing uses it.
   */
  removeFrom(folder: 'volumes' | 'cache-mounts' | 'sources', name: string): Promise<boolean>;

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

export type StoreFolder =
  | 'containers'
  | 'volumes'
  | 'cache-mounts'
  | 'build-logs'
  | 'sources'
  | 'trees'
  | 'index'
  | 'networks';
