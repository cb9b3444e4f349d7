import type { Digest } from '../oci/index.ts';
import type { TimeMs } from './primitives.ts';
import type { BuildLimits } from './record-types.ts';

export interface CollectOptions {
  /** Stop after this much time; the rest next time. Default: no limit. */
  readonly budgetMs?: number;
  /** Cache records and cache mounts live within this many bytes; 0 removes all that is not in use. Default: all stay. */
  readonly maxCacheBytes?: number;
  /** Cache records last used before this go, whatever the size. */
  readonly cacheUnusedSince?: TimeMs;
  /** Cache mounts used since then go last: those of the build that has just ended. */
  readonly cacheFreshSince?: TimeMs;
  /** Remove image records without a tag, and not used by a container, too (`image prune`; `all`: also tagged ones). */
  readonly images?: 'keep' | 'untagged' | 'all';
  /** Delete even though a manifest cannot be read, and what it might reach is lost with it. */
  readonly force?: boolean;
  /** How many build records stay; 500, and logs of 1 GB, by default. */
  readonly builds?: BuildLimits;
  readonly signal?: AbortSignal;
}

export interface CollectReport {
  readonly deletedBlobs: number;
  readonly deletedDerived: number;
  readonly deletedRecords: number;
  readonly deletedCacheMounts: number;
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
  /** Cache records with what only they reach, and cache mounts. */
  readonly buildCache: UsageLine;
  /** The cache mounts among them. */
  readonly cacheMounts: UsageLine;
  readonly perImage: readonly {
    readonly id: Digest;
    readonly sizeBytes: number;
    readonly sharedBytes: number;
    readonly uniqueBytes: number;
    readonly containers: number;
  }[];
  readonly perVolume: readonly {
    readonly name: string;
    readonly sizeBytes: number;
    readonly containers: number;
  }[];
  /** Indexes and trees: rebuilt at need. */
  readonly derivedBytes: number;
}

export interface CheckOptions {
  /** Hash every blob and every derived file, and check the whole database (which `repair` does always). */
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
  | 'TAG_JOURNAL_STALE'
  | 'INDEX_STALE'
  | 'INDEX_MISSING'
  | 'INDEX_UNMANAGED'
  | 'CACHE_RECORD_BROKEN'
  | 'CONTAINER_FOLDER_MISSING'
  | 'CONTAINER_FOLDER_UNMANAGED';

export interface Problem {
  readonly code: ProblemCode;
  /**
   * `damage`: something that was reported done is not as it was. `leftover`: the remains of a kill or a power cut, or
   * something that is rebuilt at need; nothing uses it and the next collection or repair removes it.
   */
  readonly severity: 'damage' | 'leftover';
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

/** What `rebuildDatabase` put into the new database. */
export interface RebuildReport {
  readonly images: number;
  readonly tags: number;
  readonly containers: number;
  /** False: the database was sound, and nothing was done. */
  readonly rebuilt: boolean;
}
