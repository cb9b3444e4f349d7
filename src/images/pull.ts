import { isShaleError, ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import { formatReference, type Descriptor, type DiffId, type Platform, type Reference } from '../oci/index.ts';
import type { RegistryOptions } from '../registry/index.ts';
import type { TellBlob } from './content.ts';
import { fetchFromLayout, isLayoutSource } from './layout-source.ts';
import { registrySource } from './registry-place.ts';
import { takeImage, type TakenImage } from './take-image.ts';
import { takeLayer } from './take-layer.ts';

export interface PullOptions {
  /** See `TakeOptions`. */
  readonly platform: Platform | 'all' | 'any';
  readonly registry: RegistryOptions;
  readonly tell?: TellBlob | undefined;
  /** True: manifest and config only; the layers come when something needs them. */
  readonly lazy: boolean;
}

/**
 * Pulls an image. The tag moves when everything is there and durable.
 * @throws MANIFEST_UNKNOWN, PLATFORM_UNKNOWN, DIGEST_MISMATCH, and what the registry client throws
 */
export async function pullImage(layers: Layers, reference: Reference, options: PullOptions): Promise<TakenImage> {
  await using source = registrySource(reference, options.registry);
  return await takeImage(layers, source, {
    platform: options.platform,
    lazy: options.lazy,
    name: reference.tag === undefined ? undefined : formatReference({ ...reference, digest: undefined }),
    reason: 'pull',
    signal: options.registry.signal,
    tell: options.tell,
  });
}

/**
 * Brings one layer of a lazily pulled image into the store, from the first source that has it.
 * @throws LAYER_NOT_FOUND when there is no source
 */
export async function fetchFromSources(
  layers: Layers,
  diffId: DiffId,
  options: Pick<PullOptions, 'registry' | 'tell'>,
): Promise<void> {
  const { registry, tell } = options;
  const sources = (await layers.store.layers.find(diffId))?.sources ?? [];
  let failure: unknown = new ShaleError(
    'LAYER_NOT_FOUND',
    `the layer ${diffId} is not in the store and no registry is known to have it`,
    { data: { diffId } },
  );
  for (const source of sources) {
    const { repository, digest, sizeBytes, mediaType } = source;
    const slash = repository.indexOf('/');
    const [host, path] = [repository.slice(0, slash), repository.slice(slash + 1)];
    const layer: Descriptor = { mediaType, digest, size: sizeBytes };
    try {
      if (isLayoutSource(source)) return await fetchFromLayout(layers, diffId, source, registry.signal);
      const reference = { registry: host, repository: path, tag: undefined, digest: undefined };
      await using place = registrySource(reference, registry);
      return await takeLayer(layers, place, { diffId, layer, signal: registry.signal, tell });
    } catch (error) {
      registry.signal.throwIfAborted();
      failure = isShaleError(error, 'BLOB_UNKNOWN') ? notThere(diffId, repository, error) : error;
    }
  }
  throw failure;
}

/** A step whose result it is can be done again instead. */
function notThere(diffId: DiffId, repository: string, cause: ShaleError): ShaleError {
  const message = `the layer ${diffId} is not in ${repository} any more`;
  return new ShaleError('LAYER_SOURCE_FAILED', message, { cause, data: { diffId, repository } });
}
