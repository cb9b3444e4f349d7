import { decompress } from '../archive/index.ts';
import { collect, ShaleError, type ByteStream } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  formatPlatform,
  formatReference,
  layerCompression,
  parseImageConfig,
  parseManifest,
  platformMatches,
  type Descriptor,
  type DiffId,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type Platform,
  type Reference,
} from '../oci/index.ts';
import { openRepository, type FetchedManifest, type RegistryOptions, type Repository } from '../registry/index.ts';
import type { LayerSource, Store } from '../store/index.ts';
import { describeImage, platformOf } from './image-file.ts';
import { fetchFromLayout, isLayoutSource } from './layout-source.ts';
import { LAYER_BYTES_MAX } from './load.ts';

/** What a pull tells while it runs. */
export interface PullProgress {
  layer(
    digest: Digest,
    state: {
      readonly kind: 'present' | 'pulling' | 'done';
      readonly currentBytes: number;
      readonly totalBytes: number;
    },
  ): void;
}

export interface PullOptions {
  readonly platform: Platform;
  readonly registry: RegistryOptions;
  readonly progress?: PullProgress;
  /** True: manifest and config only; the layers come when something needs them. */
  readonly lazy: boolean;
}

export interface PulledImage {
  readonly id: Digest;
  /** Of the manifest or index that the name led to. */
  readonly digest: Digest;
  readonly config: ImageConfig;
}

/**
 * Pulls an image of one platform. Layers that are there are not fetched; each one that is comes in a single pass from the
 * socket to a verified tar with its index. The tag moves when everything is there and durable.
 * @throws MANIFEST_UNKNOWN, PLATFORM_UNKNOWN, DIGEST_MISMATCH, and what the registry client throws
 */
