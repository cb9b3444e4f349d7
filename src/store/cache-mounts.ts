import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { framedHash, ShaleError } from '../base/index.ts';
import { requireWritable, type StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { diskUsage, removeTree, statOf } from './files.ts';
import { CACHE_MOUNT_KIND, livingLeases } from './leases.ts';
import { integer, integerOrNone, text, textOrNone, type Row } from './row.ts';
import { moveAway } from './staging.ts';
import type {
  CacheMountRecord,
  CacheMounts,
  CacheMountSharing,
  CacheMountSpec,
  CacheMountUse,
  CacheMountWish,
  HeldCacheMount,
  Leases,
} from './types.ts';

const POLL_MIN_MS = 10;
const POLL_MAX_MS = 200;
/** However large it is, a mount is counted again after so many uses, whatever the budget says. */
const USES_UNCOUNTED_MAX = 10;

/** How a living lease holds a mount; see docs/formats/cache-mounts.md. */
type Hold = CacheMountSharing | 'filling';

export function createCacheMounts(context: StoreContext, leases: Leases): CacheMounts {
  const { db, clock, layout } = context;
  const folder = layout.folder('cache-mounts');
  const pathOf = (id: string): string => join(folder, id);

  /** One try, in one transaction: what was taken, or the name of what must be waited for. */
  const take = (sql: Sql, lease: string, wishes: readonly CacheMountWish[]): readonly HeldCacheMount[] | string => {
    const holds = livingHolds(sql, clock());
    const taken = new Map<string, HeldCacheMount>();
    const plan: (() => void)[] = [];
    const mounts: HeldCacheMount[] = [];
    for (const wish of wishes) {
      const identity = identityOf(wish);
      const known = taken.get(identity);
      if (known !== undefined) {
        mounts.push(known);
        continue;
      }
      const chosen = choose(sql, { wish, identity, holds });
      if (chosen === 'wait') return wish.name;
      const id = chosen?.id ?? Buffer.from(context.randomBytes(16)).toString('hex');
      const fresh = chosen === undefined || !chosen.ready || statOf(pathOf(id)) === undefined;
      plan.push(() => {
        if (chosen === undefined) insertMount(sql, { id, identity, wish, at: clock() });
        const hold: Hold = fresh && wish.sharing === 'shared' ? 'filling' : wish.sharing;
        sql.run(
          'INSERT INTO lease_resources (lease, kind, value) VALUES (?, ?, ?)',
          lease,
          CACHE_MOUNT_KIND + hold,
          id,
        );
        sql.run(
          'UPDATE cache_mounts SET uses = uses + 1, last_used_at = ?, ready = ? WHERE id = ?',
          clock(),
          fresh ? 0 : 1,
          id,
        );
      });
      const mount = { id, path: pathOf(id), fresh };
      taken.set(identity, mount);
      mounts.push(mount);
    }
    for (const write of plan) write();
    return mounts;
  };

  const remove = async (id: string): Promise<boolean> => {
    const away: string[] = [];
    const removed = await db.write(
      (sql) => {
        if (livingHolds(sql, clock()).has(id)) throw inUse(sql, id);
        return removeCacheMount(context, sql, { id, away });
      },
      { frees: true },
    );
    for (const path of away) await removeTree(path);
    return removed;
  };

  return {
    acquire: async (wishes, { signal, onWait, noticeAfterMs = 0 }) => {
      requireWritable(context);
      const lease = await leases.create();
      const noticeAt = performance.now() + noticeAfterMs;
      let noticed = false;
      try {
        for (let waitMs = POLL_MIN_MS; ; waitMs = Math.min(POLL_MAX_MS, waitMs * 2)) {
          signal?.throwIfAborted();
          const taken = await db.write((sql) => take(sql, lease.id, wishes));
          if (typeof taken !== 'string') {
            for (const { path, fresh } of taken) if (fresh) await removeTree(path);
            return useOf(context, { lease, mounts: taken, wishes });
          }
          if (!noticed && performance.now() >= noticeAt) {
            noticed = true;
            onWait?.(taken);
          }
          await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
        }
      } catch (error) {
        await lease[Symbol.asyncDispose]();
        signal?.throwIfAborted();
        throw error;
      }
    },
    hold: async (id) => {
      const lease = await leases.create();
      try {
        const isThere = await db.write((sql) => {
          if (sql.first('SELECT 1 FROM cache_mounts WHERE id = ? AND ready = 1', id) === undefined) return false;
          if (livingHolds(sql, clock()).has(id)) throw inUse(sql, id);
          const hold: Hold = 'locked';
          const insert = 'INSERT INTO lease_resources (lease, kind, value) VALUES (?, ?, ?)';
          sql.run(insert, lease.id, CACHE_MOUNT_KIND + hold, id);
          return true;
        });
        if (isThere && statOf(pathOf(id)) !== undefined)
          return { path: pathOf(id), [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() };
        await lease[Symbol.asyncDispose]();
        return undefined;
      } catch (error) {
        await lease[Symbol.asyncDispose]();
        throw error;
      }
    },
    addCost: async (id, costMs) => {
      await db.write((sql) =>
        sql.run('UPDATE cache_mounts SET cost_ms = max(cost_ms, ?) WHERE id = ?', Math.round(costMs), id),
      );
    },
    list: () =>
      db.read((sql) => {
        const holds = livingHolds(sql, clock());
        return sql
          .all('SELECT * FROM cache_mounts ORDER BY last_used_at DESC, id')
          .map((row) => recordIn(row, { pathOf, holds }));
      }),
    measure: (options = {}) => measureCacheMounts(context, options),
    remove,
    adopt: async (spec, directory, lastUsedAt) => {
      requireWritable(context);
      const identity = identityOf(spec);
      const away: string[] = [];
      const id = Buffer.from(context.randomBytes(16)).toString('hex');
      const record = await db.write((sql) => {
        const holds = livingHolds(sql, clock());
        const [first] = sql.all('SELECT * FROM cache_mounts WHERE identity = ? ORDER BY instance', identity);
        if (first !== undefined) {
          if (holds.has(text(first, 'id'))) throw inUse(sql, text(first, 'id'));
          removeCacheMount(context, sql, { id: text(first, 'id'), away });
        }
        insertMount(sql, { id, identity, wish: spec, at: lastUsedAt });
        sql.run('UPDATE cache_mounts SET ready = 1, uses = 1 WHERE id = ?', id);
        // A transaction that runs a second time finds it moved already.
        if (statOf(pathOf(id)) === undefined) renameSync(directory, pathOf(id));
        const row = sql.first('SELECT * FROM cache_mounts WHERE id = ?', id);
        return row && recordIn(row, { pathOf, holds });
      });
      for (const path of away) await removeTree(path);
      if (record === undefined) throw new ShaleError('STORE_DAMAGED', `the cache mount ${spec.name} was not written`);
      return record;
    },
  };
}

function useOf(
  context: StoreContext,
  held: {
    readonly lease: AsyncDisposable & { readonly id: string };
    readonly mounts: readonly HeldCacheMount[];
    readonly wishes: readonly CacheMountWish[];
  },
): CacheMountUse {
  const { lease, mounts, wishes } = held;
  return {
    mounts,
    ready: async (id) => {
      const sharing = wishes[mounts.findIndex((mount) => mount.id === id)]?.sharing ?? 'shared';
      await context.db.write((sql) => {
        sql.run('UPDATE cache_mounts SET ready = 1 WHERE id = ?', id);
        sql.run(
          `UPDATE lease_resources SET kind = ? WHERE lease = ? AND value = ? AND kind = '${CACHE_MOUNT_KIND}filling'`,
          CACHE_MOUNT_KIND + sharing,
          lease.id,
          id,
        );
      });
    },
    [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
  };
}

interface Choice {
  readonly id: string;
  readonly ready: boolean;
}

/** An instance to use, `wait`, or undefined for a new one. */
function choose(
  sql: Sql,
  at: {
    readonly wish: CacheMountWish;
    readonly identity: string;
    readonly holds: ReadonlyMap<string, ReadonlySet<Hold>>;
  },
): Choice | 'wait' | undefined {
  const rows = sql.all('SELECT id, ready FROM cache_mounts WHERE identity = ? ORDER BY instance', at.identity);
  let mustWait = false;
  for (const row of rows) {
    const id = text(row, 'id');
    const ready = integer(row, 'ready') !== 0;
    const holds = at.holds.get(id);
    if (holds === undefined) return { id, ready };
    const isShared = !holds.has('private') && !holds.has('locked') && !holds.has('filling');
    if (at.wish.sharing === 'shared' && isShared) return { id, ready };
    if (!holds.has('private')) mustWait = true;
  }
  return mustWait && at.wish.sharing !== 'private' ? 'wait' : undefined;
}

function insertMount(
  sql: Sql,
  mount: { readonly id: string; readonly identity: string; readonly wish: CacheMountSpec; readonly at: number },
): void {
  const { id, identity, wish, at } = mount;
  const next = sql.first('SELECT coalesce(max(instance) + 1, 0) AS n FROM cache_mounts WHERE identity = ?', identity);
  sql.run(
    `INSERT INTO cache_mounts (id, name, identity, instance, base, mode, uid, gid, ready, size, measured_at_use, uses,
       cost_ms, created_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, NULL, NULL, 0, 0, ?, ?)`,
    id,
    wish.name,
    identity,
    integer(next ?? {}, 'n'),
    wish.base ?? null,
    wish.owner?.mode ?? null,
    wish.owner?.uid ?? null,
    wish.owner?.gid ?? null,
    at,
    at,
  );
}

function identityOf({ name, base, owner }: CacheMountSpec): string {
  return framedHash('shale-cache-mount/1', [
    name,
    base ?? null,
    owner?.mode ?? null,
    owner?.uid ?? null,
    owner?.gid ?? null,
  ]);
}

/** How the mounts that living leases hold are held. */
export function livingHolds(sql: Sql, now: number): ReadonlyMap<string, ReadonlySet<Hold>> {
  const living = livingLeases(sql, now);
  const holds = new Map<string, Set<Hold>>();
  for (const row of sql.all(`SELECT * FROM lease_resources WHERE kind GLOB '${CACHE_MOUNT_KIND}*'`)) {
    if (!living.has(text(row, 'lease'))) continue;
    const id = text(row, 'value');
    const hold = text(row, 'kind').slice(CACHE_MOUNT_KIND.length) as Hold; // Written by this file only.
    holds.set(id, (holds.get(id) ?? new Set<Hold>()).add(hold));
  }
  return holds;
}

/** Inside a transaction of the caller, who has looked that nobody holds it, and then removes what is `away`. */
export function removeCacheMount(
  context: StoreContext,
  sql: Sql,
  { id, away }: { readonly id: string; readonly away: string[] },
): boolean {
  const path = join(context.layout.folder('cache-mounts'), id);
  if (statOf(path) !== undefined) away.push(moveAway(context, path));
  return sql.run('DELETE FROM cache_mounts WHERE id = ?', id) > 0;
}

/** Counts the bytes of mounts that were used since; stops when the budget is over, but for what is overdue. */
export async function measureCacheMounts(
  { db, layout, clock }: StoreContext,
  { budgetMs = Infinity }: { readonly budgetMs?: number },
): Promise<void> {
  const deadline = performance.now() + budgetMs;
  const rows = await db.read((sql) =>
    sql.all('SELECT * FROM cache_mounts WHERE measured_at_use IS NULL OR measured_at_use < uses ORDER BY last_used_at'),
  );
  for (const row of rows) {
    const uses = integer(row, 'uses');
    const counted = integerOrNone(row, 'measured_at_use');
    const isOverdue = counted === undefined || uses - counted > USES_UNCOUNTED_MAX;
    if (!isOverdue && performance.now() >= deadline) continue;
    const id = text(row, 'id');
    const size = await diskUsage(join(layout.folder('cache-mounts'), id));
    await db.write((sql) => {
      // What is in use while it is counted is counted again.
      const isBusy = livingHolds(sql, clock()).has(id);
      sql.run('UPDATE cache_mounts SET size = ?, measured_at_use = ? WHERE id = ?', size, isBusy ? uses - 1 : uses, id);
    });
  }
}

function recordIn(
  row: Row,
  at: {
    readonly pathOf: (id: string) => string;
    readonly holds: ReadonlyMap<string, ReadonlySet<Hold>>;
  },
): CacheMountRecord {
  const id = text(row, 'id');
  const mode = integerOrNone(row, 'mode');
  return {
    id,
    name: text(row, 'name'),
    base: textOrNone(row, 'base'),
    owner: mode === undefined ? undefined : { mode, uid: integer(row, 'uid'), gid: integer(row, 'gid') },
    instance: integer(row, 'instance'),
    path: at.pathOf(id),
    sizeBytes: integerOrNone(row, 'size'),
    uses: integer(row, 'uses'),
    costMs: integer(row, 'cost_ms'),
    createdAt: integer(row, 'created_at'),
    lastUsedAt: integer(row, 'last_used_at'),
    inUse: at.holds.has(id),
  };
}

function inUse(sql: Sql, id: string): ShaleError {
  const row = sql.first('SELECT name FROM cache_mounts WHERE id = ?', id);
  const name = row === undefined ? id : text(row, 'name');
  return new ShaleError('CACHE_MOUNT_IN_USE', `the cache mount ${name} is in use by a build`, {
    data: { id, name },
    hint: 'try again when the build has ended',
  });
}
