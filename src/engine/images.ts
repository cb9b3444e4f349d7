import { ShaleError } from '../base/index.ts';
import { getImage, historyOf, namesOf, readConfig } from '../images/index.ts';
import { familiarName, familiarRepository, formatReference, parseReference, type Digest } from '../oci/index.ts';
import type { ImageRecord, TagRecord } from '../store/index.ts';
import { buildLimits } from './cache-cap.ts';
import type { EngineContext } from './context.ts';
import { inspectImage } from './inspect.ts';
import type { HistoryStep, ImageSummary, RemovedImage } from './types.ts';

/** `shale images`: one line for each tag, and one for each image without any. Newest first. */
export async function listImages({ store }: EngineContext): Promise<ImageSummary[]> {
  const records = await store.images.list();
  const summaries: ImageSummary[] = [];
  for (const record of records) {
    const labels = (await readConfig(store, record.id)).config.Labels ?? {};
    const tags = await store.tags.of(record.id);
    const common = { id: record.id, sizeBytes: record.sizeBytes ?? 0, labels, ...digestOfImage(record) };
    if (tags.length === 0) summaries.push({ ...common, taggedMs: record.addedAt });
    for (const tag of tags) summaries.push({ ...common, tag: nameParts(tag), taggedMs: tag.movedAt });
  }
  return summaries.toSorted((a, b) => b.taggedMs - a.taggedMs);
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
  const { record } = await getImage(store, source);
  const reference = parseReference(target);
  if (reference.digest !== undefined) throw new ShaleError('REFERENCE_INVALID', `${target} has a digest, a tag cannot`);
  await store.tags.set(formatReference(reference), { kind: 'image', digest: record.id }, 'tag');
}

/**
 * Takes a name away from an image, and removes the image with its last name. By id an image goes with all its names, when
 * `force` is given or it has one at most.
 * @throws IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  context: EngineContext,
  name: string,
  options: { readonly force: boolean },
): Promise<RemovedImage[]> {
  const { store } = context;
  const found = await getImage(store, name);
  const { id } = found.record;
  const tags = await store.tags.of(id);
  const removed: RemovedImage[] = [];
  const going = found.reference === undefined ? tags : tags.filter((tag) => tag.name === found.reference);
  if (found.reference === undefined && tags.length > 1 && !options.force) {
    throw new ShaleError(
      'IMAGE_IN_USE',
      `${name} has ${tags.length} names: ${(await namesOf(store, found.record)).join(', ')}`,
      { hint: 'remove them one by one, or all with --force' },
    );
  }
  const isLast = going.length === tags.length;
  if (isLast) await refuseInUse(store, id, { name, force: options.force });
  for (const tag of going) {
    await store.tags.remove(tag.name, 'rmi');
    removed.push({ kind: 'untagged', name: familiarName(parseReference(tag.name)) });
  }
  if (!isLast) return removed;
  await store.images.remove(id);
  removed.push({ kind: 'deleted', name: id });
  await store.leases.release();
  await store.collect({ budgetMs: 2000, ...buildLimits(context) });
  return removed;
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
export async function inspectImageByName({ store }: EngineContext, name: string): Promise<Record<string, unknown>> {
  const { record } = await getImage(store, name);
  return inspectImage(store, record);
}
