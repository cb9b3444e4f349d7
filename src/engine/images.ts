import { isShaleError, ShaleError } from '../base/index.ts';
import {
  getImage,
  getPlatformImage,
  historyOf,
  imagesOnlyIn,
  isOfImages,
  readConfig,
  readImageSet,
  type FoundImage,
} from '../images/index.ts';
import {
  familiarName,
  familiarRepository,
  formatPlatform,
  formatReference,
  parsePlatform,
  parseReference,
  type Digest,
} from '../oci/index.ts';
import type { ImageIndexRecord, ImageRecord, TagRecord, TagTarget } from '../store/index.ts';
import { buildLimits } from './cache-cap.ts';
import type { EngineContext } from './context.ts';
import { inspectImage } from './inspect.ts';
import type { HistoryStep, ImageSummary, RemovedImage } from './types.ts';

/**
 * `shale images`: one line for each tag, and one for each image or set without any. Newest first. Images that a set holds
 * have no line of their own unless `all` is asked for; artifacts, which nothing can run, have none.
 */
export async function listImages(
  { store }: EngineContext,
  options: { readonly all: boolean },
): Promise<ImageSummary[]> {
  const sets = (await store.indexes.list()).filter(isOfImages);
  const inSets = new Set(sets.flatMap(({ entries }) => entries.map(({ imageId }) => imageId)));
  const summaries: ImageSummary[] = [];
  for (const record of await store.images.list()) {
    const tags = await store.tags.of(record.id);
    if (tags.length === 0 && inSets.has(record.id) && !options.all) continue;
    const config = await unlessGone(readConfig(store, record.id));
    if (config === undefined) continue;
    const labels = config.config.Labels ?? {};
    const common = { id: record.id, sizeBytes: record.sizeBytes ?? 0, labels, ...digestOfImage(record) };
    summaries.push(...linesOf(common, tags, record.addedAt));
  }
  for (const set of sets) {
    const summary = await unlessGone(summaryOfSet(store, set));
    if (summary !== undefined) summaries.push(...linesOf(summary, await store.tags.of(set.digest), set.addedAt));
  }
  return summaries.toSorted((a, b) => b.taggedMs - a.taggedMs);
}

/** What is read of an image of a list: another command may remove it meanwhile. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isShaleError(error, 'IMAGE_NOT_FOUND')) return undefined;
    throw error;
  }
}

function linesOf(
  common: Omit<ImageSummary, 'tag' | 'taggedMs'>,
  tags: readonly TagRecord[],
  addedMs: number,
): ImageSummary[] {
  if (tags.length === 0) return [{ ...common, taggedMs: addedMs }];
  return tags.map((tag) => ({ ...common, tag: nameParts(tag), taggedMs: tag.movedAt }));
}

/** A set as a line: its own id where it stands for several platforms, else that of its image; the bytes of all of them. */
async function summaryOfSet(
  store: EngineContext['store'],
  record: ImageIndexRecord,
): Promise<Omit<ImageSummary, 'tag' | 'taggedMs'>> {
  const images = [];
  for (const { imageId } of record.entries) {
    const image = imageId === undefined ? undefined : await store.images.find(imageId);
    if (image !== undefined) images.push(image);
  }
  const [first] = images;
  const labels = first === undefined ? {} : ((await readConfig(store, first.id)).config.Labels ?? {});
  const { kind } = await readImageSet(store, record.digest);
  return {
    id: kind === 'image' && first !== undefined ? first.id : record.digest,
    sizeBytes: images.reduce((sum, image) => sum + (image.sizeBytes ?? 0), 0),
    labels,
    ...(kind === 'index' && {
      platforms: record.entries.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)])),
    }),
  };
}

function digestOfImage(record: ImageRecord): { digest?: string } {
  const digest = record.manifests[0]?.digest;
  return digest === undefined ? {} : { digest };
}

function nameParts(tag: TagRecord): { repository: string; tag: string } {
  const reference = parseReference(tag.name);
  return { repository: familiarRepository(reference), tag: reference.tag ?? '<none>' };
}

/** @throws IMAGE_NOT_FOUND, REFERENCE_INVALID */
export async function tagImage({ store }: EngineContext, source: string, target: string): Promise<void> {
  const found = await getImage(store, source);
  const reference = parseReference(target);
  if (reference.digest !== undefined) throw new ShaleError('REFERENCE_INVALID', `${target} has a digest, a tag cannot`);
  await store.tags.set(formatReference(reference), targetOf(found), 'tag');
}

