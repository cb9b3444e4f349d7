import type { LayerIndex } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';

/** A layer that was just made or taken in. */
export interface LayerInfo {
  readonly diffId: DiffId;
  /** Bytes of its tar. */
  readonly sizeBytes: number;
  readonly entryCount: number;
}

/** A layer of the store as an immutable view: its tree through the index, its contents through the tar. */
export interface Layer {
  readonly diffId: DiffId;
  readonly tarPath: string;
  readonly tarSizeBytes: number;
  readonly indexPath: string;
  /** Expanded contents of sparse files, where the layer has any. */
  readonly expandedPath: string | undefined;
  readonly index: LayerIndex;
}

/** Where the bytes of a file lie. */
export interface ContentLocation {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}
