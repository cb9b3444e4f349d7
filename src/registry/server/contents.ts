import type { Descriptor, Digest } from '../../oci/index.ts';
import type { ByteRange } from './range.ts';

/** A manifest or index as it is sent: byte for byte. */
export interface ServedManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  /** One sentence for the client's user, where it may not be what it should. */
  readonly warning?: string | undefined;
}

export interface ServedBlob {
  readonly sizeBytes: number;
  /**
   * Its bytes, or those of a range. Bytes that cannot be had fail here, before any is given, as far as that can be known; what
   * fails later ends early.
   */
  open(range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
}

/** What became of a manifest that was pushed. */
export interface TakenManifest {
  /** What it says it is about; the answer has to name it. */
  readonly subject?: Digest | undefined;
  /** One sentence for the client's user, where it was taken but is not what it seems to be. */
  readonly warning?: string | undefined;
}

/** The bytes of one upload. Nothing of them can be seen before `commit`; disposing without it, or `keep`, leaves nothing. */
export interface UploadedBytes extends AsyncDisposable {
  readonly sizeBytes: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Cuts back to the first `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  /** Makes them a blob of the repository. @throws DIGEST_MISMATCH, and then nothing is left */
  commit(digest: Digest): Promise<void>;
  /** Lets go of them, to be resumed by another server. */
  keep(): Promise<void>;
}

/**
 * What the server serves, for the length of one request: what was found stays until it is disposed. Repositories and tags
 * are what the protocol allows; digests are well-formed.
 */
export interface RegistryContents extends AsyncDisposable {
  /** By tag or digest. */
  manifest(repository: string, reference: string): Promise<ServedManifest | undefined>;
  blob(repository: string, digest: Digest): Promise<ServedBlob | undefined>;
  /** In the order of their bytes; undefined for a repository that is not there. */
  tags(repository: string): Promise<readonly string[] | undefined>;
  /** In the order of their bytes. */
  repositories(): Promise<readonly string[]>;
  /** Manifests of the repository that say that they are about `subject`. */
  referrers(repository: string, subject: Digest): Promise<readonly Descriptor[]>;
  /** Makes a blob of `from` one of `repository` too; false when `from` does not have it. */
  mount(repository: string, digest: Digest, from: string): Promise<boolean>;
  /**
   * Takes a manifest, when all that it names is in the repository, and moves the tags.
   * @throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN
   */
  takeManifest(repository: string, manifest: ServedManifest, tags: readonly string[]): Promise<TakenManifest>;
  /** False when there is none. */
  removeTag(repository: string, tag: string): Promise<boolean>;
  /**
   * Takes a manifest out of the repository, and the tags that lead to it; false when it is not there.
   * @throws DENIED while an index of the repository names it
   */
  removeManifest(repository: string, digest: Digest): Promise<boolean>;
}

/** Where the server's contents come from. */
export interface RegistryStore {
  /** Opens them for one request. `registry`: whose repositories the client means, where it says so. */
  open(registry: string | undefined): Promise<RegistryContents>;
  /** Begins an upload; it lives as long as its bytes are not disposed, over any number of requests. */
  upload(repository: string, id: string): Promise<UploadedBytes>;
  /** Goes on with one that a server before this one kept, or left when it was killed; undefined when there is none. */
  resume(repository: string, id: string): Promise<UploadedBytes | undefined>;
}
