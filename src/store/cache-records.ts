import { createHash } from 'node:crypto';
import { ShaleError } from '../base/index.ts';
import { asDiffId } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { digest, flag, integer, json, text, toFlag, toJson, type Row } from './row.ts';
import type { CacheRecord, CacheRecords, Json, LeaseResource, NewCacheRecord, TimeMs } from './types.ts';

const NEAREST_DEFAULT = 10;

export function createCacheRecords({ db, clock, readOnly, session }: StoreContext): CacheRecords {
  /** In one transaction with the look-up, so that no collection comes between finding a record and holding it. */
  const use = async (work: (sql: Sql) => CacheRecord | undefined): Promise<CacheRecord | undefined> => {
    let confirm: (() => void) | undefined;
    const record = await db.write((sql) => {
      const found = work(sql);
      const missing = found === undefined ? [] : reachOf(found).filter((resource) => !session.holds(resource));
      confirm = missing.length > 0 ? session.holdIn(sql, missing) : undefined;
      return found;
    });
    confirm?.();
    return record;
  };

  return {
    find: async (key) => {
      if (readOnly) return await db.read((sql) => findByKey(sql, key));
      // A miss, which is looked up without taking the database from writers, ends here.
      if (!(await db.read((sql) => isKnown(sql, key)))) return undefined;
      return await use((sql) => {
        const record = findByKey(sql, key);
        if (record === undefined) return undefined;
        sql.run('UPDATE cache_records SET uses = uses + 1, last_used_at = ? WHERE id = ?', clock(), record.id);
        return { ...record, uses: record.uses + 1, lastUsedAt: clock() };
      });
    },
    put: async (record, options = {}) => {
      const put = await use((sql) => putRecord(sql, record, clock(), options.replace ?? false));
      return put ?? notFound(0);
    },
    addKey: (id, key) =>
      db.write((sql) => {
        requireRecord(sql, id);
        point(sql, [key], id);
      }),
    addBlob: (id, blob) =>
      db.write((sql) => {
        sql.run(
          `INSERT INTO cache_reach (record, kind, position, digest)
           SELECT id, 'blob', (SELECT COALESCE(MAX(position), -1) + 1 FROM cache_reach WHERE record = id AND kind = 'blob'), ?
           FROM cache_records WHERE id = ?
           AND NOT EXISTS (SELECT 1 FROM cache_reach WHERE record = id AND kind = 'blob' AND digest = ?)`,
          blob,
          id,
          blob,
        );
      }),
    trust: (id) =>
      db.write((sql) => {
        if (sql.run('UPDATE cache_records SET trusted = 1 WHERE id = ?', id) === 0) notFound(id);
      }),
    remove: (id) => db.write((sql) => removeRecord(sql, id), { frees: true }),
    findNearest: (slot, limit = NEAREST_DEFAULT) =>
      db.read((sql) =>
        sql
          .all('SELECT * FROM cache_records WHERE slot = ? ORDER BY id DESC LIMIT ?', slot, limit)
          .map((row) => recordIn(sql, row)),
      ),
    list: () =>
      db.read((sql) => sql.all('SELECT * FROM cache_records ORDER BY id DESC').map((row) => recordIn(sql, row))),
  };
}

function isKnown(sql: Sql, key: string): boolean {
  return sql.first('SELECT 1 FROM cache_keys WHERE key = ?', key) !== undefined;
}

function findByKey(sql: Sql, key: string): CacheRecord | undefined {
  const row = sql.first('SELECT r.* FROM cache_keys k JOIN cache_records r ON r.id = k.record WHERE k.key = ?', key);
  return row === undefined ? undefined : recordIn(sql, row);
}

function recordIn(sql: Sql, row: Row): CacheRecord {
  const id = integer(row, 'id');
  const reach = sql.all('SELECT kind, digest FROM cache_reach WHERE record = ? ORDER BY kind, position', id);
  const inputs = sql.first('SELECT json FROM inputs WHERE id = ?', text(row, 'inputs'));
  return {
    id,
    keys: sql.all('SELECT key FROM cache_keys WHERE record = ? ORDER BY key', id).map((key) => text(key, 'key')),
    slot: text(row, 'slot'),
    result: json(row, 'result'),
    diffIds: reach.filter((one) => one['kind'] === 'layer').map((one) => asDiffId(digest(one, 'digest'))),
    blobs: reach.filter((one) => one['kind'] === 'blob').map((one) => digest(one, 'digest')),
    inputs: inputs === undefined ? null : json(inputs, 'json'),
    sizeBytes: integer(row, 'size'),
    costMs: integer(row, 'cost_ms'),
    uses: integer(row, 'uses'),
    createdAt: integer(row, 'created_at'),
    lastUsedAt: integer(row, 'last_used_at'),
    trusted: flag(row, 'trusted'),
  };
}

