import { JsonReader, parseJson, ShaleError, type JsonObject } from '../../base/index.ts';
import { parseDiffId, type DiffId } from '../../oci/index.ts';
import { KEY_VERSION } from '../../solver/index.ts';

/** Of the config of a cache's manifest (docs/formats/exported-cache.md). */
export const CACHE_CONFIG_TYPE = 'application/vnd.shale.cache.config.v1+json';
/** Bytes that such a config may have. */
export const CACHE_CONFIG_MAX_BYTES: number = 64 * 1024 * 1024;

/** What one step gave: any of the keys leads to the layer. */
export interface PortableRecord {
  readonly keys: readonly string[];
  readonly layer: DiffId;
  readonly costMs: number;
}

const KEY = /^[0-9a-f]{64}$/;

/**
 * Records over layers: `here` are those whose bytes go with the document. Others are named by their diffIds alone, which is
 * enough for steps that only later, cached ones are made of. The same bytes for the same records and layers.
 */
export function cacheJson(here: readonly DiffId[], records: readonly PortableRecord[]): JsonObject {
  const absent = [...new Set(records.map(({ layer }) => layer).filter((layer) => !here.includes(layer)))].toSorted();
  const places = new Map([...here, ...absent].map((diffId, place) => [diffId, place]));
  const rows = records.map(({ keys, layer, costMs }) => ({
    keys: keys.toSorted(),
    layer: places.get(layer) ?? -1,
    costMs,
  }));
  return {
    keys: KEY_VERSION,
    absent,
    records: rows.toSorted((a, b) => a.layer - b.layer || compareTexts(a.keys[0], b.keys[0])),
  };
}

function compareTexts(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * Reads what `cacheJson` wrote. Keys of another version lead to nothing here, so there are no records then.
 * @throws CACHE_INVALID, DIGEST_INVALID
 */
export function parseCacheJson(fields: JsonReader, here: readonly DiffId[]): PortableRecord[] {
  if (fields.required('keys', fields.string('keys')) !== KEY_VERSION) return [];
  const layers = [...here, ...(fields.strings('absent') ?? []).map(parseDiffId)];
  return fields.required('records', fields.objects('records')).map((record) => {
    const keys = record.required('keys', record.strings('keys'));
    const layer = layers[record.required('layer', record.integer('layer'))];
    if (layer === undefined || keys.length === 0 || !keys.every((key) => KEY.test(key)))
      throw new ShaleError('CACHE_INVALID', 'a record of the cache has no layer or no keys');
    return { keys, layer, costMs: Math.max(0, record.integer('costMs') ?? 0) };
  });
}

/** The config of a cache's manifest; its layers stand in the order of the manifest's. */
export function formatCacheConfig(diffIds: readonly DiffId[], records: readonly PortableRecord[]): Buffer {
  return Buffer.from(JSON.stringify({ mediaType: CACHE_CONFIG_TYPE, diffIds, ...cacheJson(diffIds, records) }));
}

/** @throws CACHE_INVALID, JSON_INVALID, DIGEST_INVALID */
export function parseCacheConfig(bytes: Uint8Array): {
  readonly diffIds: readonly DiffId[];
  readonly records: readonly PortableRecord[];
} {
  const fields = new JsonReader(parseJson(bytes, 'the cache'), 'the cache', 'CACHE_INVALID');
  const diffIds = fields.required('diffIds', fields.strings('diffIds')).map(parseDiffId);
  return { diffIds, records: parseCacheJson(fields, diffIds) };
}
