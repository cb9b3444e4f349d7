import type { LockChange } from '../../lock/index.ts';
import type { BuildRequest, Watch } from '../types.ts';

export type { LockChange } from '../../lock/index.ts';

export interface LockRequest {
  readonly build: BuildRequest;
  /** There must be a lock, and bases are asked for anew. */
  readonly update: boolean;
  /** Patterns of packages, `apt:nginx*`: nothing else may change. Bases and sources stay as they are. */
  readonly only?: readonly string[];
  /** Write nothing. */
  readonly dryRun: boolean;
}

export interface LockOutcome {
  /** Of the lock file, absolute. */
  readonly path: string;
  /** False when it says already what it would say, and for a dry run. */
  readonly written: boolean;
  /** Against what was locked before; everything when there was nothing. */
  readonly changes: readonly LockChange[];
  readonly bases: number;
  readonly sources: number;
  readonly packages: number;
  readonly answers: number;
  /** Of all that was fetched; each body once. */
  readonly sizeBytes: number;
  /** Addresses with secrets: they replay, and cannot be fetched from where they came. */
  readonly redacted: readonly string[];
  readonly buildId: string;
  readonly imageId: string;
}

/** Where what a lock names is written and read: a folder with an OCI layout, or a name in a registry. */
export type VendorPlace =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'registry'; readonly reference: string };

export interface VendorOutcome {
  readonly path: string;
  readonly blobs: number;
  readonly sizeBytes: number;
  readonly bases: number;
}

export interface FetchOutcome {
  readonly path: string;
  /** What was brought in, for people. */
  readonly fetched: readonly string[];
  /** What could not be had, with the reason. */
  readonly failed: readonly { readonly what: string; readonly why: string }[];
}

/** The lock files of builds. */
export interface LockEngine {
  /**
   * Builds without the cache, writes down what the build takes from outside, and keeps all of it in the store.
   * @throws LOCK_WIDER when `only` is given and more would change; LOCK_UNRECORDABLE; and what building throws
   */
  readonly lock: (request: LockRequest, watch: Watch) => Promise<LockOutcome>;
  /** Compares two lock files, given as bytes or as paths. @throws LOCK_NOT_FOUND, LOCK_INVALID */
  readonly diffLocks: (before: LockText, after: LockText) => Promise<readonly LockChange[]>;
  /** Writes all that a lock names, base images included, to a place from which `fetchLocked` reads. @throws LOCK_INCOMPLETE */
  readonly vendorLocked: (path: string, to: VendorPlace, watch: Watch) => Promise<VendorOutcome>;
  /** Brings all that a lock names into the store: from a place, else from where it came. @throws LOCK_DAMAGED */
  readonly fetchLocked: (path: string, from: VendorPlace | undefined, watch: Watch) => Promise<FetchOutcome>;
}

export type LockText =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly name: string };
