import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant, isSystemError } from '../base/index.ts';
import { digestFromHex, hexOf, type DiffId, type Digest } from '../oci/index.ts';
import { requireWritable, type StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { failpoint } from './failpoint.ts';
import { fileError, removeTree, sha256OfFile, statOf } from './files.ts';
import { digest, flag, integer, text, textOrNone, toJson, type Row } from './row.ts';
import { moveAway, stagingPath } from './staging.ts';
import type { Derived, DerivedDraft, DerivedKind, DerivedOptions, DerivedRecord, LeaseResource } from './types.ts';

const NAME = /^[a-z0-9-]+$/;

/** What a derived file is on disk: size and, for files, checksum. */
interface Content {
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
}

/** `index/erofs-v1/<hex>`: kind and version are the folder, the layer is the name. */
export function createDerived(context: StoreContext): Derived {
  const { db, layout, session } = context;
  const path = (kind: DerivedKind, key: Digest): string => derivedPath(layout.root, kind, key);

  const find = async (kind: DerivedKind, key: Digest): Promise<string | undefined> => {
    if (!context.readOnly) await session.holdForReading([held(key)]);
    const row = await db.read((sql) => rowOf(sql, kind, key));
    const place = path(kind, key);
    const stat = statOf(place);
    if (row === undefined || stat === undefined || !fits(row, stat, kind)) return undefined;
    if (flag(row, 'synced') || text(row, 'boot') === context.owner.bootId) return place;
    return (await survived(context, row, place)) ? place : undefined;
  };

  const create = async (kind: DerivedKind, key: Digest, options: DerivedOptions = {}): Promise<DerivedDraft> => {
    requireWritable(context);
    return draft(context, kind, key, options);
  };

  return {
    path,
    find,
    has: async (kind, key) => (await find(kind, key)) !== undefined,
    create,
    write: async (kind, key, bytes, options = {}) => {
      const there = await find(kind, key);
      if (there !== undefined) return there;
      requireWritable(context);
      return await writeFile(context, kind, key, bytes, options);
    },
    evict: async (kind, key) => {
      const away: string[] = [];
      await db.write((sql) => removeIn(context, sql, kind, key, away), { frees: true });
      for (const path of away) await removeTree(path);
      return away.length > 0;
    },
    list: () => db.read((sql) => sql.all('SELECT * FROM derived').map((row) => recordIn(layout.root, row))),
  };
}

export function derivedPath(root: string, kind: Pick<DerivedKind, 'folder' | 'name' | 'version'>, key: Digest): string {
  invariant(NAME.test(kind.name), `${JSON.stringify(kind.name)} is a name for a kind of derived files`);
  return join(root, kind.folder, `${kind.name}-v${kind.version}`, hexOf(key));
}

export function recordIn(root: string, row: Row): DerivedRecord & { readonly type: string } {
  const folder = text(row, 'folder') === 'trees' ? 'trees' : 'index';
  const kind = { folder, name: text(row, 'kind'), version: integer(row, 'version') } as const;
  const key = digest(row, 'key');
  return {
    kind: kind.name,
    version: kind.version,
    key,
    path: derivedPath(root, kind, key),
    sizeBytes: integer(row, 'size'),
    type: text(row, 'type'),
  };
}

async function writeFile(
  context: StoreContext,
  kind: DerivedKind,
  key: Digest,
  bytes: Uint8Array,
  options: DerivedOptions,
): Promise<string> {
  await using made = draft(context, kind, key, options);
  try {
    const handle = await open(made.path, 'wx', 0o400);
    try {
      await handle.writeFile(bytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('cannot write', made.path, error, { neededBytes: bytes.byteLength });
  }
  return await made.place(
    { sizeBytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') },
    false,
  );
}

interface PlacingDraft extends DerivedDraft {
  place(content: Content, synced: boolean): Promise<string>;
}

function draft(context: StoreContext, kind: DerivedKind, key: Digest, options: DerivedOptions): PlacingDraft {
  const path = stagingPath(context);
  const place = (content: Content, synced: boolean): Promise<string> =>
    moveIntoPlace(context, { kind, key, from: path, content, synced, layers: options.layers });
  return {
    path,
    place,
    commit: async (end = {}) => {
      const content = await contentOf(kind, path);
      return await place(content, end.synced ?? false);
    },
    [Symbol.asyncDispose]: () => removeTree(path),
  };
}

async function contentOf(kind: DerivedKind, path: string): Promise<Content> {
  if (kind.type === 'directory') return { sizeBytes: 0, sha256: undefined };
  try {
    const sizeBytes = Number(statOf(path)?.size ?? 0);
    return { sizeBytes, sha256: await sha256OfFile(path) };
  } catch (error) {
    throw fileError('cannot read', path, error);
  }
}

interface Placement {
  readonly kind: DerivedKind;
  readonly key: Digest;
  readonly from: string;
  readonly content: Content;
  readonly synced: boolean;
  readonly layers: readonly DiffId[] | undefined;
}

/** One transaction: leased, renamed, recorded. What can be trusted in its place stays; anything else gives way. */
async function moveIntoPlace(context: StoreContext, placement: Placement): Promise<string> {
  const { kind, key, from } = placement;
  const target = derivedPath(context.layout.root, kind, key);
  mkdirSync(join(target, '..'), { recursive: true, mode: 0o700 });
  let replaced: string | undefined;
  await context.session.writeHeld([held(key)], (sql) => {
    const row = rowOf(sql, kind, key);
    const stat = statOf(target);
    const current = row !== undefined && (flag(row, 'synced') || text(row, 'boot') === context.owner.bootId);
    if (current && stat !== undefined && fits(row, stat, kind)) return;
    if (statOf(from) !== undefined) {
      if (stat !== undefined) replaced = moveAway(context, target);
      renameSync(from, target);
    }
    failpoint('derived.placed');
    insert(sql, context.owner.bootId, placement);
  });
  if (replaced !== undefined) await removeTree(replaced);
  return target;
}

function insert(sql: Sql, bootId: string, placement: Placement): void {
  const { kind, key, content, synced, layers } = placement;
  sql.run(
    `INSERT OR REPLACE INTO derived (folder, kind, version, key, type, size, sha256, boot, synced, layers)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    kind.folder,
    kind.name,
    kind.version,
    key,
    kind.type,
    content.sizeBytes,
    content.sha256 ?? null,
    bootId,
    synced ? 1 : 0,
    toJson(layers ?? [key]),
  );
}

function rowOf(sql: Sql, kind: DerivedKind, key: Digest): Row | undefined {
  return sql.first(
    'SELECT * FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?',
    kind.folder,
    kind.name,
    kind.version,
    key,
  );
}

function fits(row: Row, stat: BigIntStats, kind: Pick<DerivedKind, 'type'>): boolean {
  if (kind.type === 'directory') return stat.isDirectory();
  return stat.isFile() && Number(stat.size) === integer(row, 'size');
}

/** Written before a reboot and never synced: the checksum says whether it reached the disk. */
async function survived(context: StoreContext, row: Row, path: string): Promise<boolean> {
  const wanted = textOrNone(row, 'sha256');
  if (wanted === undefined) return false;
  try {
    if ((await sha256OfFile(path)) !== wanted) return false;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EIO')) return false;
    throw fileError('cannot read', path, error);
  }
  if (!context.readOnly) {
    await context.db.write((sql) =>
      sql.run(
        'UPDATE derived SET synced = 1 WHERE folder = ? AND kind = ? AND version = ? AND key = ? AND sha256 = ?',
        text(row, 'folder'),
        text(row, 'kind'),
        integer(row, 'version'),
        text(row, 'key'),
        wanted,
      ),
    );
  }
  return true;
}

/** Forgets it and moves it out of sight, to a place that is added to `away`. */
function removeIn(context: StoreContext, sql: Sql, kind: DerivedKind, key: Digest, away: string[]): void {
  const path = derivedPath(context.layout.root, kind, key);
  sql.run(
    'DELETE FROM derived WHERE folder = ? AND kind = ? AND version = ? AND key = ?',
    kind.folder,
    kind.name,
    kind.version,
    key,
  );
  if (statOf(path) !== undefined) away.push(moveAway(context, path));
}

function held(key: Digest): LeaseResource {
  return { kind: 'derived', digest: key };
}

/** What stands in `index/` and `trees/` by name, recorded or not. */
export function derivedKey(name: string): Digest | undefined {
  return /^[0-9a-f]{64}$/.test(name) ? digestFromHex(name) : undefined;
}
