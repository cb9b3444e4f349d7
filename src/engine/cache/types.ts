import type { ByteStream } from '../../base/index.ts';
import type { Watch } from '../types.ts';

/** One part of the build cache: the recorded result of a step, or a cache mount. */
export interface CacheEntry {
  readonly kind: 'step' | 'mount';
  /** Of a mount 32 hex digits, of a step `s` and a number. */
  readonly id: string;
  /** Of a mount its id in the Dockerfile; of a step its place. */
  readonly name: string;
  /** Absent where it was not counted yet. */
  readonly sizeBytes?: number;
  readonly uses: number;
  /** What making it took, or the longest step that used it. */
  readonly costMs: number;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  /** A build is using it now. */
  readonly inUse: boolean;
}

export interface CacheUsageRow {
  readonly type: 'Steps' | 'Mounts';
  readonly total: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
}

export interface CacheUsage {
  readonly rows: readonly CacheUsageRow[];
  /** Bytes that the whole may have. */
  readonly capBytes: number;
}

export interface CachePruneRequest {
  /** Down to so many bytes, least valuable first; absent: everything that is not in use. */
  readonly maxBytes?: number;
  /** Only what was not used since, in ms since 1970. */
  readonly unusedSinceMs?: number;
}

export interface CachePruneReport {
  readonly steps: number;
  readonly mounts: number;
  readonly reclaimedBytes: number;
}

export interface MountExportRequest {
  /** Names or ids of cache mounts; all when empty. */
  readonly names: readonly string[];
  /** Mounts that would go beyond so many bytes on disk are left out, latest used first. */
  readonly maxBytes?: number;
  /** A folder for an OCI layout; absent: an archive of one. */
  readonly folder?: string;
  /** A name in a registry to push them under, instead of a folder. */
  readonly registry?: string;
}

export interface MountExport {
  readonly exported: readonly CacheEntry[];
  /** With a sentence why. */
  readonly skipped: readonly { readonly entry: CacheEntry; readonly why: string }[];
  /** The archive, when neither folder nor registry was named; to be read before the engine is disposed. */
  readonly archive?: ByteStream;
}

/** Where exported cache mounts are read from. */
export type MountImportSource =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'registry'; readonly name: string }
  | { readonly kind: 'archive'; readonly bytes: ByteStream };

export interface MountImport {
  readonly imported: readonly CacheEntry[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** What can be done with the build cache. */
export interface CacheEngine {
  /** Latest used first. */
  readonly list: () => Promise<readonly CacheEntry[]>;
  readonly usage: () => Promise<CacheUsage>;
  /** Removes what an id, its beginning, or the name of mounts means. @throws CACHE_NOT_FOUND, CACHE_MOUNT_IN_USE */
  readonly remove: (name: string) => Promise<readonly CacheEntry[]>;
  readonly prune: (request: CachePruneRequest, watch: Watch) => Promise<CachePruneReport>;
  /** @throws CACHE_NOT_FOUND, CACHE_MOUNT_IN_USE for a mount that was named; REFERENCE_INVALID */
  readonly exportMounts: (request: MountExportRequest, watch: Watch) => Promise<MountExport>;
  /** @throws CACHE_ARCHIVE_INVALID, DIGEST_MISMATCH, MANIFEST_UNKNOWN, REFERENCE_INVALID; what was imported before stays */
  readonly importMounts: (
    source: MountImportSource,
    request: { readonly maxBytes?: number },
    watch: Watch,
  ) => Promise<MountImport>;
}
