import { collect, mapPool, ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  isIndexType,
  isManifestType,
  parseManifest,
  platformMatches,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type Platform,
} from '../oci/index.ts';
import type { ImageIndexEntry, ImageIndexRecord, NewImage, Store } from '../store/index.ts';
import { chooseManifest, isImage, readImage, type FoundManifest } from './choose.ts';
import type { Document, ImageSource, TellBlob } from './content.ts';
import { describeImage } from './image-file.ts';
import { takeLayer } from './take-layer.ts';

/** Layers that are fetched at once, the lowest first. */
const LAYERS_AT_ONCE = 4;
/** Images that one index may bring. */
const IMAGES_MAX = 200;
/** Bytes of a blob of an artifact that is kept for its index. */
const ARTIFACT_BLOB_MAX_BYTES: number = 64 * 1024 * 1024;

export interface TakeOptions {
  /** `all`: every image of an index, and the index itself; `any`: an image of one platform, whichever it is. */
  readonly platform: Platform | 'all' | 'any';
  /** True: manifest and config only; the layers come when something needs them. */
  readonly lazy: boolean;
  /** The name that the image gets, in full; none when absent. */
  readonly name: string | undefined;
  /** For the tag's history. */
  readonly reason: string;
  readonly signal: AbortSignal;
  readonly tell?: TellBlob | undefined;
}

export interface TakenImage {
  readonly id: Digest;
  /** Of the manifest or index that the name led to. */
  readonly digest: Digest;
  readonly config: ImageConfig;
}

/**
 * Brings an image from a source into the store. Layers that are there are not fetched; the name moves when everything is
 * there and durable.
 * @throws PLATFORM_UNKNOWN, MANIFEST_INVALID, DIGEST_MISMATCH, and what the source throws
 */
export async function takeImage(layers: Layers, source: ImageSource, options: TakeOptions): Promise<TakenImage> {
  const top = await source.root();
  const { platform } = options;
  if (platform === 'all' && parseManifest(top.bytes, top.mediaType).kind === 'index')
    return await takeIndex(layers, source, top, options);
  const found =
    platform === 'all' || platform === 'any'
      ? await readImage(source, top)
      : await chooseManifest(source, top, platform);
  const image = await takeOne(layers, source, found, options);
  const moves =
    options.name !== undefined &&
    !(options.lazy && (await isOtherPlatform(layers.store, options.name, image.platform)));
  const tags = moves ? [{ name: options.name, target: { kind: 'image', digest: image.id } as const }] : [];
  await layers.store.publish({ images: [image], tags, reason: options.reason });
  return { id: image.id, digest: top.digest, config: found.config };
}

/** Manifest, config and layers of one image; the record is the caller's to publish. */
async function takeOne(
  layers: Layers,
  source: ImageSource,
  { document, manifest, configBytes, config }: FoundManifest,
  options: TakeOptions,
): Promise<NewImage> {
  const { store } = layers;
  const id = await store.blobs.put(configBytes);
  await store.blobs.put(document.bytes);
  const repository = source.repository && `${source.repository.registry}/${source.repository.path}`;
  const pairs = config.diffIds.flatMap((diffId, at) => {
    const layer = manifest.layers[at];
    return layer === undefined ? [] : [{ diffId, layer }];
  });
  for (const { diffId, layer } of repository === undefined ? [] : pairs) {
    const { digest, size, mediaType } = layer;
    await store.layers.put({ diffId, sources: [{ repository: repository ?? '', digest, sizeBytes: size, mediaType }] });
  }
  const { signal, tell } = options;
  if (!options.lazy)
    await mapPool(pairs, LAYERS_AT_ONCE, (pair) => takeLayer(layers, source, { ...pair, signal, tell }));
  const record = {
    digest: document.digest,
    sizeBytes: document.bytes.byteLength,
    mediaType: manifest.mediaType,
    repositories: repository === undefined ? [] : [repository],
  };
  return { ...(await describeImage(store, id, config, { madeHere: false })), manifests: [record] };
}

