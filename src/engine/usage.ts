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
  const ofImage = new Map<string, (typeof perImage)[number]>(perImage.map((image) => [image.id, image]));
  const images = (await listImages(context, { all: false })).map((image) => {
    // A set of several platforms is none of the images that are counted: what it takes is its images'.
    const { sharedBytes = 0, uniqueBytes = 0, containers = 0 } = ofImage.get(image.id) ?? {};
    return { ...image, sharedBytes, uniqueBytes, containers };
  });
  return {
    images,
    containers: await listContainers(context, { all: true, sizes: true }),
    volumes: perVolume,
    buildCache: await listCache(context),
  };
}