/** What a name of this image leads to. */
function targetOf({ record, set }: FoundImage): TagTarget {
  return set === undefined ? { kind: 'image', digest: record.id } : { kind: 'index', digest: set.digest };
}

/**
 * Takes a name away from an image or a set of images, and removes it with its last name; with a set go the images that
 * nothing else names. By id it goes with all its names, when `force` is given or it has one at most.
 * @throws IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  context: EngineContext,
  name: string,
  options: { readonly force: boolean },
): Promise<RemovedImage[]> {
  const { store } = context;
  const found = await getImage(store, name);
  const tags = await store.tags.of(targetOf(found).digest);
  const removed: RemovedImage[] = [];
  const going = found.reference === undefined ? tags : tags.filter((tag) => tag.name === found.reference);
  // Another command has given the name to another image since it was looked up.
  if (found.reference !== undefined && going.length === 0) return removeImage(context, name, options);
  if (found.reference === undefined && tags.length > 1 && !options.force) {
    const names = tags.map((tag) => familiarName(parseReference(tag.name)));
    throw new ShaleError('IMAGE_IN_USE', `${name} has ${tags.length} names: ${names.join(', ')}`, {
      hint: 'remove them one by one, or all with --force',
    });
  }
  const isLast = going.length === tags.length;
  const images = isLast ? await imagesGoing(store, found) : [];
  if (going.length === 0 && found.set === undefined && images.length === 0)
    throw new ShaleError('IMAGE_IN_USE', `${name} is one of the images of several platforms, and goes with their name`);
  for (const id of images) await refuseInUse(store, id, { name, force: options.force });
  for (const tag of going) {
    await store.tags.remove(tag.name, 'rmi');
    removed.push({ kind: 'untagged', name: familiarName(parseReference(tag.name)) });
  }
  if (!isLast) return removed;
  if (found.set !== undefined) await store.indexes.remove(found.set.digest);
  for (const id of images) await store.images.remove(id);
  const ids = found.set === undefined ? images : [found.set.digest, ...images];
  removed.push(...ids.map((id) => ({ kind: 'deleted', name: id }) as const));
  await store.leases.release();
  await store.collect({ budgetMs: 2000, ...buildLimits(context) });
  return removed;
}

/** The images that go with the last name: one that a set still holds only loses its name. */
async function imagesGoing(store: EngineContext['store'], { record, set }: FoundImage): Promise<Digest[]> {
  if (set !== undefined) return imagesOnlyIn(store, set);
  const holders = (await store.indexes.list()).filter(({ entries }) =>
    entries.some((entry) => entry.imageId === record.id),
  );
  return holders.length === 0 ? [record.id] : [];
}

async function refuseInUse(
  store: EngineContext['store'],
  id: Digest,
  options: { readonly name: string; readonly force: boolean },
): Promise<void> {
  const users = (await store.containers.list()).filter((container) => container.imageId === id);
  const blocking = options.force ? users.filter((container) => container.active) : users;
  const first = blocking[0];
  if (first === undefined) return;
  throw new ShaleError(
    'IMAGE_IN_USE',
    `${options.name} is used by the ${first.active ? 'running ' : ''}container ${first.name}`,
    { hint: `shale rm ${first.active ? '-f ' : ''}${first.name}` },
  );
}

/** @throws IMAGE_NOT_FOUND */
export async function imageHistory({ store }: EngineContext, name: string): Promise<HistoryStep[]> {
  const { record } = await getImage(store, name);
  const rows = await historyOf(store, await readConfig(store, record.id));
  return rows.map((row, i) => {
    const createdMs = row.created === undefined ? Number.NaN : Date.parse(row.created);
    return {
      ...(i === 0 && { imageId: record.id }),
      ...(!Number.isNaN(createdMs) && { createdMs }),
      createdBy: row.createdBy,
      sizeBytes: row.sizeBytes ?? 0,
      comment: row.comment,
    };
  });
}

/** @throws IMAGE_NOT_FOUND */
export async function inspectImageByName(
  { store }: EngineContext,
  name: string,
  platform?: string,
): Promise<Record<string, unknown>> {
  if (platform !== undefined) return inspectImage(store, await getPlatformImage(store, name, parsePlatform(platform)));
  return inspectImage(store, await getImage(store, name));
}
