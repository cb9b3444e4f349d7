import { invariant, isShaleError, JsonReader, messageOf, ShaleError } from '../../base/index.ts';
import { findImage, readConfig } from '../../images/index.ts';
import {
  CONFIG_MAX_BYTES,
  familiarName,
  isDigest,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  MEDIA,
  parseImageConfig,
  parseManifest,
  type Descriptor,
  type DiffId,
  type ImageConfig,
  type ImageManifest,
  type Reference,
} from '../../oci/index.ts';
import type { Layers } from '../../layers/index.ts';
import type { RegistryOptions } from '../../registry/index.ts';
import type { ActionCache, CachedStep } from '../../solver/index.ts';
import type { Store } from '../../store/index.ts';
import {
  CACHE_CONFIG_MAX_BYTES,
  CACHE_CONFIG_TYPE,
  parseCacheConfig,
  parseCacheJson,
  type PortableRecord,
} from './cache-document.ts';
import { localCacheSource, type CacheSource, type LocalCachePlace } from './cache-place.ts';
import { registryCacheSource } from './registry-place.ts';

/** What `--cache-from` names. */
export type CacheImport =
  | ({ readonly kind: 'local' } & LocalCachePlace)
  /** A cache that was pushed, or an image of a registry that carries the cache of its build. */
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** An image of the store that carries the cache of its build. */
  | { readonly kind: 'image'; readonly name: string };

/** A step that a cache knows the result of. */
interface ImportedStep extends PortableRecord {
  /** Where the layer lies, as the cache's manifest has it; undefined when it is in the store or known there. */
  readonly at?: { readonly source: CacheSource; readonly descriptor: Descriptor } | undefined;
}

function titleOf(one: CacheImport): string {
  if (one.kind === 'local') return one.folder;
  return one.kind === 'image' ? one.name : familiarName(one.reference);
}

const INDEX_DEPTH_MAX = 2;
/** Of a step that no record of the store stands for. */
const UNRECORDED = 'imported';

/**
 * The caches that a build was told to believe. Their records are data of others: they count in this build only, the store
 * keeps those that were used as untrusted ones, and every layer is verified by its diffId when its bytes are read. That is
 * when a step runs on it, or something else needs it; a build that runs nothing reads none.
 */
export class CacheImports {
  readonly #steps = new Map<string, ImportedStep>();
  readonly #broken = new Set<string>();

  /** Reads what the caches say; one that is not there or cannot be read is told and left out. */
  static async open(
    imports: readonly CacheImport[],
    options: {
      readonly store: Store;
      readonly registry: RegistryOptions | undefined;
      readonly warn: (message: string) => void;
    },
  ): Promise<CacheImports> {
    const opened = new CacheImports();
    for (const one of imports) {
      const title = titleOf(one);
      try {
        const found = await opened.#addImport(one, options);
        if (!found) options.warn(`there is no cache in ${title}`);
      } catch (error) {
        options.warn(`the cache in ${title} is not used: ${messageOf(error)}`);
      }
    }
    return opened;
  }

  /** The cache of a store, and behind it what was imported. */
  over(cache: ActionCache, layers: Layers): ActionCache {
    return {
      ...cache,
      find: async (key) => {
        const own = await cache.find(key);
        if (own !== undefined && !(await this.#isBroken(own.stored, layers.store))) return own;
        return this.#find(key, layers);
      },
      link: async (key, recordId) => (recordId === UNRECORDED ? undefined : cache.link(key, recordId)),
    };
  }

  /**
   * Does work; when it fails because the bytes of a layer cannot be had from where they should be, the work is done again
   * without the result of that layer's step, which then runs.
   */
  async retrying<T>(work: () => Promise<T>, warn: (message: string) => void): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const layer = isShaleError(error, 'LAYER_SOURCE_FAILED') ? error.data['diffId'] : undefined;
        if (typeof layer !== 'string' || this.#broken.has(layer)) throw error;
        this.#broken.add(layer);
        warn(`${messageOf(error)}: its step runs again`);
      }
    }
  }

