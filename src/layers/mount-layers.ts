import { framedHash } from '../base/index.ts';
import { buildFixUp, lowestVisible } from '../erofs/index.ts';
import { digestFromHex, type Digest } from '../oci/index.ts';
import { FIX_UP_KIND } from './derived-kinds.ts';
import type { Layers, Stack } from './layers.ts';
import type { Layer } from './types.ts';

/** One index with the data files that it points into, as it is mounted (`MountLayer` of `mounts` is one). */
export interface MountableLayer {
  readonly id: string;
  readonly indexPath: string;
  /** In the order of the index's device table. */
  readonly data: readonly { readonly path: string; readonly sizeBytes?: number | undefined }[];
}

/**
 * What has to be mounted to show a stack, lowest first. Layers below an opaque root are left out. Where a layer implies
 * directories or leads through links of a lower layer, an index over the whole stack lies on top, so that the kernel shows
 * what docker would have unpacked.
 */
export async function mountLayers(layers: Layers, stack: Stack): Promise<MountableLayer[]> {
  const indexes = stack.layers.map((layer) => layer.index);
  const mounted = stack.layers.slice(lowestVisible(indexes)).map(mountable);
  const fixUp = buildFixUp(indexes);
  if (fixUp === undefined) return mounted;
  const key = chainDigest(stack);
  const indexPath =
    (await layers.store.derived.find(FIX_UP_KIND, key)) ??
    (await layers.store.derived.write(FIX_UP_KIND, key, fixUp.image));
  const data = fixUp.devices.map(({ layer, source }) => dataFile(stack.layers[layer], source));
  return [...mounted, { id: key, indexPath, data }];
}

function mountable(layer: Layer): MountableLayer {
  const tar = dataFile(layer, 'tar');
  return {
    id: layer.diffId,
    indexPath: layer.indexPath,
    data: layer.expandedPath === undefined ? [tar] : [tar, dataFile(layer, 'expanded')],
  };
}

function dataFile(layer: Layer | undefined, source: 'tar' | 'expanded'): MountableLayer['data'][number] {
  if (source === 'expanded') return { path: layer?.expandedPath ?? '' };
  return { path: layer?.tarPath ?? '', sizeBytes: layer?.tarSizeBytes };
}

function chainDigest(stack: Stack): Digest {
  return digestFromHex(
    framedHash(
      'shale-fix-up/1',
      stack.layers.map((layer) => layer.diffId),
    ),
  );
}
