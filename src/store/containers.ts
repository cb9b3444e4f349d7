import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ambiguous, MATCHES_WANTED, ShaleError, typedName, type Owner } from '../base/index.ts';
import { parseDiffId, type DiffId, type Digest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { appendEvent } from './events.ts';
import { hasContainerFile, isMadeAnew, makeContainerFolder, writeContainerFile } from './container-file.ts';
import { failpoint } from './failpoint.ts';
import { removeTree, statOf } from './files.ts';
import { ownerIn } from './leases.ts';
import { digestOrNone, flag, integer, json, jsonList, text, toFlag, toJson, type Row } from './row.ts';
import { moveAway } from './staging.ts';
import type { ContainerRecord, Containers } from './types.ts';

const CONTAINER_ID = /^[0-9a-f]{64}$/;
const ID_PREFIX = /^[0-9a-f]{1,64}$/;

/** `makeDurable` brings the layers of a container to disk before it is recorded. */
export function createContainers(
  context: StoreContext,
  makeDurable: (layers: readonly Digest[]) => Promise<void>,
): Containers {
  const { db, clock, layout } = context;
  const folder = (id: string): string => join(layout.folder('containers'), requireId(id));
  const find = (name: string): Promise<ContainerRecord | undefined> => db.read((sql) => findContainer(sql, name));

  return {
    folder,
    find,
    get: async (name) => (await find(name)) ?? notFound(name),
    list: ({ activeOr } = {}) => {
      const [where, values] =
        activeOr === undefined ? ['', []] : ['WHERE active = 1 OR instr(config, ?) > 0', [activeOr]];
      return db.read((sql) =>
        containersIn(sql.all(`SELECT * FROM containers ${where} ORDER BY created_at DESC, id`, ...values)),
      );
    },
    create: async (container, { durable = true, attributes } = {}) => {
      const record: ContainerRecord = { ...container, createdAt: container.createdAt ?? clock() };
      const path = folder(record.id);
      if (durable !== false) {
        await makeDurable(record.diffIds.filter((layer) => statOf(layout.blob(layer)) !== undefined));
        await db.read((sql) => requireFree(sql, record.id, record.name));
        // Before the transaction: nobody who writes to the store waits for the disk, and after a power cut no record is
        // without its folder.
        await dropFolder(context, record.id);
        makeContainerFolder(context, record);
      }
      const write = (sql: Sql): void => {
        requireFree(sql, record.id, record.name);
        writeContainer(sql, record);
        const event = { action: 'create', attributes: { name: record.name, ...attributes } };
        appendEvent(sql, clock(), { type: 'container', subject: record.id, ...event });
        // Within the transaction: no sweep can see a folder that nothing else protects without its record.
        mkdirSync(path, { recursive: true, mode: 0o700 });
        failpoint('container.folder');
      };
      try {
        await db.write(write);
      } catch (error) {
        await dropFolder(context, record.id).catch(() => undefined); // The error that led here says more.
        throw error;
      }
      if (durable === true) await db.settled();
      return record;
    },
    settle: () => db.settled(),
    update: (id, change, event) =>
      db.write((sql) => {
        const before = findContainer(sql, id);
        if (before === undefined || before.id !== id) return notFound(id);
        const changed = change(before);
        if (changed === undefined) return before;
        const after: ContainerRecord = { ...before, ...changed };
        if (after.name !== before.name) requireFree(sql, '', after.name);
        writeContainer(sql, after);
        if (isMadeAnew(before, after) && hasContainerFile(layout, id)) writeContainerFile(context, after);
        if (event !== undefined) appendEvent(sql, clock(), { type: 'container', subject: id, ...event });
        return after;
      }),
    remove: async (id, { durable = true, events = [] } = {}) => {
      const path = folder(id);
      await db.write(
        (sql) => {
          if (sql.run('DELETE FROM containers WHERE id = ?', id) === 0) notFound(id);
          for (const event of events) appendEvent(sql, clock(), { type: 'container', subject: id, ...event });
        },
        { frees: true },
      );
      // Before its files go: the record must not come back without them.
      if (durable) await db.settled();
      await removeTree(statOf(path) === undefined ? path : movedAway(context, path));
    },
  };
}

/** Removes the folder of a container that has no record. */
async function dropFolder(context: StoreContext, id: string): Promise<void> {
  const path = join(context.layout.folder('containers'), id);
  if (statOf(path) === undefined) return;
  const away = await context.db.write(
    (sql) => {
      const isNobodys = findContainer(sql, id)?.id !== id && statOf(path) !== undefined;
      return isNobodys ? moveAway(context, path) : undefined;
    },
    { frees: true },
  );
  if (away !== undefined) await removeTree(away);
}

/** Out of sight first, so that a kill in between leaves something that is swept; in its place where that fails. */
function movedAway(context: StoreContext, path: string): string {
  try {
    return moveAway(context, path);
  } catch {
    return path;
  }
}

function requireId(id: string): string {
  if (CONTAINER_ID.test(id)) return id;
  throw new ShaleError('CONTAINER_NOT_FOUND', `${typedName(id)} is not the id of a container`, { data: { id } });
}

function requireFree(sql: Sql, id: string, name: string): void {
  const row = sql.first('SELECT id, name FROM containers WHERE id = ? OR name = ?', id, name);
  if (row === undefined) return;
  throw new ShaleError('CONTAINER_EXISTS', `the name ${name} is taken by container ${text(row, 'id').slice(0, 12)}`, {
    data: { name, id: text(row, 'id') },
    hint: `remove that one ("shale rm ${name}") or choose another name`,
  });
}

function findContainer(sql: Sql, name: string): ContainerRecord | undefined {
  const exact =
    sql.first('SELECT * FROM containers WHERE id = ?', name) ??
    sql.first('SELECT * FROM containers WHERE name = ?', name);
  if (exact !== undefined) return containerIn(exact);
  if (!ID_PREFIX.test(name)) return undefined;
  const rows = sql.all(
    'SELECT * FROM containers WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
    name,
    `${name}g`,
    MATCHES_WANTED,
  );
  if (rows.length > 1) {
    const matches = rows.map((one) => `${text(one, 'id').slice(0, 12)} (${text(one, 'name')})`);
    throw ambiguous('container', name, matches);
  }
  const [row] = rows;
  return row === undefined ? undefined : containerIn(row);
}

/** Most containers share their layers with others: those are read once. */
function containersIn(rows: readonly Row[]): readonly ContainerRecord[] {
  const known = new Map<string, readonly DiffId[]>();
  return rows.map((row) => {
    const source = text(row, 'diff_ids');
    const diffIds = known.get(source) ?? diffIdsIn(row);
    known.set(source, diffIds);
    return containerWith(row, diffIds);
  });
}

export function containerIn(row: Row): ContainerRecord {
  return containerWith(row, diffIdsIn(row));
}

function diffIdsIn(row: Row): readonly DiffId[] {
  return jsonList<string>(row, 'diff_ids').map(parseDiffId);
}

function containerWith(row: Row, diffIds: readonly DiffId[]): ContainerRecord {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    imageId: digestOrNone(row, 'image'),
    diffIds,
    volumes: jsonList<string>(row, 'volumes'),
    config: json(row, 'config'),
    state: json(row, 'state'),
    active: flag(row, 'active'),
    createdAt: integer(row, 'created_at'),
    owner: ownerOrNone(row),
  };
}

function ownerOrNone(row: Row): Owner | undefined {
  return row['boot'] === null ? undefined : ownerIn(row);
}

export function writeContainer(sql: Sql, record: ContainerRecord): void {
  sql.run(
    `INSERT INTO containers (id, name, image, diff_ids, volumes, config, state, active, created_at, boot, pid, start)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, image = excluded.image, diff_ids = excluded.diff_ids,
       volumes = excluded.volumes, config = excluded.config, state = excluded.state, active = excluded.active,
       boot = excluded.boot, pid = excluded.pid, start = excluded.start`,
    record.id,
    record.name,
    record.imageId ?? null,
    toJson(record.diffIds),
    toJson(record.volumes),
    toJson(record.config),
    toJson(record.state),
    toFlag(record.active),
    record.createdAt,
    record.owner?.bootId ?? null,
    record.owner?.pid ?? null,
    record.owner?.startTime ?? null,
  );
}

function notFound(name: string): never {
  throw new ShaleError('CONTAINER_NOT_FOUND', `no container ${typedName(name)} in the store`, { data: { name } });
}
