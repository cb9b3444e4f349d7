import { ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import type { Descriptor, DiffId } from '../oci/index.ts';
import type { LayerSource } from '../store/index.ts';
import { LayoutFolder } from './layout-folder.ts';
import { unpackLayer } from './unpack-layer.ts';

/** What the repository of a source begins with that is a folder in the form of an OCI layout. */
const PREFIX = 'oci-layout://';

/** The source of a layer that lies in a layout's folder (absolute); it is read when something needs the layer's bytes. */
export function layoutSource(folder: string, { digest, size, mediaType }: Descriptor): LayerSource {
  return { repository: PREFIX + folder, digest, sizeBytes: size, mediaType };
}

export function isLayoutSource(source: LayerSource): boolean {
  return source.repository.startsWith(PREFIX);
}

/** Brings a layer in from a layout's folder, verified by both of its digests. @throws LAYER_SOURCE_FAILED */
export async function fetchFromLayout(
  layers: Layers,
  diffId: DiffId,
  source: LayerSource,
  signal: AbortSignal,
): Promise<void> {
  const folder = source.repository.slice(PREFIX.length);
  const { digest, sizeBytes, mediaType } = source;
  try {
    const packed = new LayoutFolder(folder).stream({ digest, size: sizeBytes, mediaType });
    await unpackLayer(layers, packed, { diffId, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new ShaleError('LAYER_SOURCE_FAILED', `the layer ${diffId} cannot be had from ${folder}`, {
      cause,
      data: { diffId, folder },
      hint: 'build again without --cache-from',
    });
  }
}
