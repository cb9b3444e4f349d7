import { ambiguous, isShaleError, ShaleError, typedName } from '../base/index.ts';
import {
  digestFromHex,
  formatPlatform,
  formatReference,
  hostPlatform,
  isDigest,
  parseReference,
  platformMatches,
  type Platform,
} from '../oci/index.ts';
import type { ImageIndexRecord, ImageRecord, Store, TagTarget } from '../store/index.ts';

/** An image with the name that it was found by, where it was one. */
export interface FoundImage {
  readonly record: ImageRecord;
  /** In full, when a tag led here; undefined for ids and digests. */
  readonly reference: string | undefined;
  /** The set of images that it was found through: it holds the same for other platforms, or annotations. */
  readonly set?: ImageIndexRecord | undefined;
}

/** What a tag or digest leads to. */
type Target = Pick<FoundImage, 'record' | 'set'>;

/**
 * Finds an image by what people write: a tag, a digest, an id or the beginning of one; tags win over beginnings of ids.
 * Of a tag on several platforms the one asked for is taken, else that of this machine, else the first.
 * @throws NAME_AMBIGUOUS
 */
export async function findImage(store: Store, name: string, platform?: Platform): Promise<FoundImage | undefined> {
  const byTag = await findByReference(store, name, platform);
  if (byTag !== undefined) return byTag;
  const hex = name.startsWith('sha256:') ? name.slice('sha256:'.length) : name;
  const found = /^[0-9a-f]{4,64}$/.test(hex) ? await findByHex(store, hex, platform) : undefined;
  return found && { ...found, reference: undefined };
}

async function findByHex(store: Store, hex: string, platform: Platform | undefined): Promise<Target | undefined> {
  if (hex.length === 64) return targetOf(store, { kind: 'image', digest: digestFromHex(hex) }, platform);
  const record = await store.images.findByPrefix(hex);
  const sets = (await store.indexes.list()).filter(({ digest }) => digest.startsWith(`sha256:${hex}`));
  const [set, other] = sets;
  if (other !== undefined || (set !== undefined && record !== undefined)) {
    const ids = [...sets.map(({ digest }) => digest), ...(record === undefined ? [] : [record.id])];
    throw ambiguous('image', hex, ids.map((id) => id.slice('sha256:'.length).slice(0, 12)).toSorted());
  }
  return record === undefined ? set && imageOfSet(store, set, platform) : { record };
}

/** As `findImage`. @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS */
export async function getImage(store: Store, name: string, platform?: Platform): Promise<FoundImage> {
  const found = await findImage(store, name, platform);
  if (found !== undefined) return found;
  const shown = typedName(name);
  throw new ShaleError('IMAGE_NOT_FOUND', `there is no image ${shown} in the store`, {
    data: { name },
    ...(shown === name && { hint: `shale pull ${name}` }),
  });
}

/** The image of one platform that a name leads to. @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, PLATFORM_UNKNOWN */
export async function getPlatformImage(store: Store, name: string, platform: Platform): Promise<FoundImage> {
  const found = await findImage(store, name, platform);
  if (found !== undefined && platformMatches(platform, found.record.platform)) return { ...found, set: undefined };
  const { record, set } = await getImage(store, name);
  const offered = set?.entries.map((entry) => entry.platform) ?? [record.platform];
  const list = offered.flatMap((one) => (one === undefined ? [] : [formatPlatform(one)]));
  throw new ShaleError('PLATFORM_UNKNOWN', `${name} has no image for ${formatPlatform(platform)}`, {
    data: { name },
    hint: `it has ${list.join(', ')}`,
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
    const found = await targetOf(store, { kind: 'image', digest: reference.digest }, platform);
    return found && { ...found, reference: undefined };
  }
  const full = formatReference(reference);
  const tag = await store.tags.find(full);
  const found = tag && (await targetOf(store, tag.target, platform));
  return found && { ...found, reference: full };
}

async function targetOf(store: Store, target: TagTarget, platform: Platform | undefined): Promise<Target | undefined> {
  if (target.kind === 'image') {
    const record = (await store.images.find(target.digest)) ?? (await store.images.findByManifest(target.digest));
    if (record !== undefined) return { record };
  }
  const set = await store.indexes.find(target.digest);
  return set && imageOfSet(store, set, platform);
}

/** image-spec image-index.md: the first entry that matches. */
async function imageOfSet(
  store: Store,
  set: ImageIndexRecord,
  platform: Platform | undefined,
): Promise<Target | undefined> {
  const here = set.entries.filter(({ imageId }) => isDigest(imageId));
  const wanted = platform ?? hostPlatform();
  const matching = here.find((entry) => entry.platform === undefined || platformMatches(wanted, entry.platform));
  const chosen = matching ?? (platform === undefined ? here[0] : undefined);
  const record = chosen?.imageId === undefined ? undefined : await store.images.find(chosen.imageId);
  return record && { record, set };
}
