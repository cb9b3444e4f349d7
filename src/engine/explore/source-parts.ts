import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createHash } from 'node:crypto';
import { decompress, sniffCompression, type Compression } from '../../archive/index.ts';
import { ShaleError, type ByteStream } from '../../base/index.ts';
import type { ExploredImage, LayerPart } from '../../explore/index.ts';
import {
  chooseManifest,
  LAYER_BYTES_MAX,
  listedImage,
  openArchive,
  platformOf,
  readImage,
  type ImageArchive,
  type ImageSource,
} from '../../images/index.ts';
import { lookElsewhere, type FileRegion } from '../../layers/index.ts';
import {
  digestOf,
  formatPlatform,
  hostPlatform,
  layerCompression,
  ociLayerType,
  parseManifest,
  parsePlatform,
  platformMatches,
  type Descriptor,
  type DiffId,
  type ImageConfig,
} from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { isPlace, openSource, parsePlace, type Place } from '../places.ts';
import type { Watch } from '../watch.ts';
import { storedLayer, type FoundParts } from './stored-parts.ts';

const SOURCES: Readonly<Record<Place['kind'], ExploredImage['source']>> = {
  docker: 'registry',
  store: 'store',
  oci: 'layout',
  'oci-archive': 'layout-archive',
  'docker-archive': 'docker-archive',
  dir: 'folder',
};

