import type { TimeMs } from './primitives.ts';

/** What a cache mount is: equal ones are one directory (`sharing=private` apart). */
export interface CacheMountSpec {
  /** The option `id`, else the target. */
  readonly name: string;
  /** What it begins with, named by its content; undefined for an empty directory. */
  readonly base: string | undefined;
  /** What the Dockerfile says of the directory itself: all three or nothing. */
  readonly owner: CacheMountOwner | undefined;
}

export interface CacheMountOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type CacheMountSharing = 'shared' | 'private' | 'locked';

export interface CacheMountWish extends CacheMountSpec {
  readonly sharing: CacheMountSharing;
}

export interface CacheMountRecord extends CacheMountSpec {
  /** 32 hex digits. */
  readonly id: string;
  /** 0, and higher where private ones were in use at the same time. */
  readonly instance: number;
  readonly path: string;
  /** Bytes on disk when they were last counted; undefined when never. */
  readonly sizeBytes: number | undefined;
  readonly uses: number;
  /** The longest step that used it. */
  readonly costMs: number;
  readonly createdAt: TimeMs;
  readonly lastUsedAt: TimeMs;
  /** A living process holds it. */
  readonly inUse: boolean;
}

/** A cache mount that is held. */
export interface HeldCacheMount {
  readonly id: string;
  /** The directory that is mounted; does not exist yet when `fresh`. */
  readonly path: string;
  /** The holder makes the directory with what it begins with, and then calls `ready`. */
  readonly fresh: boolean;
}

/** All cache mounts of one step, held until disposed. */
export interface CacheMountUse extends AsyncDisposable {
  /** In the order of the wishes; equal wishes give the same one. */
  readonly mounts: readonly HeldCacheMount[];
  /** The directory of a fresh one is whole now; others who wait for it may go on. */
  ready(id: string): Promise<void>;
}

/** Directories that builds keep from one step to the next (docs/formats/cache-mounts.md). */
export interface CacheMounts {
  /**
   * Takes all of them at once or waits, so that two steps never wait for each other. When that has
   * lasted for `noticeAfterMs` (default 0), `onWait` hears once the name that is waited for. The holder's process may end in any way: what it held is then free.
   */
  acquire(
    wishes: readonly CacheMountWish[],
    options: {
      readonly signal?: AbortSignal;
      readonly onWait?: (name: string) => void;
      readonly noticeAfterMs?: number;
    },
  ): Promise<CacheMountUse>;
  /** Holds one that is there, alone, to read it as a whole. @throws CACHE_MOUNT_IN_USE; undefined when there is none */
  hold(id: string): Promise<(AsyncDisposable & { readonly path: string }) | undefined>;
  /** Says how long the step took that used it. */
  addCost(id: string, costMs: number): Promise<void>;
  /** Latest used first. */
  list(): Promise<readonly CacheMountRecord[]>;
  /** Counts the bytes of those that were used since they were last counted. */
  measure(options?: { readonly budgetMs?: number }): Promise<void>;
  /** False when there is none. @throws CACHE_MOUNT_IN_USE */
  remove(id: string): Promise<boolean>;
  /**
   * Puts a directory, which lies on the store's file system and is moved away from where it is, in place of the first
   * instance of this identity. @throws CACHE_MOUNT_IN_USE
   */
  adopt(spec: CacheMountSpec, directory: string, lastUsedAt: TimeMs): Promise<CacheMountRecord>;
}
