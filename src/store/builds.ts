import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ambiguous, isAlive, MATCHES_WANTED, ShaleError } from '../base/index.ts';
import { asDiffId } from '../oci/index.ts';
import { putInputs } from './cache-records.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { removeTree } from './files.ts';
import { ownerIn } from './leases.ts';
import { digestOrNone, integer, integerOrNone, json, jsonList, text, textOrNone, toJson, type Row } from './row.ts';
import type { BuildLimits, BuildRecord, Builds, BuildStatus, BuildStepRecord, FetchedUrl } from './types.ts';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_CHARACTERS = 10;
const BUILD_ID = /^b[a-z2-7]{10}$/;
/** Older builds and their logs are dropped by a collection, unless it is told otherwise. */
export const BUILDS_KEPT: number = 500;
/** Bytes that the logs of all builds may have, unless a collection is told otherwise. */
export const BUILD_LOGS_MAX_BYTES: number = 1_000_000_000;

export function createBuilds(context: StoreContext): Builds {
  const { db, clock, layout, owner } = context;
  const logFolder = (id: string): string => join(layout.folder('build-logs'), requireId(id));
  return {
    start: async (build) => {
      const id = newId(context.randomBytes);
      await db.write((sql) =>
        sql.run(
          `INSERT INTO builds (id, name, status, started_at, dockerfile, details, boot, pid, start)
           VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?)`,
          id,
          build.name,
          clock(),
          build.dockerfileDigest ?? null,
          toJson(build.details),
          owner.bootId,
          owner.pid,
          owner.startTime,
        ),
      );
      mkdirSync(logFolder(id), { recursive: true, mode: 0o700 });
      return id;
    },
    putStep: (id, step) => db.write((sql) => putSteps(sql, id, [step])),
    putSteps: (id, steps) => db.write((sql) => putSteps(sql, id, steps)),
    finish: (id, end) =>
      db.write((sql) => {
        requireBuild(sql, id);
        sql.run(
          'UPDATE builds SET status = ?, ended_at = ?, image = ?, details = coalesce(?, details) WHERE id = ?',
          end.status,
          clock(),
          end.imageId ?? null,
          end.details === undefined ? null : toJson(end.details),
          id,
        );
      }),
    find: (name) => db.read((sql) => findBuild(sql, name)),
    findByImage: (id) =>
      db.read((sql) => {
        const row = sql.first('SELECT * FROM builds WHERE image = ? ORDER BY started_at DESC, id LIMIT 1', id);
        return row === undefined ? undefined : buildIn(row);
      }),
    steps: (id) =>
      db.read((sql) =>
        sql.all('SELECT * FROM build_steps WHERE build = ? ORDER BY number', id).map((row) => stepIn(sql, row)),
      ),
    list: (limit = BUILDS_KEPT) =>
      db.read((sql) => sql.all('SELECT * FROM builds ORDER BY started_at DESC, id LIMIT ?', limit).map(buildIn)),
    count: () => db.read((sql) => integer(sql.first('SELECT count(*) AS count FROM builds') ?? {}, 'count')),
    prune: async (limits) => {
      const all = { kept: Infinity, logBytesMax: Infinity, startedBefore: 0, ...limits };
      const dropped = await db.write((sql) => dropOldBuilds(sql, all), { frees: true });
      for (const id of dropped) await removeTree(logFolder(id));
      return dropped;
    },
    logPath: (id, step) => join(logFolder(id), `${step}.log`),
    remove: async (id) => {
      const folder = logFolder(id);
      await db.write((sql) => removeBuild(sql, id), { frees: true });
      await removeTree(folder);
    },
  };
}

function newId(randomBytes: (count: number) => Uint8Array): string {
  return `b${Array.from(randomBytes(ID_CHARACTERS), (byte) => BASE32[byte % BASE32.length] ?? '').join('')}`;
}

/** An id goes into a path, so nothing else may. */
function requireId(id: string): string {
  if (BUILD_ID.test(id)) return id;
  throw new ShaleError('BUILD_NOT_FOUND', `${JSON.stringify(id)} is not the id of a build`, { data: { id } });
}

function requireBuild(sql: Sql, id: string): void {
  if (sql.first('SELECT 1 FROM builds WHERE id = ?', id) !== undefined) return;
  throw new ShaleError('BUILD_NOT_FOUND', `build ${id} is not in the store`, { data: { id } });
}

