import type { Layers } from '../layers/index.ts';
import { CONFIG_MAX_BYTES, type Digest, type LayerCompression } from '../oci/index.ts';
import type { ImageRecord, Store } from '../store/index.ts';
import { writeArchive, type ArchiveFormat, type PackedItem } from './archive.ts';
import { holdImage } from './held-image.ts';
import { readImageSet, readPredicates, type ImageOfSet, type ImageSet } from './image-set.ts';
import { packImage, packIndex, type PackedImage, type Packing } from './pack.ts';
import type { FoundImage } from './resolve.ts';

export interface SaveOptions {
  readonly format: ArchiveFormat;
  readonly compression: LayerCompression;
  readonly signal: AbortSignal;
}

/**
 * Writes images as one archive: configs byte for byte, layers uncompressed unless a compression is asked for. The same images give the same bytes. Layers
 * that several images share are written once. A name that leads to several platforms gets an index of all of them.
 * @throws LAYER_NOT_FOUND, BLOB_CORRUPT
 */
export async function* saveArchive(
  layers: Layers,
  images: readonly FoundImage[],
  options: SaveOptions,
): AsyncGenerator<Uint8Array> {
  const items: PackedItem[] = [];
  for (const image of images)
    items.push(
      await packFound(
        layers,
        image,
        {
          compression: options.compression,
          mediaTypes: 'oci',
          // An archive for docker has none.
          ...(options.format === 'docker' && { attestationStyle: 'referrers' }),
        },
        options.signal,
      ),
    );
  yield* writeArchive(items, options);
}

/**
 * Packs what a name was found to lead to: an image, or all the images of a set with what their documents say. Attestations go
 * along as the set says where `packing` does not.
 */
export async function packFound(
  layers: Layers,
  found: FoundImage,
  packing: Packing,
  signal: AbortSignal,
): Promise<PackedItem> {
  let style = packing.attestationStyle;
  const pack = async (record: ImageRecord, said: Partial<ImageOfSet> = {}): Promise<PackedImage> => {
    const config = await layers.store.blobs.read(record.id, CONFIG_MAX_BYTES);
    const { platform, diffIds } = record;
    const attestations = await readPredicates(layers.store, said.attestations);
    const { annotations } = said;
    const how = { ...packing, attestationStyle: style, annotations, signal };
    return packImage(layers, { config, platform, diffIds, attestations }, how);
  };
  const name = found.reference;
  if (found.set === undefined) return { images: [await pack(await heldImage(layers.store, found.record.id))], name };
  const set = await readImageSet(layers.store, found.set.digest);
  style = packing.attestationStyle ?? set.attestationStyle;
  const images: PackedImage[] = [];
  const records = await Promise.all(set.images.map(({ id }) => heldImage(layers.store, id)));
  for (const [i, record] of records.entries()) images.push(await pack(record, set.images[i]));
  return { images, index: indexOf(set, images, packing), name };
}

/** @throws IMAGE_NOT_FOUND when it has gone already */
async function heldImage(store: Store, id: Digest): Promise<ImageRecord> {
  return (await holdImage(store, id)) ?? (await store.images.get(id));
}

function indexOf(set: ImageSet, images: readonly PackedImage[], packing: Packing): PackedItem['index'] {
  if (set.kind === 'image' && images.every(({ beside }) => beside.length === 0)) return undefined;
  return packIndex(images, {
    mediaTypes: packing.mediaTypes,
    annotations: set.annotations,
    descriptorAnnotations: set.descriptorAnnotations,
  });
}
