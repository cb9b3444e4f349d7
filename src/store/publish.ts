import { isShaleError, ShaleError } from '../base/index.ts';
import type { Digest } from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import type { Durability } from './durable.ts';
import { failpoint } from './failpoint.ts';
import { findImage, putImage, putImageIndex } from './images.ts';
import { digest, jsonList } from './row.ts';
import { requireTarget, setTag } from './tags.ts';
import type { ImageIndexEntry, NewImage, Publication } from './types.ts';

/** Blobs first, then one synchronous transaction: the records of the result, and its tags last. */
export async function publish(
  context: StoreContext,
  blobs: BlobFiles,
  durability: Durability,
  publication: Publication,
): Promise<void> {
  failpoint('publish.begun');
  const synced = await syncReached(context, blobs, durability, publication);
  failpoint('publish.written');
  const { reason, origin } = publication;
  const why = { reason, ...(origin !== undefined && { origin }) };
  await context.db.write(
    (sql) => {
      // Within the transaction: times in the history of tags are in its order.
      const now = context.clock();
      durability.markSynced(sql, synced);
      for (const image of publication.images ?? []) putImage(sql, image, now);
      for (const index of publication.indexes ?? []) putImageIndex(sql, index, now);
      for (const { name, target } of publication.tags ?? []) setTag(context, sql, name, target, { now, ...why });
    },
    { durable: true },
  );
  failpoint('publish.done');
}

async function syncReached(
  context: StoreContext,
  blobs: BlobFiles,
  durability: Durability,
  publication: Publication,
): ReturnType<Durability['sync']> {
  try {
    return await durability.sync(await reachedBy(context, blobs, publication));
  } catch (error) {
    // A collection may have come in between: what was to be tagged is gone then, with its blobs.
    if (isShaleError(error, 'BLOB_NOT_FOUND')) await context.db.read((sql) => requireTargets(sql, publication));
    throw error;
  }
}

/** The blobs of the result that are here. */
async function reachedBy(
  context: StoreContext,
  blobs: BlobFiles,
  publication: Publication,
): Promise<readonly Digest[]> {
  const images = new Map((publication.images ?? []).map((image) => [image.id, image]));
  const required = new Set<Digest>(publication.blobs);
  const optional = new Set<Digest>();
  await context.db.read((sql) => {
    for (const index of publication.indexes ?? []) addIndex(sql, index.digest, index.entries, required, optional);
    for (const { target } of publication.tags ?? []) {
      if (target.kind === 'index') addKnownIndex(sql, target.digest, required, optional);
      else addImage(sql, images.get(target.digest) ?? findImage(sql, target.digest), required, optional);
    }
    for (const image of images.values()) addImage(sql, image, required, optional);
  });
  for (const blob of required) if ((await blobs.find(blob)) === undefined) missing(blob);
  const here: Digest[] = [...required];
  for (const blob of optional) {
    if (!required.has(blob) && (await blobs.find(blob)) !== undefined) here.push(blob);
  }
  return here;
}

function requireTargets(sql: Sql, { tags = [], images = [], indexes = [] }: Publication): void {
  const own = new Set<Digest>([...images.map(({ id }) => id), ...indexes.map((index) => index.digest)]);
  for (const { name, target } of tags) if (!own.has(target.digest)) requireTarget(sql, name, target);
}

function addKnownIndex(sql: Sql, index: Digest, required: Set<Digest>, optional: Set<Digest>): void {
  const row = sql.first('SELECT entries FROM image_indexes WHERE digest = ?', index);
  if (row !== undefined) addIndex(sql, index, jsonList<ImageIndexEntry>(row, 'entries'), required, optional);
}

/** Images of other platforms may be absent; those that are here belong to the result. */
function addIndex(
  sql: Sql,
  index: Digest,
  entries: readonly ImageIndexEntry[],
  required: Set<Digest>,
  optional: Set<Digest>,
): void {
  required.add(index);
  for (const entry of entries) {
    optional.add(entry.digest);
    if (entry.imageId !== undefined) addImage(sql, findImage(sql, entry.imageId), required, optional);
  }
}

function addImage(sql: Sql, image: NewImage | undefined, required: Set<Digest>, optional: Set<Digest>): void {
  if (image === undefined) return;
  required.add(image.id);
  for (const manifest of image.manifests) required.add(manifest.digest);
  for (const layer of image.diffIds) {
    const encodings = sql
      .all('SELECT digest FROM encodings WHERE diff_id = ?', layer)
      .map((row) => digest(row, 'digest'));
    const lazy = encodings.length > 0 || sql.first('SELECT 1 FROM layers WHERE diff_id = ?', layer) !== undefined;
    (lazy ? optional : required).add(layer);
    for (const encoding of encodings) optional.add(encoding);
  }
}

function missing(blob: Digest): never {
  throw new ShaleError('BLOB_NOT_FOUND', `the result needs ${blob}, which is not in the store`, {
    data: { digest: blob },
  });
}
