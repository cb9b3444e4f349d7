import { isShaleError } from '../base/index.ts';
import {
  CONFIG_MAX_BYTES,
  formatImageConfig,
  parseImageConfig,
  type DiffId,
  type Digest,
  type ImageConfig,
  type Platform,
} from '../oci/index.ts';
import type { ImageRecord, NewImage, Store } from '../store/index.ts';

/**
 * The config of a stored image.
 * @throws IMAGE_NOT_FOUND for one that was removed meanwhile, BLOB_NOT_FOUND, BLOB_CORRUPT, CONFIG_INVALID
 */
export async function readConfig(store: Store, id: Digest): Promise<ImageConfig> {
  try {
    return parseImageConfig(await store.blobs.read(id, CONFIG_MAX_BYTES));
  } catch (error) {
    if (isShaleError(error, 'BLOB_NOT_FOUND')) await store.images.get(id);
    throw error;
  }
}

export function platformOf(config: ImageConfig): Platform {
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant !== undefined && { variant: config.variant }),
    ...(config.osVersion !== undefined && { osVersion: config.osVersion }),
  };
}

/** Stores a config and describes the image that it makes; the layers are in the store already. */
export async function putImage(
  store: Store,
  config: ImageConfig,
  options: { readonly madeHere: boolean },
): Promise<NewImage> {
  const id = await store.blobs.put(formatImageConfig(config));
  return describeImage(store, id, config, options);
}

/** The record of an image whose config is in the store. */
export async function describeImage(
  store: Store,
  id: Digest,
  config: ImageConfig,
  options: { readonly madeHere: boolean },
): Promise<NewImage> {
  return {
    id,
    platform: platformOf(config),
    diffIds: config.diffIds,
    created: config.created,
    madeHere: options.madeHere,
    sizeBytes: await sizeOf(store, config.diffIds),
    manifests: [],
  };
}

async function sizeOf(store: Store, diffIds: readonly DiffId[]): Promise<number | undefined> {
  let sum = 0;
  for (const diffId of diffIds) {
    const size = (await store.layers.find(diffId))?.sizeBytes;
    if (size === undefined) return undefined;
    sum += size;
  }
  return sum;
}

/** What an image is when it is only looked at: record and config. */
export interface ImageView {
  readonly record: ImageRecord;
  readonly config: ImageConfig;
}
