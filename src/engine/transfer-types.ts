/** How images come and go: what is asked for, and what came of it. */
import type { ByteStream } from '../base/index.ts';
import type { Watch } from './watch.ts';

export interface ImportRequest {
  readonly tag?: string;
  readonly changes: readonly string[];
  readonly message?: string;
  readonly platform?: string;
}

export interface SaveRequest {
  readonly images: readonly string[];
  readonly format: 'docker' | 'oci';
  /** Of the layers; `none` when absent. */
  readonly compression?: 'none' | 'gzip' | 'zstd';
  /** Of images for several platforms, this one. */
  readonly platform?: string;
}

export interface PullRequest {
  readonly image: string;
  readonly platform?: string;
  /** Every image of an index, and the index itself. */
  readonly allPlatforms?: boolean;
  /** PEM: only what the owner of this key has signed is pulled. */
  readonly publicKey?: string;
}

export interface PullResult {
  readonly imageId: string;
  readonly name: string;
  /** Of the manifest or index that the name led to. */
  readonly digest: string;
  /** The name leads to something else than before. */
  readonly changed: boolean;
}

export interface LoginRequest {
  /** `host[:port]`; `docker.io` for Docker Hub. */
  readonly registry: string;
  /** What is kept already when absent. */
  readonly login?: { readonly username: string; readonly password: string };
}

export interface LoginResult {
  readonly registry: string;
  readonly username?: string;
  /** Where the credentials are kept: a file, in the clear, or a helper. */
  readonly kept: { readonly kind: 'file' | 'helper'; readonly name: string };
}

export interface PushRequest {
  readonly image: string;
  /** The name that it gets in the registry; its own when absent. */
  readonly destination?: string;
  /** Of an index: this image only. */
  readonly platform?: string;
  /** Of layers that were not compressed yet; a pulled image stays as it came when absent. */
  readonly compression?: 'none' | 'gzip' | 'zstd';
  readonly level?: number;
  /** Media types that the manifest gets; as it has them when absent. */
  readonly format?: 'oci' | 'docker';
  /** Also under a name of Docker Hub's own images. */
  readonly force: boolean;
}

export interface PushResult {
  readonly name: string;
  readonly digest: string;
  /** Of the manifest or index. */
  readonly sizeBytes: number;
}

export interface ImageCopyRequest {
  /** `docker://NAME`, `store:NAME`, `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, `dir:FOLDER`. */
  readonly source: string;
  readonly destination: string;
  /** Paths are relative to it. */
  readonly folder: string;
  /** Of an index: this image only. */
  readonly platform?: string;
  readonly format?: 'oci' | 'docker';
  /** What refers to the manifests too. */
  readonly referrers: boolean;
}

export interface ImageCopyResult {
  /** Of the manifest or index at the destination. */
  readonly digest: string;
}

/** A repository that a search found. */
export interface FoundRepository {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
}

/** What says that it is about an image. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What stands in the entry of an image in a list. */
export interface ManifestAnnotation {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest or index, byte for byte. */
export interface ManifestDocument {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly mediaType: string;
}

/** Names of the store that lead to the images of several platforms. */
export interface ManifestOperations {
  readonly create: (
    request: { readonly list: string; readonly images: readonly string[]; readonly amend: boolean },
    watch: Watch,
  ) => Promise<{ readonly id: string; readonly name: string }>;
  readonly annotate: (
    request: { readonly list: string; readonly image: string } & ManifestAnnotation,
    watch: Watch,
  ) => Promise<{ readonly id: string }>;
  /** As a push would send it; of a name that the store does not have, the registry's. */
  readonly inspect: (name: string, watch: Watch) => Promise<ManifestDocument>;
  readonly remove: (list: string) => Promise<void>;
}

/** What can be done in registries, apart from moving images. */
export interface RegistryActions {
  readonly tags: (repository: string, signal: AbortSignal) => AsyncIterable<string>;
  readonly repositories: (registry: string, signal: AbortSignal) => AsyncIterable<string>;
  readonly remove: (name: string, signal: AbortSignal) => Promise<void>;
  readonly referrers: (
    name: string,
    artifactType: string | undefined,
    signal: AbortSignal,
  ) => Promise<readonly Referrer[]>;
  readonly search: (
    request: { readonly registry: string; readonly term: string; readonly limit: number },
    signal: AbortSignal,
  ) => Promise<readonly FoundRepository[]>;
}

/** `shale serve registry`. */
export interface ServeRegistryRequest {
  readonly host: string;
  /** 0 takes one that is free. */
  readonly port: number;
  /** Nothing is taken and nothing removed. */
  readonly readOnly: boolean;
  /**
   * URLs of registries that it is a cache of; nothing is taken then. Names without a host are the first one's, others begin
   * with their registry's host. @throws SERVE_FAILED for what is none
   */
  readonly upstreams?: readonly string[];
  /** A file of accounts (absolute), as `htpasswd -B` writes it; without it everyone may do everything. */
  readonly htpasswdFile?: string | undefined;
  /** PEM files, absolute; plain http without them. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  /**
   * Listen on an address that other machines reach without a certificate or without accounts; without it that is refused.
   * @throws SERVE_INSECURE
   */
  readonly insecure?: boolean;
  /** Milliseconds that requests under way have at the end; 5000 when absent. */
  readonly drainMs?: number;
  /** Told once, when requests are taken. */
  readonly listening: (url: string) => void;
  /** Told what failed here, in one line; the client learns only that it did. */
  readonly failed: (message: string) => void;
}

/** How images come into the store and leave it. */
export interface TransferOperations {
  readonly importImage: (
    tar: ByteStream,
    request: ImportRequest,
    watch: Watch,
  ) => Promise<{ readonly imageId: string }>;
  /** A file (absolute) that is an uncompressed tar is read where it lies. */
  readonly load: (
    archive: ByteStream | { readonly file: string },
    watch: Watch,
  ) => Promise<readonly { imageId: string; tags: readonly string[] }[]>;
  readonly save: (request: SaveRequest, watch: Watch) => ByteStream;
  readonly pull: (request: PullRequest, watch: Watch) => Promise<PullResult>;
  /** Every tag of the repository that the request names. */
  readonly pullAllTags: (request: PullRequest, watch: Watch) => AsyncIterable<PullResult>;
  readonly push: (request: PushRequest, watch: Watch) => Promise<PushResult>;
  /** Every tag of the repository that the request names. */
  readonly pushAllTags: (request: PushRequest, watch: Watch) => AsyncIterable<PushResult>;
  readonly copyImage: (request: ImageCopyRequest, watch: Watch) => Promise<ImageCopyResult>;
  readonly registry: RegistryActions;
  /** Serves the store to clients of the distribution specification, until the signal is aborted. @throws SERVE_FAILED */
  readonly serveRegistry: (request: ServeRegistryRequest, watch: Watch) => Promise<void>;
  readonly manifests: ManifestOperations;
  readonly login: (request: LoginRequest, watch: Watch) => Promise<LoginResult>;
  /** False when there was nothing to forget. */
  readonly logout: (registry: string) => Promise<boolean>;
}
