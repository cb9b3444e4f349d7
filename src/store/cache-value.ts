import type { Digest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import type { Sql } from './database.ts';
import { gatherRoots, type Marker } from './reach.ts';
import { digest, integer, text, type Row } from './row.ts';
import type { TimeMs } from './types.ts';

export interface CacheLimits {
  readonly maxBytes: number;
  readonly unusedSince: TimeMs;
}

/** A record is worth half as much after each such time without use. */
const HALF_LIFE_MS = 7 * 24 * 3600 * 1000;

interface Weighed {
  readonly id: number;
  readonly blobs: readonly Digest[];
  readonly lastUsedAt: TimeMs;
  readonly value: number;
}

/**
 * The cache records that must go to stay within the limits, least valuable first. What images, containers and leases
 * reach anyway costs the cache nothing, and what several records share counts once.
 */
export async function chooseCacheRecords(
  context: StoreContext,
  marker: Marker,
  limits: CacheLimits,
): Promise<readonly number[]> {
  const now = context.clock();
  const roots = await context.db.read((sql) => gatherRoots(sql, now, ['images', 'containers', 'leases']));
  await marker.readManifests(roots);
  return await context.db.read((sql) => {
    const kept = marker.resolve(roots, sql)?.blobs ?? new Set<Digest>();
    const sizes = blobSizes(sql);
    return choose(weigh(sql, kept, sizes, now), sizes, limits);
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
    return { id, blobs, lastUsedAt: integer(row, 'last_used_at'), value: valueOf(row, bytes, now) };
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
): readonly number[] {
  const users = new Map<Digest, number>();
  for (const record of records) for (const blob of record.blobs) users.set(blob, (users.get(blob) ?? 0) + 1);
  let total = 0;
  for (const blob of users.keys()) total += sizes.get(blob) ?? 0;
  const chosen: number[] = [];
  for (const record of records.toSorted((a, b) => a.value - b.value)) {
    if (limits.maxBytes > 0 && total <= limits.maxBytes && record.lastUsedAt >= limits.unusedSince) continue;
    chosen.push(record.id);
    for (const blob of record.blobs) {
      const left = (users.get(blob) ?? 1) - 1;
      users.set(blob, left);
      if (left === 0) total -= sizes.get(blob) ?? 0;
    }
  }
  return chosen;
}
