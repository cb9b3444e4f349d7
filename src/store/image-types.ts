import type { DiffId, Digest, Platform } from '../oci/index.ts';
import type { Json, TimeMs } from './primitives.ts';

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
  /** Adds or merges (manifests and repositories are joined; `madeHere` stays true). As `publish` of it alone. */
  put(image: NewImage): Promise<void>;
  /** Removes the record and its tags, durably; blobs go with the next collection. @throws IMAGE_NOT_FOUND */
  remove(id: Digest): Promise<void>;
  /**
   * What a repository has: manifests and indexes that are recorded as being in it, those that its tags lead to, and the
   * manifests of images that are in a set which it has. Of one digest where that is given, without looking at all others.
   */
  manifestsIn(
    repository: string,
    digest?: Digest,
  ): Promise<readonly Pick<ImageManifestRecord, 'digest' | 'mediaType'>[]>;
  /**
   * Takes a manifest, index or artifact out of a repository, and the given tags with it, durably and at once. What came from
   * outside and is then in no repository, in no set, and without a name or container goes altogether.
   */
  leaveRepository(leaving: LeavingManifest): Promise<void>;
}

export interface LeavingManifest {
  readonly digest: Digest;
  readonly repository: string;
  readonly tags: readonly string[];
  /** For the tags' history. */
  readonly reason: string;
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
  /** As `publish` of it alone. Any manifest whose config is no image's may be kept as a root like this, too. */
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
  /** What a build made the image of; the store does not interpret it. Absent for other moves. */
  readonly origin?: Json;
}

export interface Tags {
  find(name: string): Promise<TagRecord | undefined>;
  /** @throws TAG_NOT_FOUND */
  get(name: string): Promise<TagRecord>;
  /** By name. */
  list(): Promise<readonly TagRecord[]>;
  of(target: Digest): Promise<readonly TagRecord[]>;
  /** Those of a repository (`docker.io/library/alpine`), by name. */
  in(repository: string): Promise<readonly TagRecord[]>;
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
  /** As in TagMove. */
  readonly origin?: Json;
}