/** A build for another platform leaves the name to the image that people run here, or to the set of several platforms. */
async function isOtherPlatform(store: Store, name: string, platform: Platform): Promise<boolean> {
  const tag = await store.tags.find(name);
  if (tag?.target.kind === 'index') return true;
  const image = tag && (await store.images.find(tag.target.digest));
  return image !== undefined && !platformMatches(image.platform, platform);
}

/** Every image of an index, and what else it names, as bytes. */
async function takeIndex(
  layers: Layers,
  source: ImageSource,
  top: Document,
  options: TakeOptions,
): Promise<TakenImage> {
  const { store } = layers;
  const parsed = parseManifest(top.bytes, top.mediaType);
  const listed = parsed.kind === 'index' ? parsed.index.manifests : [];
  if (listed.length > IMAGES_MAX)
    throw new ShaleError('LIMIT_EXCEEDED', `the index names ${listed.length} manifests, more than ${IMAGES_MAX}`);
  await store.blobs.put(top.bytes);
  const images: NewImage[] = [];
  const entries: ImageIndexEntry[] = [];
  let first: FoundManifest | undefined;
  for (const descriptor of listed) {
    const document = await source.manifest(descriptor);
    const image = await takeEntry(layers, source, document, { descriptor, options });
    if (image !== undefined) images.push(image.image);
    first ??= image?.found;
    entries.push(entryOf(descriptor, image?.image.id));
  }
  if (first === undefined) throw new ShaleError('MANIFEST_INVALID', 'the index names no image');
  const { signal: _signal, name, reason } = options;
  const record: Omit<ImageIndexRecord, 'addedAt'> = {
    digest: top.digest,
    mediaType: parsed.kind === 'index' ? parsed.index.mediaType : top.mediaType,
    sizeBytes: top.bytes.byteLength,
    entries,
    repositories: source.repository === undefined ? [] : [`${source.repository.registry}/${source.repository.path}`],
  };
  const tags = name === undefined ? [] : [{ name, target: { kind: 'index', digest: top.digest } as const }];
  await store.publish({ images, indexes: [record], tags, reason });
  return { id: images[0]?.id ?? top.digest, digest: top.digest, config: first.config };
}

export function entryOf(descriptor: Descriptor, imageId: Digest | undefined): ImageIndexEntry {
  const { digest, size, mediaType, platform } = descriptor;
  return { digest, sizeBytes: size, mediaType, platform, imageId };
}

async function takeEntry(
  layers: Layers,
  source: ImageSource,
  document: Document,
  { descriptor, options }: { readonly descriptor: Descriptor; readonly options: TakeOptions },
): Promise<{ image: NewImage; found: FoundManifest } | undefined> {
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) {
    await layers.store.blobs.put(document.bytes);
    return undefined;
  }
  const parsed = parseManifest(document.bytes, descriptor.mediaType);
  if (parsed.kind === 'index')
    throw new ShaleError('MANIFEST_INVALID', 'an index within an index is not taken', {
      hint: 'pull one platform of it: --platform OS/ARCH',
    });
  const isRunnable = isImage(parsed.manifest) && descriptor.platform?.os !== 'unknown';
  if (!isRunnable) {
    await takeArtifact(layers.store, source, { document, manifest: parsed.manifest });
    return undefined;
  }
  const found = await readImage(source, document, descriptor.mediaType);
  return { image: await takeOne(layers, source, found, options), found };
}

/** An artifact is kept byte for byte, whatever it is. */
async function takeArtifact(
  store: Store,
  source: ImageSource,
  { document, manifest }: { readonly document: Document; readonly manifest: ImageManifest },
): Promise<void> {
  for (const blob of [manifest.config, ...manifest.layers]) {
    if ((await store.blobs.find(blob.digest)) !== undefined) continue;
    await store.blobs.put(await collect(source.blob(blob), ARTIFACT_BLOB_MAX_BYTES, `the blob ${blob.digest}`));
  }
  await store.blobs.put(document.bytes);
}