export async function pullImage(layers: Layers, reference: Reference, options: PullOptions): Promise<PulledImage> {
  const { store } = layers;
  const repository = openRepository(reference, options.registry);
  const top = await repository.manifest(reference.digest ?? reference.tag ?? 'latest');
  const { fetched, manifest } = await chooseManifest(repository, top, options.platform);
  const configBytes = await collect(repository.blob(manifest.config), CONFIG_MAX_BYTES, 'the image config');
  const config = parseImageConfig(configBytes);
  if (manifest.layers.length !== config.diffIds.length)
    throw new ShaleError(
      'MANIFEST_INVALID',
      `the manifest has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
    );
  const id = await store.blobs.put(configBytes);
  await store.blobs.put(fetched.bytes);
  const repositoryName = `${reference.registry}/${reference.repository}`;
  for (const [at, diffId] of config.diffIds.entries()) {
    const layer = manifest.layers[at];
    if (layer === undefined) continue;
    await store.layers.put({ diffId, sources: [sourceOf(layer, repositoryName)] });
    if (!options.lazy) await fetchLayer(layers, repository, { diffId, layer, options });
  }
  const image = await describeImage(store, id, config, { madeHere: false });
  const record = {
    digest: fetched.digest,
    sizeBytes: fetched.bytes.length,
    mediaType: manifest.mediaType,
    repositories: [repositoryName],
  };
  const name = reference.tag === undefined ? undefined : formatReference({ ...reference, digest: undefined });
  const moves = name !== undefined && !(options.lazy && (await isOtherPlatform(store, name, image.platform)));
  const tags = moves ? [{ name, target: { kind: 'image', digest: id } as const }] : [];
  await store.publish({ images: [{ ...image, manifests: [record] }], tags, reason: 'pull' });
  return { id, digest: top.digest, config };
}

/** A build for another platform leaves the name to the image that people run here, or to the set of several platforms. */
async function isOtherPlatform(store: Store, name: string, platform: Platform): Promise<boolean> {
  const tag = await store.tags.find(name);
  if (tag?.target.kind === 'index') return true;
  const image = tag && (await store.images.find(tag.target.digest));
  return image !== undefined && !platformMatches(image.platform, platform);
}

/**
 * Brings one layer of a lazily pulled image into the store, from the first source that has it.
 * @throws LAYER_NOT_FOUND when there is no source
 */
export async function fetchFromSources(
  layers: Layers,
  diffId: DiffId,
  options: Pick<PullOptions, 'registry' | 'progress'>,
): Promise<void> {
  const sources = (await layers.store.layers.find(diffId))?.sources ?? [];
  let failure: unknown = new ShaleError(
    'LAYER_NOT_FOUND',
    `the layer ${diffId} is not in the store and no registry is known to have it`,
    { data: { diffId } },
  );
  for (const source of sources) {
    if (isLayoutSource(source)) {
      try {
        return await fetchFromLayout(layers, diffId, source, options.registry.signal);
      } catch (error) {
        options.registry.signal.throwIfAborted();
        failure = error;
        continue;
      }
    }
    const slash = source.repository.indexOf('/');
    const reference: Reference = {
      registry: source.repository.slice(0, slash),
      repository: source.repository.slice(slash + 1),
      tag: undefined,
      digest: undefined,
    };
    const layer: Descriptor = { mediaType: source.mediaType, digest: source.digest, size: source.sizeBytes };
    try {
      return await fetchLayer(layers, openRepository(reference, options.registry), { diffId, layer, options });
    } catch (error) {
      options.registry.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

interface LayerRequest {
  readonly diffId: DiffId;
  readonly layer: Descriptor;
  readonly options: Pick<PullOptions, 'registry' | 'progress'>;
}

async function fetchLayer(
  layers: Layers,
  repository: Repository,
  { diffId, layer, options }: LayerRequest,
): Promise<void> {
  const { store } = layers;
  const total = layer.size;
  if ((await store.blobs.find(diffId)) !== undefined) {
    options.progress?.layer(layer.digest, { kind: 'present', currentBytes: total, totalBytes: total });
    return;
  }
  if (layerCompression(layer.mediaType) === undefined)
    throw new ShaleError('MANIFEST_INVALID', `${layer.mediaType} is not a layer`);
  const { signal } = options.registry;
  const counted = count(repository.blob(layer), (currentBytes) =>
    options.progress?.layer(layer.digest, { kind: 'pulling', currentBytes, totalBytes: total }),
  );
  const { stream } = await decompress(counted, { maxBytes: LAYER_BYTES_MAX, what: `the layer ${diffId}`, signal });
  await layers.ingest(stream, { expectedDiffId: diffId, signal });
  await store.encodings.add(diffId, {
    digest: layer.digest,
    sizeBytes: total,
    mediaType: layer.mediaType,
    compressor: 'foreign',
  });
  options.progress?.layer(layer.digest, { kind: 'done', currentBytes: total, totalBytes: total });
}

/** Follows indexes to the manifest of one platform; the first entry that matches counts (image-index.md). */
async function chooseManifest(
  repository: Repository,
  top: FetchedManifest,
  platform: Platform,
): Promise<{ fetched: FetchedManifest; manifest: ImageManifest }> {
  const document = parseManifest(top.bytes, top.mediaType);
  if (document.kind === 'manifest') {
    await refuseOtherPlatform(repository, document.manifest, platform);
    return { fetched: top, manifest: document.manifest };
  }
  const offered = document.index.manifests.filter(
    (entry) => entry.platform !== undefined && entry.platform.os !== 'unknown',
  );
  const entry =
    offered.find((one) => one.platform !== undefined && platformMatches(platform, one.platform)) ??
    (offered.length === 0 ? document.index.manifests[0] : undefined);
  if (entry === undefined) {
    const list = offered.map((one) => (one.platform === undefined ? '' : formatPlatform(one.platform))).join(', ');
    throw new ShaleError('PLATFORM_UNKNOWN', `the image has no ${formatPlatform(platform)}`, {
      hint: `it has ${list}`,
    });
  }
  const fetched = await repository.manifest(entry.digest);
  const inner = parseManifest(fetched.bytes, entry.mediaType);
  if (inner.kind === 'index')
    throw new ShaleError('MANIFEST_INVALID', 'an index within an index is not an image of one platform');
  return { fetched, manifest: inner.manifest };
}

async function refuseOtherPlatform(repository: Repository, manifest: ImageManifest, platform: Platform): Promise<void> {
  if (layerCompression(manifest.layers[0]?.mediaType ?? '') === undefined && manifest.layers.length > 0)
    throw new ShaleError('MANIFEST_INVALID', 'this is an artifact, not an image');
  const own = platformOf(
    parseImageConfig(await collect(repository.blob(manifest.config), CONFIG_MAX_BYTES, 'the image config')),
  );
  if (platformMatches(platform, own)) return;
  throw new ShaleError('PLATFORM_UNKNOWN', `the image has no ${formatPlatform(platform)}`, {
    hint: `it is for ${formatPlatform(own)}`,
  });
}

function sourceOf(layer: Descriptor, repository: string): LayerSource {
  return { repository, digest: layer.digest, sizeBytes: layer.size, mediaType: layer.mediaType };
}

async function* count(stream: ByteStream, tell: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.byteLength;
    tell(bytes);
    yield chunk;
  }
}
