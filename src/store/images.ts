import { ambiguous, MATCHES_WANTED, ShaleError } from '../base/index.ts';
import { parseDiffId, type Digest, type Platform } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { appendEvent } from './events.ts';
import {
  digest,
  flag,
  integer,
  integerOrNone,
  json,
  jsonList,
  text,
  textOrNone,
  toFlag,
  toJson,
  type Row,
} from './row.ts';
import { IN_REPOSITORY, removeTag } from './tags.ts';
import type {
  ImageIndexEntry,
  ImageIndexRecord,
  ImageIndexes,
  ImageManifestRecord,
  ImageRecord,
  Images,
  LeavingManifest,
  NewImage,
  Publication,
  TimeMs,
} from './types.ts';

type Publish = (publication: Publication) => Promise<void>;

/** An image is never recorded before its blobs are on disk, so putting one is publishing it. */
export function createImages(context: StoreContext, publish: Publish): Images {
  const { db, clock } = context;
  const find = (id: Digest): Promise<ImageRecord | undefined> => db.read((sql) => findImage(sql, id));
  return {
    find,
    get: async (id) => (await find(id)) ?? notFound(id),
    findByPrefix: (hexPrefix) => db.read((sql) => findByPrefix(sql, hexPrefix)),
    findByManifest: (manifest) =>
      db.read((sql) => {
        const row = sql.first('SELECT image FROM image_manifests WHERE digest = ?', manifest);
        return row === undefined ? undefined : findImage(sql, digest(row, 'image'));
      }),
    list: () =>
      db.read((sql) => sql.all('SELECT * FROM images ORDER BY added_at DESC, id').map((row) => imageIn(sql, row))),
    manifestsIn: (repository, manifest) => db.read((sql) => manifestsIn(sql, repository, manifest)),
    put: (image) => publish({ images: [image], reason: 'put' }),
    remove: async (id) => {
      await db.write((sql) => removeImage(context, sql, id, { now: clock(), reason: 'rmi' }), {
        durable: true,
        frees: true,
      });
    },
    leaveRepository: async (leaving) => {
      await db.write((sql) => leaveRepository(context, sql, leaving), { durable: true, frees: true });
    },
  };
}

export function findImage(sql: Sql, id: Digest): ImageRecord | undefined {
  const row = sql.first('SELECT * FROM images WHERE id = ?', id);
  return row === undefined ? undefined : imageIn(sql, row);
}

const PREFIX = /^[0-9a-f]{2,64}$/;

function findByPrefix(sql: Sql, hexPrefix: string): ImageRecord | undefined {
  if (!PREFIX.test(hexPrefix)) return undefined;
  // ';' is no hex digit and follows '9'; 'g' follows 'f'.
  const rows = sql.all(
    'SELECT * FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    `sha256:${hexPrefix}`,
    `sha256:${hexPrefix}g`,
    MATCHES_WANTED,
  );
  if (rows.length > 1)
    throw ambiguous(
      'image',
      hexPrefix,
      rows.map((one) => digest(one, 'id').slice('sha256:'.length).slice(0, 12)),
    );
  const [row] = rows;
  return row === undefined ? undefined : imageIn(sql, row);
}

function imageIn(sql: Sql, row: Row): ImageRecord {
  const id = digest(row, 'id');
  return {
    id,
    platform: platformIn(row),
    diffIds: sql
      .all('SELECT diff_id FROM image_layers WHERE image = ? ORDER BY position', id)
      .map((layer) => parseDiffId(layer['diff_id'])),
    created: textOrNone(row, 'created'),
    madeHere: flag(row, 'made_here'),
    sizeBytes: integerOrNone(row, 'size'),
    manifests: manifestsOf(sql, id),
    addedAt: integer(row, 'added_at'),
  };
}

function platformIn(row: Row): Platform {
  return json(row, 'platform') as unknown as Platform; // Written by putImage from a Platform.
}

