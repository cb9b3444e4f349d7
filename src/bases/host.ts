import type { ByteStream } from '../base/index.ts';
import type { DiffId } from '../oci/index.ts';
import type { AptSourcesFile } from './debian/apt-sources.ts';
import type { Fetcher } from './fetch.ts';

/** What the making of base images asks of its surroundings. */
export interface BaseHost {
  readonly fetcher: Fetcher;
  readonly cache: ContentCache;
  readonly seenLists: SeenLists;
  readonly runner: StepRunner;
  readonly layers: LayerSink;
  /** The machine's clock. */
  now(): Date;
  /** The files that tell this host's apt where packages come from. */
  aptSources(): Promise<readonly AptSourcesFile[]>;
  /**
   * A new empty folder for files of this one image, removed by `dispose`. Where layers are mounted by index it must be
   * on the store's file system, since the runner is given tars that lie in it.
   */
  makeWorkFolder(): Promise<WorkFolder>;
}

export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

/** Downloads that need not be made again. */
export interface ContentCache {
  /**
   * The path of the file that is kept under a name: 64 hex digits made of what a signed list says of its bytes, the
   * sha256 of a Debian package for one. It stays until the image is made.
   */
  find(name: string): Promise<string | undefined>;
  /**
   * Takes a stream in and gives the path of the file. When the stream fails nothing is kept, and its error is thrown:
   * it does so by itself when its bytes are not those that the name stands for.
   */
  put(name: string, stream: ByteStream): Promise<string>;
}

/** When the lists of packages were made that were accepted on this machine. */
export interface SeenLists {
  /** Seconds since 1970. */
  find(name: string): Promise<number | undefined>;
  record(name: string, madeAt: number): Promise<void>;
}

/** Runs programs in a root filesystem. */
export interface StepRunner {
  /**
   * Runs one program as root in a container: no network, `/dev`, `/proc` and `/sys` as usual, empty standard input.
   * Mount targets that the container needs are not part of the changes.
   */
  run(request: StepRequest): Promise<StepResult>;
}

export interface StepRequest {
  /** The root filesystem: a whole uncompressed layer tar in the work folder. */
  readonly rootfsTar: string;
  /** The program by its path in the root filesystem, and its arguments. */
  readonly args: readonly string[];
  /** Everything that is in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The image's architecture, as its distribution names it. */
  readonly architecture: string;
  /** Gets what the program writes to standard output and standard error. */
  readonly onOutput: (chunk: Uint8Array) => void;
  readonly signal: AbortSignal | undefined;
}

export interface StepResult {
  readonly exitCode: number;
  /** What the program changed: the path of an uncompressed layer tar with whiteouts. */
  readonly changesTar: string;
}

/** Takes finished layers. */
export interface LayerSink {
  /** Stores an uncompressed layer tar. */
  write(layer: ByteStream): Promise<StoredLayer>;
  /** Where the uncompressed tar of a layer lies; it stays until the image is made. */
  tarOf(layer: StoredLayer): Promise<string>;
  /** The layer that was recorded under a key and is still stored; makes a repeated command fast. */
  find?(key: string): Promise<StoredLayer | undefined>;
  /** Remembers which layer a key names. */
  record?(key: string, layer: StoredLayer): Promise<void>;
}

export interface StoredLayer {
  readonly diffId: DiffId;
  readonly sizeBytes: number;
}
