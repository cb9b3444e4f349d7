import { ambiguous, ShaleError, typedName } from '../../base/index.ts';
import type { CacheMountRecord, CacheRecord, Store } from '../../store/index.ts';
import { cacheCap } from '../cache-cap.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import type { CacheEntry, CachePruneReport, CachePruneRequest, CacheUsage } from './types.ts';

/** `shale cache ls`. */
export async function listCache({ store }: Pick<EngineContext, 'store'>): Promise<CacheEntry[]> {
  if (!store.readOnly) await store.cacheMounts.measure();
  const mounts = (await store.cacheMounts.list()).map(mountEntry);
  const sizes = new Map<string, number>((await store.blobs.list()).map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const steps = (await store.cacheRecords.list()).map((record) => stepEntry(record, sizes));
  return [...mounts, ...steps].toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
}

export function mountEntry(record: CacheMountRecord): CacheEntry {
  const { id, name, sizeBytes, uses, costMs, createdAt, lastUsedAt, inUse } = record;
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return { kind: 'mount', id, name, ...size, uses, costMs, createdMs: createdAt, lastUsedMs: lastUsedAt, inUse };
}

/** Its size is that of what it leads to, whether an image needs that too or not. */
function stepEntry(record: CacheRecord, sizes: ReadonlyMap<string, number>): CacheEntry {
  const { id, slot, diffIds, blobs, uses, costMs, createdAt, lastUsedAt } = record;
  const sizeBytes = [...diffIds, ...blobs].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
  const times = { createdMs: createdAt, lastUsedMs: lastUsedAt };
  return { kind: 'step', id: `s${id}`, name: slot, sizeBytes, uses, costMs, ...times, inUse: false };
}

/** `shale cache df`. */
export async function cacheUsage(context: EngineContext): Promise<CacheUsage> {
  const { buildCache: all, cacheMounts: mounts } = await context.store.usage();
  return {
    rows: [
      {
        type: 'Steps',
        total: all.count - mounts.count,
        active: all.active - mounts.active,
        sizeBytes: all.sizeBytes - mounts.sizeBytes,
        reclaimableBytes: all.reclaimableBytes - mounts.reclaimableBytes,
      },
      {
        type: 'Mounts',
        total: mounts.count,
        active: mounts.active,
        sizeBytes: mounts.sizeBytes,
        reclaimableBytes: mounts.reclaimableBytes,
      },
    ],
    capBytes: cacheCap(context),
  };
}

/** `shale cache rm`. */
export async function removeFromCache({ store }: EngineContext, name: string): Promise<CacheEntry[]> {
  const found = await findEntries(store, name);
  for (const entry of found) {
    if (entry.kind === 'mount') await store.cacheMounts.remove(entry.id);
    else await store.cacheRecords.remove(Number(entry.id.slice(1)));
  }
  // What the records held goes with the next collection, or now, as far as nothing else needs it.
  await store.leases.release();
  await store.collect({});
  return found;
}

/** What people call a part of the cache. @throws CACHE_NOT_FOUND */
export async function findEntries(store: Store, name: string, kind?: CacheEntry['kind']): Promise<CacheEntry[]> {
  const entries = (await listCache({ store })).filter((entry) => kind === undefined || entry.kind === kind);
  const byId = entries.filter(({ id }) => id === name);
  const byName = entries.filter((entry) => entry.kind === 'mount' && entry.name === name);
  const byPrefix = /^[0-9a-f]{4,}$/.test(name) ? entries.filter(({ id }) => id.startsWith(name)) : [];
  const [found = []] = [byId, byName, byPrefix].filter((some) => some.length > 0);
  if (found === byPrefix && found.length > 1)
    throw ambiguous(
      'cache',
      name,
      found.map(({ id }) => id.slice(0, 12)),
    );
  if (found.length > 0) return found;
  throw new ShaleError('CACHE_NOT_FOUND', `nothing in the build cache is called ${typedName(name)}`, {
    data: { name },
    hint: 'shale cache ls',
  });
}

/** `shale cache prune`. */
export async function pruneCache(
  { store }: EngineContext,
  { maxBytes = 0, unusedSinceMs }: CachePruneRequest,
  watch: Watch,
): Promise<CachePruneReport> {
  await store.leases.release();
  const limits =
    unusedSinceMs === undefined
      ? { maxCacheBytes: maxBytes }
      : { cacheUnusedSince: unusedSinceMs, ...(maxBytes > 0 && { maxCacheBytes: maxBytes }) };
  const report = await store.collect({ signal: watch.signal, ...limits });
  return { steps: report.deletedRecords, mounts: report.deletedCacheMounts, reclaimedBytes: report.freedBytes };
}
