import type { ByteStream } from '../base/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';

/** A manifest as it came: its bytes are what its digest is of. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

export interface PushBlobOptions {
  /** Gives the bytes from an offset on; called again after a cut. */
  readonly open: (offset: number) => ByteStream;
  /** Repositories of the same registry that have the blob, as far as is known. */
  readonly mountFrom?: readonly string[];
  /** Told the bytes that the registry has got. */
  readonly sent?: (bytes: number) => void;
}

export interface PushManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** A tag, or the digest. */
  readonly reference: string;
}

/** One repository of a registry (distribution-spec). What it hands on was verified, or fails. */
export interface Repository {
  /** `registry.example/team/app`. */
  readonly name: string;
  /**
   * Fetches a manifest by tag or digest and verifies it.
   * @throws MANIFEST_UNKNOWN, DIGEST_MISMATCH, REGISTRY_AUTH, REGISTRY_UNREACHABLE, REGISTRY_ERROR
   */
  manifest(tagOrDigest: string): Promise<FetchedManifest>;
  /** The digest that a tag leads to, without the manifest; undefined when there is none. */
  findManifest(tagOrDigest: string): Promise<Digest | undefined>;
  /**
   * Streams a blob; the stream fails at its end when size or digest are not the descriptor's. A connection that breaks is
   * taken up again where it ended, five times without progress. From an `offset` on only the size is verified: the digest
   * is the caller's to check.
   * @throws BLOB_UNKNOWN, DIGEST_MISMATCH, SIZE_MISMATCH
   */
  blob(descriptor: Descriptor, offset?: number): ByteStream;
  hasBlob(descriptor: Descriptor): Promise<boolean>;
  /** The bytes that a blob has, without the blob; undefined when there is none. @throws REGISTRY_AUTH, REGISTRY_ERROR */
  blobSize(digest: Digest): Promise<number | undefined>;
  /**
   * Sends a blob, or has the registry take it from another repository. A cut upload goes on where the registry says that it
   * ended. Whether the registry has it already is the caller's to ask.
   * @throws REGISTRY_AUTH, REGISTRY_UNREACHABLE, REGISTRY_ERROR
   */
  pushBlob(descriptor: Descriptor, options: PushBlobOptions): Promise<'mounted' | 'sent'>;
  /**
   * Sends a manifest, after everything that it names. Where the registry does not list referrers itself, the tag that
   * stands in for the list is kept (distribution-spec, "Pushing Manifests with Subject").
   * @throws MANIFEST_BLOB_UNKNOWN when the registry misses something that was sent before
   */
  pushManifest(manifest: PushManifest): Promise<void>;
  /** @throws MANIFEST_UNKNOWN, REGISTRY_UNSUPPORTED */
  deleteManifest(tagOrDigest: string): Promise<void>;
  /** The tags in the registry's order. @throws REGISTRY_PAGING */
  tags(): AsyncIterable<string>;
  /** What says that it is about a manifest: signatures, SBOMs. */
  referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]>;
}
