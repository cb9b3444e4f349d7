import { invariant, isShaleError, messageOf, ShaleError, type JsonObject } from '../../base/index.ts';
import { encodeLayer, type EncodedLayer, type Packing } from '../../images/index.ts';
import {
  digestOf,
  familiarName,
  formatManifest,
  MEDIA,
  type Descriptor,
  type DiffId,
  type Reference,
} from '../../oci/index.ts';
import type { Graph, VertexId } from '../../graph/index.ts';
import type { Solved } from '../../solver/index.ts';
import type { Store } from '../../store/index.ts';
import type { ExportContext, Exporter } from '../exporters/exporter.ts';
import type { StepResult } from '../result.ts';
import { cacheJson, CACHE_CONFIG_TYPE, formatCacheConfig, type PortableRecord } from './cache-document.ts';
import { localCacheTarget, type CacheTarget, type LocalCachePlace } from './cache-place.ts';
import { registryCacheTarget } from './registry-place.ts';

/** What `--cache-to` names. */
export type CacheExport = CacheExportOptions &
  (({ readonly kind: 'local' } & LocalCachePlace) | { readonly kind: 'registry'; readonly reference: Reference });

export interface CacheExportOptions {
  /** Whose layers go with the records: `min`: those of the result; `max`: all. */
  readonly mode: 'min' | 'max';
  readonly packing: Packing;
  /** True: a cache that cannot be written is told, and the build goes on. */
  readonly ignoreErrors: boolean;
}

/** What was built, as an export looks at it. */
export interface BuiltSteps {
  readonly graph: Graph;
  /** One for each platform. */
  readonly results: readonly VertexId[];
  readonly solved: ReadonlyMap<string, Solved<StepResult>>;
}

/** Writes what is known of the steps, with their layers, so that another store need not run them. */
export function cacheExporter(to: CacheExport, built: BuiltSteps): Exporter {
  const title = to.kind === 'local' ? to.folder : familiarName(to.reference);
  return {
    title: to.kind === 'local' ? 'exporting cache to client directory' : 'exporting cache to registry',
    async export(_product, context) {
      try {
        await writeCache(targetOf(to, context), { built, to, context });
      } catch (cause) {
        context.signal.throwIfAborted();
        // Another try is made without this layer.
        if (isShaleError(cause, 'LAYER_SOURCE_FAILED')) throw cause;
        const message = `cannot write the cache to ${title}: ${messageOf(cause)}`;
        if (!to.ignoreErrors) throw new ShaleError('CACHE_EXPORT_FAILED', message, { cause, data: { place: title } });
        context.warn(message);
      }
      return { digest: undefined, report: {} };
    },
  };
}

function targetOf(to: CacheExport, { registry }: ExportContext): CacheTarget {
  if (to.kind === 'local') return localCacheTarget(to);
  invariant(registry !== undefined, 'whoever asks for a push says how registries are spoken to');
  return registryCacheTarget(to.reference, registry);
}

interface Writing {
  readonly built: BuiltSteps;
  readonly to: CacheExport;
  readonly context: ExportContext;
}

async function writeCache(target: CacheTarget, { built, to, context }: Writing): Promise<void> {
  const { layers, signal } = context;
  const records = await portableRecords(layers.store, built);
  const inResult = new Set(built.results.flatMap((id) => stackOf(built.solved.get(id))));
  const wanted = records.map(({ layer }) => layer).filter((layer) => to.mode === 'max' || inResult.has(layer));
  const diffIds = [...new Set(wanted)];
  const descriptors: Descriptor[] = [];
  for (const diffId of diffIds) {
    signal.throwIfAborted();
    descriptors.push(await writeLayer(target, diffId, { packing: to.packing, context }));
  }
  const config = documentOf(formatCacheConfig(diffIds, records), CACHE_CONFIG_TYPE);
  const manifest = documentOf(
    formatManifest({
      kind: 'manifest',
      manifest: { mediaType: MEDIA.ociManifest, config: config.descriptor, layers: descriptors },
    }),
    MEDIA.ociManifest,
  );
  await target.putDocument(config);
  await target.putDocument(manifest);
  await target.point(manifest.descriptor);
}

/** A layer that was never fetched because nothing needed it is left where it came from, when that is here. */
async function writeLayer(
  target: CacheTarget,
  diffId: DiffId,
  { packing, context }: { readonly packing: Packing; readonly context: ExportContext },
): Promise<Descriptor> {
  const { layers, signal } = context;
  if ((await layers.store.blobs.find(diffId)) === undefined) {
    for (const { digest, sizeBytes, mediaType } of (await layers.store.layers.find(diffId))?.sources ?? []) {
      const descriptor = { digest, size: sizeBytes, mediaType };
      if (await target.has(descriptor)) return descriptor;
    }
  }
  const encoded: EncodedLayer = await encodeLayer(layers, diffId, packing, signal);
  await target.putLayer(encoded);
  return encoded.descriptor;
}

/** What is known of steps under all their keys, in the order of the graph. */
async function portableRecords(store: Store, built: BuiltSteps): Promise<PortableRecord[]> {
  const records: PortableRecord[] = [];
  for (const id of built.graph.vertices.keys()) {
    const step = layerStep(built.solved.get(id));
    if (step === undefined) continue;
    const record = await store.cacheRecords.find(step.key);
    const isSame = record?.result === step.layer;
    const keys = [...new Set([...(isSame ? record.keys : []), ...step.keys])];
    records.push({ keys, layer: step.layer, costMs: isSame ? record.costMs : 0 });
  }
  return records;
}

/**
 * The cache that an image carries in its config: the keys by which the steps of its build are defined. It names nothing
 * that this store alone knows, so equal builds carry equal caches.
 */
export function inlineCacheOf(built: BuiltSteps, diffIds: readonly DiffId[]): JsonObject {
  const records: PortableRecord[] = [];
  for (const solved of built.solved.values()) {
    const step = layerStep(solved);
    if (step !== undefined) records.push({ keys: [solved.definitionKey ?? step.key], layer: step.layer, costMs: 0 });
  }
  return cacheJson(diffIds, records);
}

/** A step that made a layer and may be found again. */
function layerStep(
  solved: Solved<StepResult> | undefined,
): { readonly key: string; readonly keys: readonly string[]; readonly layer: DiffId } | undefined {
  if (solved === undefined || solved.key === '' || solved.result.kind !== 'rootfs') return undefined;
  const { layer } = solved.result;
  if (layer === undefined) return undefined;
  const keys = solved.definitionKey === undefined ? [solved.key] : [solved.key, solved.definitionKey];
  return { key: solved.key, keys, layer };
}

function stackOf(solved: Solved<StepResult> | undefined): readonly DiffId[] {
  return solved?.result.kind === 'rootfs' ? solved.result.stack : [];
}

function documentOf(bytes: Buffer, mediaType: string): { readonly bytes: Buffer; readonly descriptor: Descriptor } {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
