import { isAlive, isShaleError, type Owner, ShaleError } from '../base/index.ts';
import { parseDigest } from '../oci/index.ts';
import type { Database, Sql } from './database.ts';
import { integer, integerOrNone, text, type Row } from './row.ts';
import type { Lease, LeaseRecord, LeaseResource, Leases, TimeMs } from './types.ts';

interface LeaseContext {
  readonly db: Database;
  readonly owner: Owner;
  readonly clock: () => TimeMs;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Kinds of `lease_resources` that hold cache mounts begin with it (docs/formats/cache-mounts.md). */
export const CACHE_MOUNT_KIND = 'cache-mount-';

/** The owner that a row names in its columns boot, pid and start. */
export function ownerIn(row: Row): Owner {
  return { bootId: text(row, 'boot'), pid: integer(row, 'pid'), startTime: text(row, 'start') };
}

interface Current {
  readonly id: string;
  /** Keys of what is recorded under it. */
  readonly held: Set<string>;
  isRecorded: boolean;
}

/** The lease of one open store handle, made at its first use. Remembers what it holds, so holding again is free. */
export class SessionLease {
  readonly #context: LeaseContext;
  /** Another one after each release: what was recorded under the one before is not taken for held. */
  #current: Current | undefined;
  #keepers = 0;

  constructor(context: LeaseContext) {
    this.#context = context;
  }

  /** Undefined as long as nothing is held. */
  get id(): string | undefined {
    return this.#current?.id;
  }

  holds(resource: LeaseResource): boolean {
    return this.#current?.held.has(keyOf(resource)) ?? false;
  }

  /** Inside a transaction of the caller; what it gives is to be called once that has committed. */
  holdIn(sql: Sql, resources: readonly LeaseResource[]): () => void {
    const lease = (this.#current ??= this.#begin());
    if (!lease.isRecorded) insertLease(sql, lease.id, this.#context.owner, undefined);
    for (const resource of resources) insertResource(sql, lease.id, resource);
    return () => {
      lease.isRecorded = true;
      for (const resource of resources) lease.held.add(keyOf(resource));
    };
  }

  /** A transaction that holds `resources` as well. */
  async writeHeld<T>(resources: readonly LeaseResource[], work: (sql: Sql) => T): Promise<T> {
    let confirm = (): void => {};
    const result = await this.#context.db.write((sql) => {
      confirm = this.holdIn(sql, resources);
      return work(sql);
    });
    confirm();
    return result;
  }

  async hold(resources: readonly LeaseResource[]): Promise<void> {
    const missing = resources.filter((resource) => !this.holds(resource));
    if (missing.length > 0) await this.writeHeld(missing, () => {});
  }

  /** As `hold`, but reading goes on without a lease where the disk is full. */
  async holdForReading(resources: readonly LeaseResource[]): Promise<void> {
    try {
      await this.hold(resources);
    } catch (error) {
      if (!isShaleError(error, 'NO_SPACE', 'STORE_READ_ONLY')) throw error;
    }
  }

  keep(): Disposable {
    let isKept = true;
    this.#keepers++;
    return {
      [Symbol.dispose]: () => {
        if (isKept) this.#keepers--;
        isKept = false;
      },
    };
  }

  /** After the lease was removed by a reset: the next hold makes another one. */
  forget(): void {
    this.#current = undefined;
  }

