import type { Digest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { gatherRoots, type Marker } from './reach.ts';
import { livingHolds } from './cache-mounts.ts';
import { digest, integer, integerOrNone, text, type Row } from './row.ts';
import type { TimeMs } from './types.ts';

export interface CacheLimits {
  readonly maxBytes: number;
  readonly unusedSince: TimeMs;
  /** Mounts that were used since then go last, among each other by their use. */
  readonly freshSince: TimeMs;
}

/** A record is worth half as much after each such time without use. */
const HALF_LIFE_MS = 7 * 24 * 3600 * 1000;

/** A part of the cache that can go: a record of a step, or a cache mount. */
export type CachePart =
  | { readonly kind: 'record'; readonly id: number }
  | { readonly kind: 'mount'; readonly id: string };

/** Above every value that time saved per byte can have. */
const FRESH_VALUE = 1e12;

interface Weighed {
  readonly part: CachePart;
  readonly blobs: readonly Digest[];
  /** On disk, beside the blobs. */
  readonly ownBytes: number;
  readonly lastUsedAt: TimeMs;
  readonly value: number;
  /** It counts, and cannot go. */
  readonly inUse: boolean;
}

/**
 * The records and mounts that must go to stay within the limits, least valuable first. What images, containers and leases
 * reach anyway costs the cache nothing, and what several records share counts once.
 */
export async function chooseCacheParts(
  context: StoreContext,
  marker: Marker,
  limits: CacheLimits,
): Promise<readonly CachePart[]> {
  const now = context.clock();
  const roots = await context.db.read((sql) => gatherRoots(sql, now, ['images', 'containers', 'leases']));
  await marker.readManifests(roots);
  return await context.db.read((sql) => {
    const kept = marker.resolve(roots, sql)?.blobs ?? new Set<Digest>();
    const sizes = blobSizes(sql);
    return choose([...weigh(sql, kept, sizes, now), ...weighMounts(sql, now, limits.freshSince)], sizes, limits);
  });
}

export function blobSizes(sql: Sql): ReadonlyMap<Digest, number> {
  return new Map(sql.all('SELECT digest, size FROM blobs').map((row) => [digest(row, 'digest'), integer(row, 'size')]));
}

function weigh(
  sql: Sql,
  kept: ReadonlySet<Digest>,
  sizes: ReadonlyMap<Digest, number>,
  now: TimeMs,
): readonly Weighed[] {
  const reach = recordReach(sql);
  return sql.all('SELECT * FROM cache_records').map((row) => {
    const id = integer(row, 'id');
    const blobs = (reach.get(id) ?? []).filter((blob) => !kept.has(blob));
    const bytes = blobs.reduce((sum, blob) => sum + (sizes.get(blob) ?? 0), 0);
    return {
      part: { kind: 'record', id },
      blobs,
      ownBytes: 0,
      lastUsedAt: integer(row, 'last_used_at'),
      value: valueOf(row, bytes, now),
      inUse: false,
    };
  });
}

/** A mount saves what the longest step that used it took, as far as anybody can know. */
function weighMounts(sql: Sql, now: TimeMs, freshSince: TimeMs): readonly Weighed[] {
  const holds = livingHolds(sql, now);
  return sql.all('SELECT * FROM cache_mounts').map((row) => {
    const id = text(row, 'id');
    const ownBytes = integerOrNone(row, 'size') ?? 0;
    const lastUsedAt = integer(row, 'last_used_at');
    return {
      part: { kind: 'mount', id },
      blobs: [],
      ownBytes,
      lastUsedAt,
      value: lastUsedAt >= freshSince ? FRESH_VALUE + lastUsedAt : valueOf(row, ownBytes, now),
      inUse: holds.has(id),
    };
  });
}

/** Time saved per byte kept, growing with use and fading with age. */
function valueOf(row: Row, bytes: number, now: TimeMs): number {
  const age = Math.max(0, now - integer(row, 'last_used_at'));
  const saved = (integer(row, 'cost_ms') + 10) * (1 + Math.log2(1 + integer(row, 'uses')));
  return (saved / (bytes + 4096)) * 2 ** (-age / HALF_LIFE_MS);
}

/** Record → the blobs that it keeps: tars, their encodings, other blobs. */
export function recordReach(sql: Sql): ReadonlyMap<number, readonly Digest[]> {
  const encodings = new Map<Digest, Digest[]>();
  for (const row of sql.all('SELECT diff_id, digest FROM encodings')) {
    const layer = digest(row, 'diff_id');
    encodings.set(layer, [...(encodings.get(layer) ?? []), digest(row, 'digest')]);
  }
  const reach = new Map<number, Digest[]>();
  for (const row of sql.all('SELECT * FROM cache_reach')) {
    const id = integer(row, 'record');
    const blob = digest(row, 'digest');
    const blobs = reach.get(id) ?? [];
    blobs.push(blob, ...(text(row, 'kind') === 'layer' ? (encodings.get(blob) ?? []) : []));
    reach.set(id, blobs);
  }
  return reach;
}

function choose(
  records: readonly Weighed[],
  sizes: ReadonlyMap<Digest, number>,
  limits: CacheLimits,
): readonly CachePart[] {
  const users = new Map<Digest, number>();
  for (const record of records) for (const blob of record.blobs) users.set(blob, (users.get(blob) ?? 0) + 1);
  let total = records.reduce((sum, record) => sum + record.ownBytes, 0);
  for (const blob of users.keys()) total += sizes.get(blob) ?? 0;
  const chosen: CachePart[] = [];
  for (const record of records.toSorted((a, b) => a.value - b.value)) {
    if (limits.maxBytes > 0 && total <= limits.maxBytes && record.lastUsedAt >= limits.unusedSince) continue;
    if (record.inUse) continue;
    chosen.push(record.part);
    total -= record.ownBytes;
    for (const blob of record.blobs) {
      const left = (users.get(blob) ?? 1) - 1;
      users.set(blob, left);
      if (left === 0) total -= sizes.get(blob) ?? 0;
    }
  }
  return chosen;
}