function manifestsOf(sql: Sql, id: Digest): readonly ImageManifestRecord[] {
  return sql.all('SELECT * FROM image_manifests WHERE image = ? ORDER BY digest', id).map((row) => ({
    digest: digest(row, 'digest'),
    sizeBytes: integer(row, 'size'),
    mediaType: text(row, 'media_type'),
    repositories: jsonList<string>(row, 'repositories'),
  }));
}

function manifestsIn(
  sql: Sql,
  repository: string,
  only: Digest | undefined,
): readonly Pick<ImageManifestRecord, 'digest' | 'mediaType'>[] {
  const isListed = 'EXISTS (SELECT 1 FROM json_each(repositories) WHERE value = ?1)';
  const isAsked = only === undefined ? 'TRUE' : 'digest = ?2';
  const query = `
    WITH named AS (SELECT digest FROM tags WHERE ${IN_REPOSITORY}),
      sets AS MATERIALIZED (
        SELECT digest, media_type, entries FROM image_indexes WHERE digest IN named OR ${isListed}),
      members AS (
        SELECT digest AS id FROM named
        UNION SELECT json_extract(value, '$.imageId') FROM sets, json_each(sets.entries))
    SELECT digest, media_type FROM sets WHERE ${isAsked}
    UNION SELECT digest, media_type FROM image_manifests WHERE ${isAsked} AND (image IN members OR ${isListed})`;
  const rows = only === undefined ? sql.all(query, repository) : sql.all(query, repository, only);
  return rows.map((row) => ({ digest: digest(row, 'digest'), mediaType: text(row, 'media_type') }));
}

export function putImage(sql: Sql, image: NewImage, now: TimeMs): void {
  const known = findImage(sql, image.id);
  sql.run(
    'INSERT OR REPLACE INTO images (id, platform, created, made_here, size, added_at) VALUES (?, ?, ?, ?, ?, ?)',
    image.id,
    toJson(image.platform),
    image.created ?? null,
    toFlag(image.madeHere || known?.madeHere === true),
    image.sizeBytes ?? known?.sizeBytes ?? null,
    known?.addedAt ?? image.addedAt ?? now,
  );
  if (known === undefined) {
    for (const [position, layer] of image.diffIds.entries()) {
      sql.run('INSERT INTO image_layers (image, position, diff_id) VALUES (?, ?, ?)', image.id, position, layer);
    }
  }
  for (const manifest of image.manifests) putManifest(sql, image.id, manifest, known?.manifests ?? []);
}

function putManifest(
  sql: Sql,
  image: Digest,
  manifest: ImageManifestRecord,
  known: readonly ImageManifestRecord[],
): void {
  const before = known.find((other) => other.digest === manifest.digest);
  sql.run(
    'INSERT OR REPLACE INTO image_manifests (image, digest, size, media_type, repositories) VALUES (?, ?, ?, ?, ?)',
    image,
    manifest.digest,
    manifest.sizeBytes,
    manifest.mediaType,
    toJson(joined(before?.repositories, manifest.repositories)),
  );
}

function joined(a: readonly string[] = [], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].toSorted();
}

/** When something is removed, and by which command: for the history of its tags. */
interface Removal {
  readonly now: TimeMs;
  readonly reason: string;
}

/** Takes image and tags out of the records; the blobs wait for the next collection. */
export function removeImage(context: StoreContext, sql: Sql, id: Digest, { now, reason }: Removal): void {
  if (sql.run('DELETE FROM images WHERE id = ?', id) === 0) notFound(id);
  sql.run('DELETE FROM image_layers WHERE image = ?', id);
  sql.run('DELETE FROM image_manifests WHERE image = ?', id);
  for (const row of sql.all("SELECT name FROM tags WHERE digest = ? AND kind = 'image'", id)) {
    removeTag(context, sql, text(row, 'name'), now, reason);
  }
  appendEvent(sql, now, { type: 'image', action: 'remove', subject: id });
}

function notFound(id: Digest): never {
  throw new ShaleError('IMAGE_NOT_FOUND', `image ${id} is not in the store`, { data: { id } });
}