function findBuild(sql: Sql, name: string): BuildRecord | undefined {
  if (name === 'latest') {
    const row = sql.first('SELECT * FROM builds ORDER BY started_at DESC, id LIMIT 1');
    return row === undefined ? undefined : buildIn(row);
  }
  if (!/^b[a-z2-7]{0,10}$/.test(name)) return undefined;
  // '{' follows 'z'.
  const rows = sql.all(
    'SELECT * FROM builds WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    name,
    `${name}{`,
    MATCHES_WANTED,
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  if (rows.length > 1 && text(row, 'id') !== name)
    throw ambiguous(
      'build',
      name,
      rows.map((one) => text(one, 'id')),
    );
  return buildIn(row);
}

function buildIn(row: Row): BuildRecord {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    status: statusOf(row),
    startedAt: integer(row, 'started_at'),
    endedAt: integerOrNone(row, 'ended_at'),
    dockerfileDigest: digestOrNone(row, 'dockerfile'),
    imageId: digestOrNone(row, 'image'),
    details: json(row, 'details'),
  };
}

function statusOf(row: Row): BuildStatus {
  const status = text(row, 'status');
  if (status === 'done' || status === 'error' || status === 'canceled') return status;
  return isAlive(ownerIn(row)) ? 'running' : 'interrupted';
}

function putSteps(sql: Sql, id: string, steps: readonly BuildStepRecord[]): void {
  requireBuild(sql, id);
  for (const step of steps) {
    sql.run(
      `INSERT OR REPLACE INTO build_steps
       (build, number, name, status, key, slot, inputs, diff_id, started_at, ended_at, fetched, details)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      step.number,
      step.name,
      step.status,
      step.key ?? null,
      step.slot ?? null,
      step.inputs === undefined ? null : putInputs(sql, step.inputs),
      step.diffId ?? null,
      step.startedAt ?? null,
      step.endedAt ?? null,
      toJson(step.fetched ?? []),
      toJson(step.details),
    );
  }
}

function stepIn(sql: Sql, row: Row): BuildStepRecord {
  const inputsId = textOrNone(row, 'inputs');
  const inputs = inputsId === undefined ? undefined : sql.first('SELECT json FROM inputs WHERE id = ?', inputsId);
  const made = digestOrNone(row, 'diff_id');
  return {
    number: integer(row, 'number'),
    name: text(row, 'name'),
    status: text(row, 'status') as BuildStepRecord['status'], // Written by putSteps from this type.
    key: textOrNone(row, 'key'),
    slot: textOrNone(row, 'slot'),
    inputs: inputs === undefined ? null : json(inputs, 'json'),
    diffId: made === undefined ? undefined : asDiffId(made),
    startedAt: integerOrNone(row, 'started_at'),
    endedAt: integerOrNone(row, 'ended_at'),
    fetched: jsonList<FetchedUrl>(row, 'fetched'),
    details: json(row, 'details'),
  };
}

function removeBuild(sql: Sql, id: string): void {
  sql.run('DELETE FROM build_steps WHERE build = ?', id);
  sql.run('DELETE FROM builds WHERE id = ?', id);
}

/**
 * Forgets builds beyond the limits, oldest first, but none that is under way; gives their ids, whose logs the caller
 * removes. The newest build stays however long its logs are.
 */
export function dropOldBuilds(
  sql: Sql,
  { kept, logBytesMax, startedBefore }: Required<BuildLimits>,
): readonly string[] {
  const rows = sql.all(
    `SELECT id, status, started_at, boot, pid, start, coalesce(json_extract(details, '$.logBytes'), 0) AS log_bytes
     FROM builds ORDER BY started_at DESC, id`,
  );
  const dropped: string[] = [];
  let logBytes = 0;
  for (const [i, row] of rows.entries()) {
    logBytes += integer(row, 'log_bytes');
    const isOver = i >= kept || (i > 0 && logBytes > logBytesMax) || integer(row, 'started_at') < startedBefore;
    if (!isOver || statusOf(row) === 'running') continue;
    removeBuild(sql, text(row, 'id'));
    dropped.push(text(row, 'id'));
  }
  return dropped;
}
