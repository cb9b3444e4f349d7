import type { ByteStream } from '../base/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';

/** A manifest or index with its bytes, which are what its digest is of. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
}

/**
 * Where an image can be read: a registry, an archive, a folder, the store. What it hands on was verified against its digest,
 * or the stream fails at its end.
 */
export interface ImageSource extends AsyncDisposable {
  /** As people write it; for messages. */
  readonly name: string;
  /** The repository of a registry that it is, where it is one. */
  readonly repository?: { readonly registry: string; readonly path: string };
  /** The manifest or index that the name leads to. */
  root(): Promise<Document>;
  /** A manifest that an index or a list of referrers names. */
  manifest(descriptor: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<Document>;
  /** The bytes of a blob from `offset` on. With an offset the digest is the caller's to check. */
  blob(descriptor: Descriptor, offset?: number): ByteStream;
  /** Repositories of a registry that are known to have a blob, so that others of the same registry can take it from there. */
  mountFrom?(descriptor: Descriptor, registry: string): Promise<readonly string[]>;
  /** What says that it is about a manifest, where the source knows. */
  referrers?(subject: Digest): Promise<readonly Descriptor[]>;
}

/** Where an image can be written. Blobs come before the manifests that name them, the root last. */
export interface ImageSink extends AsyncDisposable {
  readonly name: string;
  /** Takes a blob, unless it is there. Says how it came. */
  takeBlob(descriptor: Descriptor, from: BlobOrigin): Promise<'present' | 'mounted' | 'sent'>;
  /** True when a manifest is there with all that it names, so that nothing of it has to be sent. */
  hasManifest?(digest: Digest): Promise<boolean>;
  /** `isRoot`: the name of the sink leads to it from now on. */
  takeManifest(document: Document, how: { readonly isRoot: boolean }): Promise<void>;
  /** Everything has been taken: makes it whole and durable. Disposing without it leaves no name that leads to a part. */
  finish(): Promise<void>;
}

export interface BlobOrigin {
  readonly open: (offset: number) => ByteStream;
  /** See `ImageSource.mountFrom`. */
  readonly mountFrom: (registry: string) => Promise<readonly string[]>;
  /** Told how many bytes are there. */
  readonly sent: (bytes: number) => void;
}

/** How far the transfer of one blob is. */
export interface BlobProgress {
  readonly digest: Digest;
  readonly kind: 'present' | 'mounted' | 'moving' | 'done';
  readonly currentBytes: number;
  readonly totalBytes: number;
  /** Bytes that were there before. */
  readonly hadBytes: number;
}

export type TellBlob = (progress: BlobProgress) => void;