/** What an image is named by: a place, a path with a slash in it, else a name of the store. @throws PLACE_INVALID, IMAGE_NOT_FOUND */
export function placeOf(text: string, folder: string): Place {
  if (isPlace(text)) return parsePlace(text, folder);
  const path = resolve(folder, text);
  if (!/^\.{0,2}\//.test(text)) return { kind: 'store', image: text };
  if (!existsSync(path)) throw new ShaleError('IMAGE_NOT_FOUND', `there is no ${path}`, { data: { path } });
  if (!statSync(path).isDirectory()) return { kind: 'docker-archive', path, name: undefined };
  if (existsSync(join(path, 'oci-layout'))) return { kind: 'oci', path, name: undefined };
  return { kind: 'dir', path };
}

export function sourceOf(place: Place): ExploredImage['source'] {
  return SOURCES[place.kind];
}

/** How a layer is read where it lies. */
interface Blob {
  readonly diffId: DiffId;
  /** Undefined where only its diffId is known. */
  readonly descriptor: Descriptor | undefined;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly compression: Compression;
  open(offset: number): ByteStream;
  /** Where an uncompressed one lies in an open file. */
  readonly region?: FileRegion;
}

/** An image that is not in the store, or not only: its layers are looked into where they lie. */
export async function sourceParts(
  context: EngineContext,
  place: Exclude<Place, { kind: 'store' }>,
  options: { readonly platform: string | undefined; readonly watch: Watch },
): Promise<FoundParts> {
  if (place.kind === 'docker-archive') return await archiveParts(context, place, options);
  await using stack = new AsyncDisposableStack();
  const source = stack.use(await openSource(context, place, options.watch));
  const found = await partsOfSource(context, source, options);
  const kept = stack.move();
  return { ...found, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function partsOfSource(
  context: EngineContext,
  source: ImageSource,
  { platform, watch }: { readonly platform: string | undefined; readonly watch: Watch },
): Promise<Omit<FoundParts, typeof Symbol.asyncDispose>> {
  const top = await source.root();
  const isIndex = parseManifest(top.bytes, top.mediaType).kind === 'index';
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const { document, manifest, config } =
    isIndex || platform !== undefined ? await chooseManifest(source, top, wanted) : await readImage(source, top);
  const blobs = manifest.layers.flatMap((layer, number): Blob[] => {
    const diffId = config.diffIds[number];
    const compression = layerCompression(layer.mediaType);
    if (diffId === undefined || compression === undefined) return [];
    return [
      {
        diffId,
        descriptor: layer,
        sizeBytes: layer.size,
        mediaType: layer.mediaType,
        compression,
        open: (offset) => source.blob(layer, offset),
      },
    ];
  });
  return {
    id: manifest.config.digest,
    digest: document.digest,
    config,
    layers: await layerParts(context, blobs, watch),
    tags: [],
    annotations: manifest.annotations ?? {},
  };
}

/** An archive of `docker save`, or of a layout: which, is seen when it is open. Layers are not hashed to be found. */
async function archiveParts(
  context: EngineContext,
  place: Extract<Place, { readonly name: string | undefined }>,
  options: { readonly platform: string | undefined; readonly watch: Watch },
): Promise<FoundParts> {
  await using stack = new AsyncDisposableStack();
  if (!existsSync(place.path))
    throw new ShaleError('IMAGE_NOT_FOUND', `there is no ${place.path}`, { data: { path: place.path } });
  const { archive } = stack.use(await openArchive(context.store, { file: place.path }, options.watch.signal));
  if (!archive.has('manifest.json')) {
    await stack.disposeAsync();
    return await sourceParts(context, { ...place, kind: 'oci-archive' }, options);
  }
  const { configBytes, parsed, layers, names } = listedImage(archive, place.path, place.name);
  refuseOtherPlatform(parsed, options.platform);
  const blobs: Blob[] = [];
  for (const [number, member] of layers.entries()) {
    const diffId = parsed.diffIds[number];
    if (diffId !== undefined) blobs.push(await memberBlob(archive, member, diffId));
  }
  const parts = await layerParts(context, blobs, options.watch);
  const kept = stack.move();
  return {
    id: digestOf(configBytes),
    digest: undefined,
    config: parsed,
    layers: parts,
    tags: names,
    annotations: {},
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** An archive has an image for one platform under each name. */
function refuseOtherPlatform(config: ImageConfig, wanted: string | undefined): void {
  const own = platformOf(config);
  if (wanted === undefined || platformMatches(parsePlatform(wanted), own)) return;
  throw new ShaleError('PLATFORM_UNKNOWN', `the image has no ${wanted}`, { hint: `it is for ${formatPlatform(own)}` });
}

async function memberBlob(archive: ImageArchive, member: string, diffId: DiffId): Promise<Blob> {
  let compression: Compression = 'none';
  for await (const chunk of archive.stream(member)) {
    compression = sniffCompression(chunk);
    break;
  }
  return {
    diffId,
    descriptor: undefined,
    sizeBytes: archive.sizeOf(member),
    mediaType: ociLayerType(compression === 'gzip' || compression === 'zstd' ? compression : 'none'),
    compression,
    open: (offset) => archive.stream(member, offset),
    ...(compression === 'none' && { region: archive.regionOf(member) }),
  };
}

/** One after the other: whoever looks has time, and may have little memory. */
async function layerParts(context: EngineContext, blobs: readonly Blob[], watch: Watch): Promise<LayerPart[]> {
  const { store, layers } = context;
  const parts: LayerPart[] = [];
  for (const [number, blob] of blobs.entries()) {
    const { diffId, descriptor } = blob;
    if ((await store.blobs.find(diffId)) !== undefined) {
      const part = storedLayer(await layers.open(diffId), descriptor);
      parts.push({ ...part, compressedBytes: blob.sizeBytes, mediaType: blob.mediaType });
      continue;
    }
    const step = { number: number + 1, name: `look into layer ${number + 1} of ${blobs.length}` };
    const tar = () => told(context, watch, step, tarOf(blob, watch.signal));
    const looked = await lookElsewhere(store, diffId, tar, watch.signal);
    parts.push({
      diffId,
      digest: descriptor?.digest,
      mediaType: blob.mediaType,
      compressedBytes: blob.sizeBytes,
      tarBytes: looked.tarBytes,
      index: looked.index,
      locate: (node) => looked.locateKept(node) ?? inRegion(blob, node),
      open: (node, offset) => contentOf(blob, node, offset, watch.signal),
    });
  }
  return parts;
}

/** Passes a tar on, as one step of the progress. */
async function* told(
  { options: { now } }: EngineContext,
  { progress }: Watch,
  { number, name }: { readonly number: number; readonly name: string },
  tar: ByteStream,
): AsyncGenerator<Uint8Array> {
  const id = `explore ${name}`;
  progress?.({ kind: 'vertex-started', id, number, name, time: now() });
  yield* tar;
  progress?.({ kind: 'vertex-done', id, cached: false, time: now() });
}

function inRegion({ region }: Blob, node: Parameters<LayerPart['locate']>[0]): ReturnType<LayerPart['locate']> {
  const { source, offset } = node.data();
  if (region === undefined || source !== 'tar') return undefined;
  return { path: `/dev/fd/${region.fd}`, offset: region.offset + offset, sizeBytes: node.sizeBytes };
}

async function* tarOf(blob: Blob, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (blob.compression === 'none') return yield* blob.open(0);
  const { stream } = await decompress(blob.open(0), {
    maxBytes: LAYER_BYTES_MAX,
    what: `the layer ${blob.diffId}`,
    isTransient: true,
    signal,
  });
  yield* stream;
}

/**
 * The bytes of a file, from where its layer lies: asked for by their place where that is uncompressed, else unpacked up to
 * there. A whole file is verified against the digest that the index has of it.
 */
async function* contentOf(
  blob: Blob,
  node: Parameters<LayerPart['open']>[0],
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { source, offset: start } = node.data();
  if (source !== 'tar')
    throw new ShaleError('EXPLORE_SPARSE', 'a sparse file cannot be read out of a layer that is not in the store', {
      data: { diffId: blob.diffId },
      hint: 'shale pull, or shale load, and look into the image of the store',
    });
  if (offset >= node.sizeBytes) return;
  const from = start + offset;
  const isPlain = blob.compression === 'none';
  const hash = offset === 0 ? createHash('sha256') : undefined;
  let skip = isPlain ? 0 : from;
  let left = node.sizeBytes - offset;
  for await (const chunk of isPlain ? blob.open(from) : tarOf(blob, signal)) {
    signal.throwIfAborted();
    if (skip >= chunk.byteLength) {
      skip -= chunk.byteLength;
      continue;
    }
    const part = chunk.subarray(skip, skip + left);
    skip = 0;
    left -= part.byteLength;
    hash?.update(part);
    // What is unpacked holds good until the next chunk is asked for, and readers gather.
    yield isPlain ? part : Buffer.from(part);
    if (left === 0) break;
  }
  const expected = node.sha256();
  if (left > 0 || (hash !== undefined && expected !== undefined && Buffer.compare(hash.digest(), expected) !== 0))
    throw new ShaleError('DIGEST_MISMATCH', `the layer ${blob.diffId} is not as it was when it was looked into`, {
      data: { diffId: blob.diffId },
    });
}
