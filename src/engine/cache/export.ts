import { isShaleError } from '../../base/index.ts';
import { encodeLayer, writeArchive, writeLayoutFolder, type PackedItem } from '../../images/index.ts';
import { walkUpper, writeUpper } from '../../layers/index.ts';
import { parseReference } from '../../oci/index.ts';
import type { CacheMountRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { packMount } from './artifact.ts';
import { findEntries, mountEntry } from './entries.ts';
import { pushMounts } from './registry.ts';
import type { CacheEntry, MountExport, MountExportRequest } from './types.ts';

/**
 * `shale cache export`. Each mount is held while it is read, and becomes a layer of the store first: so the archive is of
 * one moment, and equal mounts give equal bytes.
 */
export async function exportMounts(
  context: EngineContext,
  request: MountExportRequest,
  watch: Watch,
): Promise<MountExport> {
  const { maxBytes = Infinity, names, folder, registry } = request;
  const reference = registry === undefined ? undefined : parseReference(registry);
  const records = await chooseMounts(context, names);
  const items: PackedItem[] = [];
  const exported: CacheEntry[] = [];
  const skipped: { entry: CacheEntry; why: string }[] = [];
  let total = 0;
  for (const record of records) {
    watch.signal.throwIfAborted();
    const entry = mountEntry(record);
    const size = record.sizeBytes ?? 0;
    if (total + size > maxBytes) {
      skipped.push({ entry, why: `its ${size} bytes do not fit` });
      continue;
    }
    try {
      const item = await packOne(context, record, watch.signal);
      if (item === undefined) continue;
      items.push(item);
      exported.push(entry);
      total += size;
    } catch (error) {
      if (names.length > 0 || !isShaleError(error, 'CACHE_MOUNT_IN_USE', 'UPPER_CHANGED')) throw error;
      skipped.push({ entry, why: error.message });
    }
  }
  if (folder !== undefined) {
    await writeLayoutFolder(folder, items, watch.signal);
    return { exported, skipped };
  }
  if (reference !== undefined) {
    await pushMounts(reference, items, context.registry(watch.signal));
    return { exported, skipped };
  }
  return { exported, skipped, archive: writeArchive(items, { format: 'oci', signal: watch.signal }) };
}

/** Latest used first. @throws CACHE_NOT_FOUND */
async function chooseMounts({ store }: EngineContext, names: readonly string[]): Promise<CacheMountRecord[]> {
  await store.cacheMounts.measure();
  const all = await store.cacheMounts.list();
  // Further instances of a private mount are spare ones.
  if (names.length === 0) return all.filter(({ instance }) => instance === 0);
  const wanted = new Set<string>();
  for (const name of names) for (const { id } of await findEntries(store, name, 'mount')) wanted.add(id);
  return all.filter(({ id }) => wanted.has(id));
}

/** Undefined when it is gone meanwhile. @throws CACHE_MOUNT_IN_USE, UPPER_CHANGED */
async function packOne(
  { layers, store }: EngineContext,
  record: CacheMountRecord,
  signal: AbortSignal,
): Promise<PackedItem | undefined> {
  await using held = await store.cacheMounts.hold(record.id);
  if (held === undefined) return undefined;
  const { diffId } = await writeUpper(layers, walkUpper({ upperDir: held.path }));
  const encoded = await encodeLayer(layers, diffId, { compression: 'zstd' }, signal);
  const { name, base, owner, lastUsedAt, sizeBytes = 0 } = record;
  return packMount({ name, base, owner, lastUsedAt, sizeBytes }, { ...encoded, diffId });
}
