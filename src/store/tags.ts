import { ShaleError } from '../base/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { appendEvent } from './events.ts';
import { appendToJournal } from './tag-journal.ts';
import { digest, digestOrNone, integer, json, text, textOrNone, toJson, type Row } from './row.ts';
import type { Publication, TagMove, TagRecord, Tags, TagTarget, TimeMs } from './types.ts';

/** Names of the repository that is the first parameter; ';' follows ':'. */
export const IN_REPOSITORY: string = `name >= ?1 || ':' AND name < ?1 || ';'`;

/** `publish` brings to disk what a tag points to before it moves. */
export function createTags(context: StoreContext, publish: (publication: Publication) => Promise<void>): Tags {
  const { db, clock } = context;
  const find = (name: string): Promise<TagRecord | undefined> => db.read((sql) => findTag(sql, name));
  return {
    find,
    get: async (name) => {
      const tag = await find(name);
      if (tag === undefined) throw new ShaleError('TAG_NOT_FOUND', `${name} is not in the store`, { data: { name } });
      return tag;
    },
    list: () => db.read((sql) => sql.all('SELECT * FROM tags ORDER BY name').map(tagIn)),
    of: (target) => db.read((sql) => sql.all('SELECT * FROM tags WHERE digest = ? ORDER BY name', target).map(tagIn)),
    in: (repository) =>
      db.read((sql) => sql.all(`SELECT * FROM tags WHERE ${IN_REPOSITORY} ORDER BY name`, repository).map(tagIn)),
    set: (name, target, reason) => publish({ tags: [{ name, target }], reason }),
    remove: (name, reason) =>
      db.write((sql) => removeTag(context, sql, name, clock(), reason), { durable: true, frees: true }),
    log: (name) =>
      db.read((sql) => sql.all('SELECT * FROM tag_log WHERE name = ? ORDER BY seq DESC', name).map(moveIn)),
  };
}

function findTag(sql: Sql, name: string): TagRecord | undefined {
  const row = sql.first('SELECT * FROM tags WHERE name = ?', name);
  return row === undefined ? undefined : tagIn(row);
}

function tagIn(row: Row): TagRecord {
  return {
    name: text(row, 'name'),
    target: { kind: kindOf(text(row, 'kind')), digest: digest(row, 'digest') },
    movedAt: integer(row, 'moved_at'),
  };
}

function moveIn(row: Row): TagMove {
  return {
    name: text(row, 'name'),
    from: targetIn(row, 'from'),
    to: targetIn(row, 'to'),
    at: integer(row, 'at'),
    reason: text(row, 'reason'),
    ...(row['origin'] !== null && { origin: json(row, 'origin') }),
  };
}

function targetIn(row: Row, side: 'from' | 'to'): TagTarget | undefined {
  const kind = textOrNone(row, `${side}_kind`);
  const target = digestOrNone(row, `${side}_digest`);
  return kind === undefined || target === undefined ? undefined : { kind: kindOf(kind), digest: target };
}

function kindOf(kind: string): TagTarget['kind'] {
  return kind === 'index' ? 'index' : 'image';
}

/** Moves a tag; setting it to where it points already is no move and leaves no trace. */
export function setTag(
  context: StoreContext,
  sql: Sql,
  name: string,
  target: TagTarget,
  { now, ...why }: Pick<TagMove, 'reason' | 'origin'> & { readonly now: TimeMs },
): void {
  requireTarget(sql, name, target);
  const before = findTag(sql, name)?.target;
  if (before?.kind === target.kind && before.digest === target.digest) return;
  sql.run(
    'INSERT OR REPLACE INTO tags (name, kind, digest, moved_at) VALUES (?, ?, ?, ?)',
    name,
    target.kind,
    target.digest,
    now,
  );
  logMove(context, sql, { name, from: before, to: target, at: now, ...why });
}

/** @throws IMAGE_NOT_FOUND when there is no record of what a tag is to point to */
export function requireTarget(sql: Sql, name: string, { kind, digest: target }: TagTarget): void {
  const query = kind === 'image' ? 'SELECT 1 FROM images WHERE id = ?' : 'SELECT 1 FROM image_indexes WHERE digest = ?';
  if (sql.first(query, target) !== undefined) return;
  throw new ShaleError('IMAGE_NOT_FOUND', `cannot tag ${name}: ${kind} ${target} is not in the store`, {
    data: { name, digest: target },
  });
}

export function removeTag(context: StoreContext, sql: Sql, name: string, now: TimeMs, reason: string): boolean {
  const before = findTag(sql, name)?.target;
  if (before === undefined) return false;
  sql.run('DELETE FROM tags WHERE name = ?', name);
  logMove(context, sql, { name, from: before, to: undefined, at: now, reason });
  return true;
}

function logMove(context: StoreContext, sql: Sql, move: TagMove): void {
  sql.run(
    `INSERT INTO tag_log (name, from_kind, from_digest, to_kind, to_digest, at, reason, origin)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    move.name,
    move.from?.kind ?? null,
    move.from?.digest ?? null,
    move.to?.kind ?? null,
    move.to?.digest ?? null,
    move.at,
    move.reason,
    move.origin === undefined ? null : toJson(move.origin),
  );
  appendToJournal(context, sql, sql.lastInsertId());
  const target = move.to ?? move.from;
  appendEvent(sql, move.at, {
    type: 'tag',
    action: move.to === undefined ? 'remove' : 'set',
    subject: move.name,
    attributes: target === undefined ? {} : { digest: target.digest },
  });
}
