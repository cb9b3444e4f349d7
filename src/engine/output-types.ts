/** `-o`: one place that a build gives its result to. */
export type OutputRequest =
  | { readonly kind: 'image'; readonly names: readonly string[]; readonly annotations?: readonly AnnotationRequest[] }
  | {
      /** Pushed under its names. */
      readonly kind: 'registry';
      readonly names: readonly string[];
      readonly packing?: PackingRequest;
      readonly annotations?: readonly AnnotationRequest[];
      /** No tag leads to it. */
      readonly byDigest?: boolean;
    }
  | {
      readonly kind: 'archive';
      readonly format: 'oci' | 'docker';
      readonly to: OutputFile | { readonly kind: 'folder'; readonly path: string };
      readonly names: readonly string[];
      readonly packing?: PackingRequest;
      readonly annotations?: readonly AnnotationRequest[];
    }
  | { readonly kind: 'tar'; readonly to: OutputFile; readonly platformSplit?: boolean }
  | {
      readonly kind: 'local';
      /** Absolute. */
      readonly folder: string;
      readonly platformSplit?: boolean;
      /** `delete` removes from the folder what is not in the result. */
      readonly mode: 'copy' | 'delete';
    };

/** A file, absolute, that is replaced when the new one is whole; or somebody who takes the bytes. */
export type OutputFile =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stream'; readonly write: (bytes: Uint8Array) => Promise<void> };

/** How an image is packed; gzip and OCI media types when absent. */
export interface PackingRequest {
  readonly compression?: 'none' | 'gzip' | 'zstd';
  /** 1 to 9 for gzip, 1 to 19 for zstd. */
  readonly level?: number;
  /** Docker's have none for zstd. */
  readonly mediaTypes?: 'oci' | 'docker';
}

export interface AnnotationRequest {
  readonly place: 'manifest' | 'manifest-descriptor' | 'index' | 'index-descriptor';
  /** Every one when absent. */
  readonly platform?: string;
  readonly key: string;
  readonly value: string;
}

/** `--cache-from`: a cache of others that a build believes. */
export type CacheImportRequest =
  /** A folder, absolute, that `--cache-to` wrote, or an OCI layout of an image that carries its cache. */
  | { readonly kind: 'local'; readonly folder: string; readonly tag?: string; readonly digest?: string }
  /** A cache in a registry, or an image there that carries its cache. */
  | { readonly kind: 'registry'; readonly name: string }
  /** An image of the store that carries its cache. */
  | { readonly kind: 'image'; readonly name: string };

/** `--cache-to`. */
export type CacheExportRequest =
  | {
      readonly kind: 'local';
      /** Absolute. */
      readonly folder: string;
      readonly tag?: string;
      /** `min`: what the result is made of; `max`: every step. */
      readonly mode: 'min' | 'max';
      /** zstd when absent. */
      readonly packing?: PackingRequest;
      readonly ignoreErrors: boolean;
    }
  | {
      /** Pushed under a name of its own. */
      readonly kind: 'registry';
      readonly name: string;
      readonly mode: 'min' | 'max';
      readonly packing?: PackingRequest;
      readonly ignoreErrors: boolean;
    }
  /** In the config of the image. */
  | { readonly kind: 'inline' };
