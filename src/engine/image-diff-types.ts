import type { Difference } from './compare-trees.ts';

/** One side of a comparison. */
export interface ComparedImage {
  readonly name: string;
  readonly id: string;
  readonly sizeBytes: number;
  readonly layers: number;
}

export interface ComparedFile {
  /** With a leading slash; bytes as latin1. */
  readonly path: string;
  readonly kind: string;
  readonly sizeBytes: number;
}

/** What changed between two images. */
export interface ImageDiff {
  readonly before: ComparedImage;
  readonly after: ComparedImage;
  /** Layers that both begin with. */
  readonly sharedLayers: number;
  readonly files: {
    readonly added: readonly ComparedFile[];
    readonly removed: readonly ComparedFile[];
    readonly changed: readonly (ComparedFile & {
      readonly sizeBytesBefore: number;
      readonly differs: readonly Difference[];
    })[];
  };
  /** `deb:nginx`; several versions of one stand beside each other. */
  readonly packages: readonly { readonly name: string; readonly before?: string; readonly after?: string }[];
  /** Fields of the config, as `Env.PATH`, `Cmd` or `created`; texts as the config writes them. */
  readonly config: readonly { readonly field: string; readonly before?: string; readonly after?: string }[];
}
