import { createReadStream } from 'node:fs';
import { ShaleError } from '../../base/index.ts';
import type { HistoryPart, LayerPart } from '../../explore/index.ts';
import { getImage, getPlatformImage, readConfig } from '../../images/index.ts';
import type { Layer } from '../../layers/index.ts';
import {
  familiarName,
  isManifestType,
  MANIFEST_MAX_BYTES,
  parseManifest,
  parsePlatform,
  parseReference,
  type Descriptor,
  type Digest,
  type DiffId,
  type ImageConfig,
} from '../../oci/index.ts';
import type { ImageRecord, Store } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';

/** An image as it was found, before its build is looked up. */
export interface FoundParts extends AsyncDisposable {
  readonly id: Digest;
  readonly digest: Digest | undefined;
  readonly config: ImageConfig;
  readonly layers: readonly LayerPart[];
  readonly tags: readonly string[];
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** An image of the store. Layers that are known and not here are fetched, as for every other use of them. */
export async function storedParts(
  context: EngineContext,
  name: string,
  platform: string | undefined,
): Promise<FoundParts> {
  const { store, layers } = context;
  const { record } =
    platform === undefined ? await getImage(store, name) : await getPlatformImage(store, name, parsePlatform(platform));
  const config = await readConfig(store, record.id);
  const manifest = await manifestOf(store, record);
  const parts: LayerPart[] = [];
  for (const [number, diffId] of config.diffIds.entries())
    parts.push(storedLayer(await layers.open(diffId), await sentAs(store, diffId, manifest?.layers[number])));
  return {
    id: record.id,
    digest: manifest?.digest,
    config,
    layers: parts,
    tags: await tagsOf(store, record),
    annotations: manifest?.annotations ?? {},
    async [Symbol.asyncDispose]() {},
  };
}

/** A layer that lies in the store. */
export function storedLayer(layer: Layer, blob: Descriptor | undefined): LayerPart {
  const locate: LayerPart['locate'] = (node) => {
    const { source, offset } = node.data();
    const path = source === 'tar' ? layer.tarPath : layer.expandedPath;
    return path === undefined ? undefined : { path, offset, sizeBytes: node.sizeBytes };
  };
  return {
    diffId: layer.diffId,
    digest: blob?.digest,
    mediaType: blob?.mediaType,
    compressedBytes: blob?.size,
    tarBytes: layer.tarSizeBytes,
    index: layer.index,
    locate,
    async *open(node, offset) {
      if (offset >= node.sizeBytes) return;
      const place = locate(node);
      if (place === undefined)
        throw new ShaleError('INDEX_STALE', `the layer ${layer.diffId} lacks the expanded data of its sparse files`);
      const range = { start: place.offset + offset, end: place.offset + node.sizeBytes - 1 };
      for await (const chunk of createReadStream(place.path, range)) yield chunk as Buffer; // No encoding is set.
    },
  };
}

async function manifestOf(store: Store, { manifests }: ImageRecord) {
  for (const { digest, mediaType } of manifests) {
    if (!isManifestType(mediaType) || (await store.blobs.find(digest)) === undefined) continue;
    const parsed = parseManifest(await store.blobs.read(digest, MANIFEST_MAX_BYTES), mediaType);
    if (parsed.kind === 'manifest') return { digest, ...parsed.manifest };
  }
  return undefined;
}

/** The blob that a layer came as, or was sent as last. */
async function sentAs(store: Store, diffId: DiffId, named: Descriptor | undefined): Promise<Descriptor | undefined> {
  if (named !== undefined) return named;
  const [encoding] = await store.encodings.list(diffId);
  return encoding && { mediaType: encoding.mediaType, digest: encoding.digest, size: encoding.sizeBytes };
}

async function tagsOf(store: Store, { id }: ImageRecord): Promise<string[]> {
  const tags = await store.tags.list();
  return tags.flatMap(({ name, target }) => (target.digest === id ? [familiarName(parseReference(name))] : []));
}

/** The history of a config, oldest first. */
export function historyParts({ history }: ImageConfig): HistoryPart[] {
  return history.map(({ createdBy = '', comment = '', created, emptyLayer }) => ({
    createdBy,
    comment,
    created,
    isEmptyLayer: emptyLayer === true,
  }));
}