export function createImageIndexes(context: StoreContext, publish: Publish): ImageIndexes {
  const { db, clock } = context;
  return {
    find: (id) =>
      db.read((sql) => {
        const row = sql.first('SELECT * FROM image_indexes WHERE digest = ?', id);
        return row === undefined ? undefined : indexIn(row);
      }),
    list: () => db.read((sql) => sql.all('SELECT * FROM image_indexes ORDER BY added_at DESC, digest').map(indexIn)),
    put: (record) => publish({ indexes: [record], reason: 'put' }),
    remove: async (id) => {
      await db.write((sql) => removeImageIndex(context, sql, id, { now: clock(), reason: 'rmi' }), {
        durable: true,
        frees: true,
      });
    },
  };
}

function indexIn(row: Row): ImageIndexRecord {
  return {
    digest: digest(row, 'digest'),
    mediaType: text(row, 'media_type'),
    sizeBytes: integer(row, 'size'),
    entries: jsonList<ImageIndexEntry>(row, 'entries'),
    repositories: jsonList<string>(row, 'repositories'),
    addedAt: integer(row, 'added_at'),
  };
}

export function putImageIndex(sql: Sql, record: Omit<ImageIndexRecord, 'addedAt'>, now: TimeMs): void {
  const row = sql.first('SELECT * FROM image_indexes WHERE digest = ?', record.digest);
  const known = row === undefined ? undefined : indexIn(row);
  sql.run(
    `INSERT OR REPLACE INTO image_indexes (digest, media_type, size, entries, repositories, added_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
    record.digest,
    record.mediaType,
    record.sizeBytes,
    toJson(record.entries),
    toJson(joined(known?.repositories, record.repositories)),
    known?.addedAt ?? now,
  );
}

export function removeImageIndex(context: StoreContext, sql: Sql, id: Digest, { now, reason }: Removal): void {
  sql.run('DELETE FROM image_indexes WHERE digest = ?', id);
  for (const row of sql.all("SELECT name FROM tags WHERE digest = ? AND kind = 'index'", id)) {
    removeTag(context, sql, text(row, 'name'), now, reason);
  }
}

/** See `Images.leaveRepository`. In one transaction, so that nobody can name meanwhile what goes. */
function leaveRepository(context: StoreContext, sql: Sql, leaving: LeavingManifest): void {
  const { reason } = leaving;
  const now = context.clock();
  for (const tag of leaving.tags) removeTag(context, sql, tag, now, reason);
  for (const table of ['image_manifests', 'image_indexes'] as const) leaveIn(sql, table, leaving);
  const index = sql.first('SELECT repositories FROM image_indexes WHERE digest = ?', leaving.digest);
  if (index !== undefined && jsonList(index, 'repositories').length === 0 && !hasTag(sql, leaving.digest))
    removeImageIndex(context, sql, leaving.digest, { now, reason });
  for (const row of sql.all('SELECT image FROM image_manifests WHERE digest = ?', leaving.digest)) {
    const id = digest(row, 'image');
    if (!isNeeded(sql, id)) removeImage(context, sql, id, { now, reason });
  }
}

function leaveIn(sql: Sql, table: 'image_manifests' | 'image_indexes', leaving: LeavingManifest): void {
  const row = sql.first(`SELECT repositories FROM ${table} WHERE digest = ?`, leaving.digest);
  if (row === undefined) return;
  const others = jsonList<string>(row, 'repositories').filter((one) => one !== leaving.repository);
  sql.run(`UPDATE ${table} SET repositories = ? WHERE digest = ?`, toJson(others), leaving.digest);
}

function isNeeded(sql: Sql, id: Digest): boolean {
  const image = findImage(sql, id);
  if (image === undefined || image.madeHere || hasTag(sql, id)) return true;
  if (image.manifests.some(({ repositories }) => repositories.length > 0)) return true;
  if (sql.first('SELECT 1 FROM containers WHERE image = ?', id) !== undefined) return true;
  return sql
    .all('SELECT entries FROM image_indexes')
    .some((row) => jsonList<ImageIndexEntry>(row, 'entries').some(({ imageId }) => imageId === id));
}

function hasTag(sql: Sql, target: Digest): boolean {
  return sql.first('SELECT 1 FROM tags WHERE digest = ?', target) !== undefined;
}
