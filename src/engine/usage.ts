import { listCache } from './cache/entries.ts';
import { listContainers } from './containers/list.ts';
import type { EngineContext } from './context.ts';
import { listImages } from './images.ts';
import type { UsageItems, UsageRow } from './types.ts';

/** `shale system df`. */
export async function usage({ store }: EngineContext): Promise<UsageRow[]> {
  const used = await store.usage();
  const row = (type: UsageRow['type'], line: typeof used.images): UsageRow => ({
    type,
    total: line.count,
    active: line.active,
    sizeBytes: line.sizeBytes,
    reclaimableBytes: line.reclaimableBytes,
  });
  return [
    row('Images', used.images),
    row('Containers', used.containers),
    row('Local Volumes', used.volumes),
    row('Build Cache', used.buildCache),
    { type: 'Derived', total: 0, active: 0, sizeBytes: used.derivedBytes, reclaimableBytes: 0 },
  ];
}

/** `shale system df --verbose`. */
export async function usageItems(context: EngineContext): Promise<UsageItems> {
  const { perImage, perVolume } = await context.store.usage();
  const sets = new Map<string, readonly (string | undefined)[]>(
    (await context.store.indexes.list()).map(({ digest, entries }) => [digest, entries.map(({ imageId }) => imageId)]),
  );
  const images = (await listImages(context, { all: false })).map((image) => {
    // A set of several platforms takes what its images take.
    const ids = sets.get(image.id) ?? [image.id];
    const parts = perImage.filter(({ id }) => ids.includes(id));
    const sum = (of: 'sharedBytes' | 'uniqueBytes' | 'containers'): number =>
      parts.reduce((total, part) => total + part[of], 0);
    return {
      ...image,
      sharedBytes: sum('sharedBytes'),
      uniqueBytes: sum('uniqueBytes'),
      containers: sum('containers'),
    };
  });
  return {
    images,
    containers: await listContainers(context, { all: true, sizes: true }),
    volumes: perVolume,
    buildCache: await listCache(context),
  };
}