function putRecord(sql: Sql, record: NewCacheRecord, now: TimeMs, replace: boolean): CacheRecord | undefined {
  const trusted = record.trusted ?? true;
  const standing = replace ? undefined : firstStanding(sql, record.keys, trusted);
  const id = standing?.id ?? insertRecord(sql, record, trusted, now);
  const free = standing === undefined ? record.keys : record.keys.filter((key) => !hasStanding(sql, key, trusted));
  point(sql, free, id);
  const row = sql.first('SELECT * FROM cache_records WHERE id = ?', id);
  return row === undefined ? undefined : recordIn(sql, row);
}

/** A record counts against a newcomer when it is trusted, or the newcomer is not. */
function firstStanding(sql: Sql, keys: readonly string[], newcomerTrusted: boolean): CacheRecord | undefined {
  for (const key of keys) {
    const record = findByKey(sql, key);
    if (record !== undefined && (record.trusted || !newcomerTrusted)) return record;
  }
  return undefined;
}

function hasStanding(sql: Sql, key: string, newcomerTrusted: boolean): boolean {
  return firstStanding(sql, [key], newcomerTrusted) !== undefined;
}

function insertRecord(sql: Sql, record: NewCacheRecord, trusted: boolean, now: TimeMs): number {
  sql.run(
    `INSERT INTO cache_records (slot, result, inputs, size, cost_ms, uses, created_at, last_used_at, trusted)
     VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)`,
    record.slot,
    toJson(record.result),
    putInputs(sql, record.inputs ?? null),
    record.sizeBytes ?? 0,
    Math.round(record.costMs ?? 0),
    now,
    now,
    toFlag(trusted),
  );
  const id = sql.lastInsertId();
  const insert = 'INSERT INTO cache_reach (record, kind, position, digest) VALUES (?, ?, ?, ?)';
  for (const [position, layer] of (record.diffIds ?? []).entries()) sql.run(insert, id, 'layer', position, layer);
  for (const [position, blob] of (record.blobs ?? []).entries()) sql.run(insert, id, 'blob', position, blob);
  return id;
}

/** Stores inputs once, whoever has them; gives their id. */
export function putInputs(sql: Sql, inputs: Json): string {
  const source = toJson(inputs);
  const id = createHash('sha256').update(source).digest('hex');
  sql.run('INSERT OR IGNORE INTO inputs (id, json) VALUES (?, ?)', id, source);
  return id;
}

function point(sql: Sql, keys: readonly string[], id: number): void {
  for (const key of keys) {
    const before = sql.first('SELECT record FROM cache_keys WHERE key = ?', key);
    sql.run('INSERT OR REPLACE INTO cache_keys (key, record) VALUES (?, ?)', key, id);
    if (before !== undefined && before['record'] !== id) loosen(sql, integer(before, 'record'));
  }
}

/** A record that no key leads to stays for `findNearest`, but does not keep its layers. */
function loosen(sql: Sql, id: number): void {
  if (sql.first('SELECT 1 FROM cache_keys WHERE record = ?', id) !== undefined) return;
  sql.run('DELETE FROM cache_reach WHERE record = ?', id);
}

export function removeRecord(sql: Sql, id: number): void {
  sql.run('DELETE FROM cache_keys WHERE record = ?', id);
  sql.run('DELETE FROM cache_reach WHERE record = ?', id);
  sql.run('DELETE FROM cache_records WHERE id = ?', id);
}

/** Forgets records that no key leads to and nobody has used since. */
export function dropLooseRecords(sql: Sql, unusedSince: TimeMs): number {
  return sql.run(
    'DELETE FROM cache_records WHERE last_used_at < ? AND id NOT IN (SELECT record FROM cache_keys)',
    unusedSince,
  );
}

/** Inputs that no record and no build step names any more. */
export function dropUnusedInputs(sql: Sql): number {
  return sql.run(
    `DELETE FROM inputs WHERE id NOT IN (SELECT inputs FROM cache_records)
     AND id NOT IN (SELECT inputs FROM build_steps WHERE inputs IS NOT NULL)`,
  );
}

function reachOf(record: CacheRecord): readonly LeaseResource[] {
  return [
    ...record.diffIds.map((layer) => ({ kind: 'layer', digest: layer }) as const),
    ...record.blobs.map((blob) => ({ kind: 'blob', digest: blob }) as const),
  ];
}

function requireRecord(sql: Sql, id: number): void {
  if (sql.first('SELECT 1 FROM cache_records WHERE id = ?', id) === undefined) notFound(id);
}

function notFound(id: number): never {
  throw new ShaleError('CACHE_RECORD_NOT_FOUND', `cache record ${id} is not in the store`, { data: { id } });
}
