/** How images come and go: what is asked for, and what came of it. */

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
}

export interface PullRequest {
  readonly image: string;
  readonly platform?: string;
  /** Every image of an index, and the index itself. */
  readonly allPlatforms?: boolean;
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
