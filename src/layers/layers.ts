import { readFileSync, readSync } from 'node:fs';
import { BoundedCache, invariant, Pace, ShaleError, SingleFlight, type ByteStream } from '../base/index.ts';
import { mergeIndexes, openIndex, type View, type ViewNode } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import { fileStream, type Store } from '../store/index.ts';
import { CONTENTS_KIND, EXPANDED_KIND, INDEX_KIND } from './derived-kinds.ts';
import { saveIndex } from './index-files.ts';
import { TarIndexer } from './tar-indexer.ts';
import { TarOutput } from './tar-output.ts';
import type { ContentLocation, Layer, LayerInfo } from './types.ts';
import { LayerWriter } from './writer.ts';

/** Brings a layer's tar into the store when only its sources are known (a lazily pulled base). */
export type LayerFetcher = (diffId: DiffId) => Promise<void>;

/** Bytes of an open file, which the caller closes. */
export interface FileRegion {
  readonly fd: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface IngestOptions {
  readonly expectedDiffId?: DiffId;
  readonly signal?: AbortSignal;
}

/** Indexes that are kept open, a debian's is 1 MB; stacks hold on to theirs. */
const OPEN_INDEX_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes of what is kept of one beside its image. */
const OPEN_INDEX_OBJECTS = 4096;

/**
 * The layers of one store, the latest of them kept open. A layer is what its tar says; its index is made again whenever it is missing.
 */
export class Layers {
  readonly store: Store;
  readonly #fetch: LayerFetcher | undefined;
  readonly #open = new BoundedCache<DiffId, Layer>(OPEN_INDEX_BYTES_MAX);
  readonly #assumed = new Set<DiffId>();
  readonly #opening = new SingleFlight<DiffId, Layer>();

  constructor(store: Store, options: { readonly fetch?: LayerFetcher } = {}) {
    this.store = store;
    this.#fetch = options.fetch;
  }

  /**
   * Opens a layer as a view, fetching its tar and making its index where they are missing.
   * @throws LAYER_NOT_FOUND, BLOB_CORRUPT, INDEX_CORRUPT
   */
  async open(diffId: DiffId): Promise<Layer> {
    return this.#held(diffId) ?? this.#opening.run(diffId, () => this.#openOnce(diffId));
  }

  /**
   * Takes a layer as available for as long as this object lives, though nobody is known to have its bytes. Opening it fails
   * with LAYER_SOURCE_FAILED unless they came in meanwhile.
   */
  assume(diffId: DiffId): void {
    this.#assumed.add(diffId);
  }

  /** Sees to it that the bytes of layers are here or known to be had. @throws LAYER_SOURCE_FAILED for an assumed one */
  async refuseAssumed(diffIds: readonly DiffId[]): Promise<void> {
    for (const diffId of diffIds) {
      if (!this.#assumed.has(diffId) || (await this.store.blobs.find(diffId)) !== undefined) continue;
      if (((await this.store.layers.find(diffId))?.sources.length ?? 0) > 0) continue;
      throw new ShaleError('LAYER_SOURCE_FAILED', `the layer ${diffId} is known by name only`, { data: { diffId } });
    }
  }

  /** Tells whether a layer can be opened: its tar is here, or it is known where to fetch it. */
  async isAvailable(diffId: DiffId): Promise<boolean> {
    if (
      this.#assumed.has(diffId) ||
      this.#held(diffId) !== undefined ||
      (await this.store.blobs.find(diffId)) !== undefined
    )
      return true;
    return ((await this.store.layers.find(diffId))?.sources.length ?? 0) > 0;
  }

  /** Whether all these layers lie in the store, so that opening them fetches nothing. */
  async areHere(diffIds: readonly DiffId[]): Promise<boolean> {
    for (const diffId of diffIds)
      if (this.#held(diffId) === undefined && (await this.store.blobs.find(diffId)) === undefined) return false;
    return true;
  }

  /** Opens a stack, lowest layer first. */
  async stack(diffIds: readonly DiffId[]): Promise<Stack> {
    const layers: Layer[] = [];
    for (const diffId of diffIds) layers.push(await this.open(diffId));
    return new Stack(layers);
  }

  /** Starts a new layer. */
  async create(): Promise<LayerWriter> {
    return LayerWriter.open(this.store);
  }

  /**
   * Takes in an uncompressed layer tar: written, hashed and indexed in one pass. The bytes stay as they are.
   * @throws DIGEST_MISMATCH when the diffId is not the expected one; as TarParser and IndexBuilder do
   */
  async ingest(tar: ByteStream | FileRegion, options: IngestOptions = {}): Promise<LayerInfo> {
    await using output = await TarOutput.open(this.store);
    const indexer = new TarIndexer({ announce: (offset, sizeBytes) => output.announce(offset, sizeBytes) });
    const pace = new Pace();
    // A stream of a file has a descriptor too, and no region.
    for await (const bytes of Symbol.asyncIterator in tar ? writtenTo(output, tar) : readInto(output, tar)) {
      options.signal?.throwIfAborted();
      indexer.write(bytes);
      if (pace.isOver()) await pace.rest();
    }
    indexer.end();
    const { sizeBytes } = output;
    const { diffId, contents } = await output.commit(options.expectedDiffId);
    indexer.setContents(contents);
    await saveIndex(this.store, diffId, (image) => indexer.writeIndex(image));
    await this.store.layers.put({ diffId, sizeBytes, sources: [] });
    return { diffId, sizeBytes, entryCount: indexer.entryCount };
  }

  /**
   * Makes a layer of a tar that lies in the store as a blob already.
   * @throws BLOB_NOT_FOUND; as TarParser and IndexBuilder do
   */
  async adopt(diffId: DiffId): Promise<void> {
    const { sizeBytes } = await this.store.blobs.get(diffId);
    await this.#reindex(diffId);
    await this.store.layers.put({ diffId, sizeBytes, sources: [] });
  }

  /** One that is open. What a prune of this process has let go since may be deleted by anybody: that is looked at again. */
  #held(diffId: DiffId): Layer | undefined {
    return this.store.leases.holds({ kind: 'blob', digest: diffId }) ? this.#open.get(diffId) : undefined;
  }

  async #openOnce(diffId: DiffId): Promise<Layer> {
    const blob = await this.#tar(diffId);
    const indexPath = (await this.#indexPath(diffId)) ?? (await this.#reindex(diffId));
    const contentsPath = await this.store.derived.find(CONTENTS_KIND, diffId);
    const image = readToKeep(indexPath);
    const contents = contentsPath === undefined ? undefined : readToKeep(contentsPath);
    const index = openIndex(image, contents);
    const expandedPath = await this.store.derived.find(EXPANDED_KIND, diffId);
    const layer: Layer = { diffId, tarPath: blob.path, tarSizeBytes: blob.sizeBytes, indexPath, expandedPath, index };
    this.#open.set(diffId, layer, image.byteLength + (contents?.byteLength ?? 0) + OPEN_INDEX_OBJECTS);
    return layer;
  }

  async #tar(diffId: DiffId): Promise<{ path: string; sizeBytes: number }> {
    const there = await this.store.blobs.find(diffId);
    if (there !== undefined) return there;
    await this.refuseAssumed([diffId]);
    await this.#fetch?.(diffId);
    const fetched = await this.store.blobs.find(diffId);
    if (fetched === undefined)
      throw new ShaleError('LAYER_NOT_FOUND', `the layer ${diffId} is not in the store`, { data: { diffId } });
    return fetched;
  }

