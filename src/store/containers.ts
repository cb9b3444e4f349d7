import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ShaleError, type Owner } from '../base/index.ts';
import { parseDiffId, type Digest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { appendEvent } from './events.ts';
import { hasContainerFile, isMadeAnew, writeContainerFile } from './container-file.ts';
import { failpoint } from './failpoint.ts';
import { removeTree, statOf, syncFolderAtOnce } from './files.ts';
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
        sql.all(`SELECT * FROM containers ${where} ORDER BY created_at DESC, id`, ...values).map(containerIn),
      );
    },
    create: async (container, options = {}) => {
      const record: ContainerRecord = { ...container, createdAt: container.createdAt ?? clock() };
      const path = folder(record.id);
      const durable = options.durable ?? true;
      if (durable) await makeDurable(record.diffIds.filter((layer) => statOf(layout.blob(layer)) !== undefined));
      await db.write(
        (sql) => {
          requireFree(sql, record.id, record.name);
          writeContainer(sql, record);
          appendEvent(sql, clock(), {
            type: 'container',
            action: 'create',
            subject: record.id,
            attributes: { name: record.name, ...options.attributes },
          });
          // Within the transaction: no sweep can see the folder without its record.
          mkdirSync(path, { recursive: true, mode: 0o700 });
          if (durable) writeContainerFile(context, record);
          // And after a power cut no record is without its folder.
          if (durable) syncFolderAtOnce(layout.folder('containers'));
          failpoint('container.folder');
        },
        { durable },
      );
      return record;
    },
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
        { durable, frees: true },
      );
      await removeTree(statOf(path) === undefined ? path : movedAway(context, path));
    },
  };
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
  throw new ShaleError('CONTAINER_NOT_FOUND', `${JSON.stringify(id)} is not the id of a container`, { data: { id } });
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
  const [row, other] = sql.all('SELECT * FROM containers WHERE id >= ? AND id < ? LIMIT 2', name, `${name}g`);
  if (other !== undefined) {
    throw new ShaleError('NAME_AMBIGUOUS', `more than one container id begins with ${name}`, { data: { name } });
  }
  return row === undefined ? undefined : containerIn(row);
}

export function containerIn(row: Row): ContainerRecord {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    imageId: digestOrNone(row, 'image'),
    diffIds: jsonList<string>(row, 'diff_ids').map(parseDiffId),
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
  throw new ShaleError('CONTAINER_NOT_FOUND', `no container ${name} in the store`, { data: { name } });
}
