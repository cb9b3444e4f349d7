import type { ByteStream } from '../base/index.ts';
import type { IndexNode, LayerIndex } from '../erofs/index.ts';
import type { DockerfileLine, ExploredBuild, ExploredImage } from './types.ts';

/** What an exploration is made of; whoever opens an image puts it together from where the image lies. */
export interface ExplorationParts extends AsyncDisposable {
  readonly image: Omit<ExploredImage, 'tarBytes' | 'compressedBytes' | 'distribution'>;
  /** Oldest first. */
  readonly history: readonly HistoryPart[];
  /** Lowest first. */
  readonly layers: readonly LayerPart[];
  readonly build: ExploredBuild | undefined;
  /** Lines of the Dockerfile by instruction (as `history`), where they are known. */
  readonly lines: ReadonlyMap<number, DockerfileLine>;
  /** What could not be read so far. */
  readonly problems: readonly string[];
}

export interface HistoryPart {
  readonly createdBy: string;
  readonly comment: string;
  readonly created: string | undefined;
  readonly isEmptyLayer: boolean;
}

/** A layer: its index, and how contents are read from wherever it lies. */
export interface LayerPart {
  readonly diffId: string;
  readonly digest: string | undefined;
  readonly mediaType: string | undefined;
  readonly compressedBytes: number | undefined;
  readonly tarBytes: number;
  readonly index: LayerIndex;
  /**
   * Where the bytes of a file lie as they are in a local file; undefined where they have to be unpacked on the way. Of what
   * package managers write down there is always an answer.
   */
  locate(node: Pick<IndexNode, 'data' | 'sizeBytes'>): FileRegionPart | undefined;
  /** The bytes of a regular file from an offset on. */
  open(node: IndexNode, offset: number): ByteStream;
}

export interface FileRegionPart {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}
