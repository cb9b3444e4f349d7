import { isShaleError, ShaleError } from '../base/index.ts';
import {
  digestFromHex,
  familiarName,
  formatReference,
  isDigest,
  parseReference,
  platformMatches,
  type Platform,
} from '../oci/index.ts';
import type { ImageRecord, Store, TagTarget } from '../store/index.ts';

/** An image with the name that it was found by, where it was one. */
export interface FoundImage {
  readonly record: ImageRecord;
  /** In full, when a tag led here; undefined for ids and digests. */
  readonly reference: string | undefined;
}

/**
 * Finds an image by what people write: a tag, a digest, an id or the beginning of one; tags win over beginnings of ids.
 * Of a tag on several platforms the one asked for is taken.
 * @throws NAME_AMBIGUOUS
 */
export async function findImage(store: Store, name: string, platform?: Platform): Promise<FoundImage | undefined> {
  const byTag = await findByReference(store, name, platform);
  if (byTag !== undefined) return byTag;
  const hex = name.startsWith('sha256:') ? name.slice('sha256:'.length) : name;
  if (/^[0-9a-f]{64}$/.test(hex)) {
    const digest = digestFromHex(hex);
    const record = (await store.images.find(digest)) ?? (await store.images.findByManifest(digest));
    return record && { record, reference: undefined };
  }
  if (!/^[0-9a-f]{4,63}$/.test(hex)) return undefined;
  const record = await store.images.findByPrefix(hex);
  return record && { record, reference: undefined };
}

/** As `findImage`. @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS */
export async function getImage(store: Store, name: string, platform?: Platform): Promise<FoundImage> {
  const found = await findImage(store, name, platform);
  if (found !== undefined) return found;
  throw new ShaleError('IMAGE_NOT_FOUND', `there is no image ${name} in the store`, {
    data: { name },
    hint: `shale pull ${name}`,
  });
}

async function findByReference(
  store: Store,
  name: string,
  platform: Platform | undefined,
): Promise<FoundImage | undefined> {
  let reference;
  try {
    reference = parseReference(name);
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return undefined;
    throw error;
  }
  if (reference.digest !== undefined) {
    const record = await recordOf(store, { kind: 'image', digest: reference.digest }, platform);
    return record && { record, reference: undefined };
  }
  const full = formatReference(reference);
  const tag = await store.tags.find(full);
  const record = tag && (await recordOf(store, tag.target, platform));
  return record && { record, reference: full };
}

async function recordOf(
  store: Store,
  target: TagTarget,
  platform: Platform | undefined,
): Promise<ImageRecord | undefined> {
  if (target.kind === 'image') {
    const record = (await store.images.find(target.digest)) ?? (await store.images.findByManifest(target.digest));
    if (record !== undefined) return record;
  }
  const index = await store.indexes.find(target.digest);
  for (const entry of index?.entries ?? []) {
    if (!isDigest(entry.imageId)) continue;
    if (platform === undefined || entry.platform === undefined || platformMatches(platform, entry.platform))
      return store.images.find(entry.imageId);
  }
  return undefined;
}

/** Every name of an image as people write it, in their order. */
export async function namesOf(store: Store, record: ImageRecord): Promise<string[]> {
  const tags = await store.tags.of(record.id);
  return tags.map((tag) => familiarName(parseReference(tag.name)));
}