  /** An index without its contents file is not whole. */
  async #indexPath(diffId: DiffId): Promise<string | undefined> {
    const contents = await this.store.derived.has(CONTENTS_KIND, diffId);
    return contents ? this.store.derived.find(INDEX_KIND, diffId) : undefined;
  }

  async #reindex(diffId: DiffId): Promise<string> {
    const indexer = new TarIndexer();
    for await (const chunk of fileStream(this.store.blobs.path(diffId))) indexer.write(chunk);
    await this.store.derived.evict(INDEX_KIND, diffId);
    await this.store.derived.evict(CONTENTS_KIND, diffId);
    indexer.end();
    await saveIndex(this.store, diffId, (image) => indexer.writeIndex(image));
    return this.store.derived.path(INDEX_KIND, diffId);
  }
}

/** Reads straight into the output: no copy, and nothing to collect. Gives each part before it is taken, so that it is known. */
async function* readInto(output: TarOutput, { fd, offset, sizeBytes }: FileRegion): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < sizeBytes;) {
    const { free } = output;
    const got = readSync(fd, free, 0, Math.min(free.length, sizeBytes - done), offset + done);
    if (got === 0) return;
    yield free.subarray(0, got);
    await output.pass(got);
    done += got;
  }
}

async function* writtenTo(output: TarOutput, tar: ByteStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) {
    yield chunk;
    await output.passCopy(chunk);
  }
}

/** The layers of an image, lowest first, and the tree that they make together. */
export class Stack {
  readonly layers: readonly Layer[];
  #view: View | undefined;

  constructor(layers: readonly Layer[]) {
    this.layers = layers;
  }

  /** The merged tree; made when it is first asked for. */
  get view(): View {
    this.#view ??= mergeIndexes(this.layers.map((layer) => layer.index));
    return this.#view;
  }

  /** Where the bytes of a file of the view lie. */
  locate(node: Pick<ViewNode, 'layer' | 'data' | 'sizeBytes'>): ContentLocation {
    const layer = this.layers[node.layer];
    invariant(layer !== undefined, 'a node of a view belongs to one of its layers');
    const { source, offset } = node.data();
    const path = source === 'tar' ? layer.tarPath : layer.expandedPath;
    if (path === undefined)
      throw new ShaleError('INDEX_STALE', `the layer ${layer.diffId} lacks the expanded data of its sparse files`);
    return { path, offset, sizeBytes: node.sizeBytes };
  }
}

/** Node reads small files into a piece of a buffer that many share, all of which would be kept with it. */
function readToKeep(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Buffer.from(Uint8Array.from(bytes).buffer);
}