  async #find(key: string, layers: Layers): Promise<CachedStep | undefined> {
    const step = this.#steps.get(key);
    if (step === undefined || (await this.#isBroken(step.layer, layers.store))) return undefined;
    const { keys, layer, at, costMs } = step;
    const { store } = layers;
    if (!(await layers.isAvailable(layer))) {
      if (at === undefined || !(await at.source.has(at.descriptor))) {
        // Its name is enough for steps that are found by it; if one of them has to run, this one will, too.
        layers.assume(layer);
        return { recordId: UNRECORDED, stored: layer };
      }
      await store.layers.put({ diffId: layer, sources: [at.source.layerSource(at.descriptor)] });
    }
    const record = { keys, slot: '', result: layer, diffIds: [layer], costMs, trusted: false };
    return { recordId: String((await store.cacheRecords.put(record)).id), stored: layer };
  }

  /** True for a layer that could not be had when it was needed, and did not come in since. */
  async #isBroken(layer: string, store: Store): Promise<boolean> {
    return this.#broken.has(layer) && isDigest(layer) && (await store.blobs.find(layer)) === undefined;
  }

  #add(records: readonly PortableRecord[], at: (layer: DiffId) => ImportedStep['at']): void {
    for (const record of records)
      for (const key of record.keys)
        if (!this.#steps.has(key)) this.#steps.set(key, { ...record, at: at(record.layer) });
  }

  async #addImport(
    one: CacheImport,
    { store, registry }: { readonly store: Store; readonly registry: RegistryOptions | undefined },
  ): Promise<boolean> {
    if (one.kind === 'image') return this.#addImage(store, one.name);
    if (one.kind === 'local') return this.#addSource(localCacheSource(one));
    invariant(registry !== undefined, 'whoever names a registry says how it is spoken to');
    return this.#addSource(registryCacheSource(one.reference, registry));
  }

  /** False when the image is not in the store. */
  async #addImage(store: Store, name: string): Promise<boolean> {
    const image = await findImage(store, name);
    if (image === undefined) return false;
    const ids = image.set?.entries.flatMap(({ imageId }) => (isDigest(imageId) ? [imageId] : [])) ?? [image.record.id];
    let found = false;
    for (const id of ids) {
      const records = inlineRecords(await readConfig(store, id));
      this.#add(records, () => undefined);
      found ||= records.length > 0;
    }
    return found;
  }

  async #addSource(source: CacheSource): Promise<boolean> {
    const top = await source.top();
    if (top === undefined) return false;
    await this.#addDocument(source, top, 0);
    return true;
  }

  async #addDocument(source: CacheSource, descriptor: Descriptor, depth: number): Promise<void> {
    if (depth > INDEX_DEPTH_MAX || !(isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType))) return;
    const document = parseManifest(await source.read(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
    if (document.kind === 'manifest') return this.#addManifest(source, document.manifest);
    if (document.index.manifests.some(({ mediaType }) => mediaType.startsWith('application/vnd.buildkit.cacheconfig')))
      throw new ShaleError('CACHE_INVALID', 'it was made by BuildKit, whose keys mean nothing here');
    for (const entry of document.index.manifests) await this.#addDocument(source, entry, depth + 1);
  }

  async #addManifest(source: CacheSource, manifest: ImageManifest): Promise<void> {
    const { diffIds, records } = await readRecords(source, manifest.config);
    if (diffIds.length !== manifest.layers.length)
      throw new ShaleError(
        'CACHE_INVALID',
        `the cache has ${manifest.layers.length} layers, its config ${diffIds.length}`,
      );
    const layers = new Map(diffIds.map((diffId, i) => [diffId, manifest.layers[i]]));
    this.#add(records, (layer) => {
      const descriptor = layers.get(layer);
      return descriptor && { source, descriptor };
    });
  }
}

async function readRecords(
  source: CacheSource,
  config: Descriptor,
): Promise<{ readonly diffIds: readonly DiffId[]; readonly records: readonly PortableRecord[] }> {
  if (config.mediaType === CACHE_CONFIG_TYPE)
    return parseCacheConfig(await source.read(config, CACHE_CONFIG_MAX_BYTES));
  if (config.mediaType !== MEDIA.ociConfig && config.mediaType !== MEDIA.dockerConfig)
    throw new ShaleError('CACHE_INVALID', `${config.mediaType} is no cache that shale can read`);
  const image = parseImageConfig(await source.read(config, CONFIG_MAX_BYTES));
  return { diffIds: image.diffIds, records: inlineRecords(image) };
}

function inlineRecords({ inlineCache, diffIds }: ImageConfig): PortableRecord[] {
  if (inlineCache === undefined) return [];
  return parseCacheJson(new JsonReader(inlineCache, 'the cache of the image', 'CACHE_INVALID'), diffIds);
}
