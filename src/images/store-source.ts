import { invariant, ShaleError, type ByteStream } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  formatPlatform,
  isIndexType,
  MANIFEST_MAX_BYTES,
  parseManifest,
  type Descriptor,
  type Digest,
  type LayerCompression,
} from '../oci/index.ts';
import type { ImageIndexRecord, ImageRecord } from '../store/index.ts';
import type { Document, ImageSource } from './content.ts';
import { fileBytes } from './encode.ts';
import type { PackedItem } from './archive.ts';
import type { PackedDocument } from './pack.ts';
import type { FoundImage } from './resolve.ts';
import { packFound } from './save.ts';

export interface StoreSourceOptions {
  /** Of layers that have to be compressed; a manifest that came with the image is taken as it is when absent. */
  readonly compression?: LayerCompression | undefined;
  readonly level?: number | undefined;
  readonly signal: AbortSignal;
}

/** An image of the store as something that can be sent. */
export interface StoreSource extends ImageSource {
  /** The manifests that were made or found, by image. */
  readonly manifests: ReadonlyMap<Digest, Document>;
}

/**
 * What a name of the store leads to. What was pulled is given with the manifests and the bytes that it came with, so its
 * digests stay; what was made here gets them, with layers in the compression that is asked for (gzip by default).
 * @throws LAYER_NOT_FOUND, IMAGE_INCOMPLETE when an image of a pulled index is not here as it came
 */
export async function storeSource(
  layers: Layers,
  found: FoundImage,
  name: string,
  options: StoreSourceOptions,
): Promise<StoreSource> {
  const { compression, level, signal } = options;
  const asItCame = compression === undefined && level === undefined;
  const { record, set } = found;
  if (asItCame && set === undefined) {
    const root = await manifestThatCame(layers, record);
    if (root !== undefined) return new FromStore(layers, { name, root, manifests: new Map([[record.id, root]]) });
  }
  if (asItCame && set !== undefined && isIndexType(set.mediaType)) return await indexThatCame(layers, set, name);
  const packing = { compression: compression ?? 'gzip', level, reuse: 'any', mediaTypes: 'oci' } as const;
  return await packedSource(layers, await packFound(layers, found, packing, signal), name);
}

/** What was packed, as something that can be sent; its documents are kept in the store. */
export async function packedSource(
  layers: Layers,
  { images, index }: Pick<PackedItem, 'images' | 'index'>,
  name: string,
): Promise<StoreSource> {
  const manifests = new Map<Digest, Document>();
  for (const { config, manifest } of images) manifests.set(config.descriptor.digest, await keep(layers, manifest));
  const [only] = manifests.values();
  const root = index === undefined ? only : await keep(layers, index);
  invariant(root !== undefined, 'what is packed has an image');
  return new FromStore(layers, { name, root, manifests });
}

async function indexThatCame(layers: Layers, set: ImageIndexRecord, name: string): Promise<StoreSource> {
  const { store } = layers;
  const bytes = await store.blobs.read(set.digest, MANIFEST_MAX_BYTES);
  const manifests = new Map<Digest, Document>();
  for (const { digest, imageId, platform } of set.entries) {
    const image = imageId === undefined ? undefined : await store.images.find(imageId);
    const document = image && (await manifestThatCame(layers, image, digest));
    const isThere = document !== undefined || (image === undefined && (await store.blobs.find(digest)) !== undefined);
    if (document !== undefined && imageId !== undefined) manifests.set(imageId, document);
    if (isThere) continue;
    const what = platform === undefined ? digest : formatPlatform(platform);
    throw new ShaleError('IMAGE_INCOMPLETE', `the image ${what} of ${name} is not here as it came`, {
      hint: `shale pull --all-platforms ${name}; or pack all of it anew with --compression gzip`,
    });
  }
  const root = { bytes, digest: set.digest, mediaType: set.mediaType };
  return new FromStore(layers, { name, root, manifests });
}

/** A manifest that came with the image, when its layers are all here as it names them. */
async function manifestThatCame(layers: Layers, record: ImageRecord, digest?: Digest): Promise<Document | undefined> {
  const { store } = layers;
  for (const known of record.manifests) {
    if (digest !== undefined && known.digest !== digest) continue;
    if ((await store.blobs.find(known.digest)) === undefined) continue;
    const bytes = await store.blobs.read(known.digest, MANIFEST_MAX_BYTES);
    const parsed = parseManifest(bytes, known.mediaType);
    if (parsed.kind !== 'manifest') continue;
    const here = await Promise.all(parsed.manifest.layers.map((layer) => store.blobs.find(layer.digest)));
    if (here.every((blob) => blob !== undefined)) return { bytes, digest: known.digest, mediaType: known.mediaType };
  }
  return undefined;
}

async function keep({ store }: Layers, { bytes, descriptor }: PackedDocument): Promise<Document> {
  await store.blobs.put(bytes);
  return { bytes, digest: descriptor.digest, mediaType: descriptor.mediaType };
}

class FromStore implements StoreSource {
  readonly name: string;
  readonly manifests: ReadonlyMap<Digest, Document>;
  readonly #layers: Layers;
  readonly #root: Document;

  constructor(
    layers: Layers,
    { name, root, manifests }: { name: string; root: Document; manifests: ReadonlyMap<Digest, Document> },
  ) {
    this.name = name;
    this.manifests = manifests;
    this.#layers = layers;
    this.#root = root;
  }

  async root(): Promise<Document> {
    return this.#root;
  }

  async manifest({ digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<Document> {
    return { bytes: await this.#layers.store.blobs.read(digest, MANIFEST_MAX_BYTES), digest, mediaType };
  }

  blob({ digest }: Descriptor, offset = 0): ByteStream {
    const { blobs } = this.#layers.store;
    if (offset === 0) return blobs.stream(digest);
    return (async function* () {
      const { path, sizeBytes } = await blobs.get(digest);
      yield* fileBytes(path, sizeBytes - offset, offset);
    })();
  }

  async mountFrom({ digest }: Descriptor, registry: string): Promise<readonly string[]> {
    const { store } = this.#layers;
    const layer = await store.encodings.findLayer(digest);
    const sources = layer === undefined ? [] : ((await store.layers.find(layer.diffId))?.sources ?? []);
    return sources
      .filter((source) => source.digest === digest && source.repository.startsWith(`${registry}/`))
      .map((source) => source.repository.slice(registry.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