  async release(): Promise<void> {
    if (this.#keepers === 0) await this.end();
  }

  /** Whoever keeps it. */
  async end(): Promise<void> {
    const lease = this.#current;
    this.forget();
    if (lease !== undefined) await this.#context.db.write((sql) => removeLease(sql, lease.id), { frees: true });
  }

  /** Not before it is needed: most commands hold nothing, and randomness loads all of node:crypto. */
  #begin(): Current {
    return { id: Buffer.from(this.#context.randomBytes(8)).toString('hex'), held: new Set(), isRecorded: false };
  }
}

export function createLeases(context: LeaseContext & { readonly session: SessionLease }): Leases {
  const { db, owner, clock } = context;
  return {
    create: async (options = {}) => {
      const id = Buffer.from(context.randomBytes(8)).toString('hex');
      await db.write((sql) => insertLease(sql, id, owner, options.expiresAt));
      return leaseHandle(db, id);
    },
    hold: (resources) => context.session.hold(resources),
    holdForReading: (resources) => context.session.holdForReading(resources),
    holds: (resource) => context.session.holds(resource),
    keep: () => context.session.keep(),
    release: () => context.session.release(),
    list: () => db.read((sql) => listLeases(sql, clock())),
  };
}

function leaseHandle(db: Database, id: string): Lease {
  return {
    id,
    hold: (resources) =>
      db.write((sql) => {
        requireLease(sql, id);
        for (const resource of resources) insertResource(sql, id, resource);
      }),
    renew: (expiresAt) =>
      db.write((sql) => {
        requireLease(sql, id);
        sql.run('UPDATE leases SET expires_at = ? WHERE id = ?', expiresAt, id);
      }),
    [Symbol.asyncDispose]: () => db.write((sql) => removeLease(sql, id), { frees: true }),
  };
}

function requireLease(sql: Sql, id: string): void {
  if (sql.first('SELECT 1 FROM leases WHERE id = ?', id) !== undefined) return;
  throw new ShaleError('LEASE_NOT_FOUND', `lease ${id} is over: it expired and was collected`, { data: { id } });
}

function insertLease(sql: Sql, id: string, owner: Owner, expiresAt: TimeMs | undefined): void {
  sql.run(
    'INSERT OR IGNORE INTO leases (id, boot, pid, start, expires_at) VALUES (?, ?, ?, ?, ?)',
    id,
    owner.bootId,
    owner.pid,
    owner.startTime,
    expiresAt ?? null,
  );
}

const INSERT_RESOURCE = 'INSERT OR IGNORE INTO lease_resources (lease, kind, value) VALUES (?, ?, ?)';

function insertResource(sql: Sql, lease: string, resource: LeaseResource): void {
  if (resource.kind !== 'image') {
    sql.run(INSERT_RESOURCE, lease, resource.kind, resource.kind === 'container' ? resource.id : resource.digest);
    return;
  }
  // Spelled out now: the image's record may be removed while the lease lives.
  const image = resource.digest;
  sql.run(INSERT_RESOURCE, lease, 'image', image);
  sql.run(INSERT_RESOURCE, lease, 'blob', image);
  for (const row of sql.all('SELECT digest FROM image_manifests WHERE image = ?', image)) {
    sql.run(INSERT_RESOURCE, lease, 'manifest', text(row, 'digest'));
  }
  for (const row of sql.all('SELECT diff_id FROM image_layers WHERE image = ?', image)) {
    sql.run(INSERT_RESOURCE, lease, 'layer', text(row, 'diff_id'));
  }
}

function removeLease(sql: Sql, id: string): void {
  sql.run('DELETE FROM lease_resources WHERE lease = ?', id);
  sql.run('DELETE FROM leases WHERE id = ?', id);
}

function keyOf(resource: LeaseResource): string {
  return `${resource.kind} ${resource.kind === 'container' ? resource.id : resource.digest}`;
}

/** Ids of the leases that count now. */
export function livingLeases(sql: Sql, now: TimeMs): ReadonlySet<string> {
  const living = new Set<string>();
  for (const row of sql.all('SELECT * FROM leases')) if (counts(row, now)) living.add(text(row, 'id'));
  return living;
}

/** Removes the leases that do not count any more. */
export function sweepLeases(sql: Sql, now: TimeMs): void {
  for (const row of sql.all('SELECT * FROM leases')) if (!counts(row, now)) removeLease(sql, text(row, 'id'));
}

function counts(row: Row, now: TimeMs): boolean {
  const expiresAt = integerOrNone(row, 'expires_at');
  return (expiresAt === undefined || expiresAt > now) && isAlive(ownerIn(row));
}

function listLeases(sql: Sql, now: TimeMs): readonly LeaseRecord[] {
  return sql.all('SELECT * FROM leases ORDER BY id').map((row) => {
    const id = text(row, 'id');
    return {
      id,
      owner: ownerIn(row),
      expiresAt: integerOrNone(row, 'expires_at'),
      alive: counts(row, now),
      resources: sql
        .all(
          `SELECT * FROM lease_resources WHERE lease = ? AND kind <> 'manifest' AND kind NOT GLOB '${CACHE_MOUNT_KIND}*'`,
          id,
        )
        .map((resource) => resourceIn(resource)),
    };
  });
}

function resourceIn(row: Row): LeaseResource {
  const kind = text(row, 'kind');
  const value = text(row, 'value');
  switch (kind) {
    case 'blob':
    case 'layer':
    case 'image':
    case 'derived':
      return { kind, digest: parseDigest(value) };
    case 'container':
      return { kind, id: value };
    default:
      throw new ShaleError('STORE_DAMAGED', `a lease holds something of the unknown kind ${JSON.stringify(kind)}`);
  }
}
