import { isJsonObject, isShaleError, type Json } from '../../base/index.ts';
import { isDigest, type Digest, type DiffId } from '../../oci/index.ts';
import type { ActionCache, CachedStep, EarlierStep, StepInputs, StepRecord } from '../../solver/index.ts';
import type { CacheRecord, Store } from '../../store/index.ts';
import { compressInputs, decompressInputs } from './recorded-inputs.ts';

/** Inputs with more characters than this are kept as a blob of their own. */
const INLINE_INPUTS_MAX = 16 * 1024;

/**
 * The solver's action cache, kept in the store. Imported records are not taken until they are trusted. Slots are those of
 * one `project`; keys are everybody's.
 */
export function openActionCache(store: Store, project: string): ActionCache {
  const slotOf = (slot: string): string => `${project} ${slot}`;
  return {
    async find(key): Promise<CachedStep | undefined> {
      const record = await store.cacheRecords.find(key);
      return record?.trusted === true && typeof record.result === 'string'
        ? { recordId: String(record.id), stored: record.result }
        : undefined;
    },
    async save(record) {
      await save(store, { ...record, slot: slotOf(record.slot) });
    },
    async link(key, recordId) {
      try {
        await store.cacheRecords.addKey(Number(recordId), key);
      } catch (error) {
        // A prune has taken the record meanwhile; what it stood for is held since it was found.
        if (!isShaleError(error, 'CACHE_RECORD_NOT_FOUND')) throw error;
      }
    },
    async *earlier(slot, max): AsyncGenerator<EarlierStep> {
      for (const record of await store.cacheRecords.findNearest(slotOf(slot), max)) {
        const inputs = await readInputs(store, record);
        if (inputs !== undefined) yield { recordId: String(record.id), inputs };
      }
    },
  };
}

async function save(store: Store, record: StepRecord): Promise<void> {
  const diffIds: DiffId[] = isDigest(record.stored) ? [record.stored as DiffId] : []; // A step's result is a layer's diffId.
  const blob = isLarge(record.inputs) ? await keepInputs(store, record.inputs) : undefined;
  await store.cacheRecords.put(
    {
      keys: record.keys,
      slot: record.slot,
      result: record.stored,
      diffIds,
      costMs: record.costMs,
      inputs: blob === undefined ? [...record.inputs].map(([name, value]) => [name, value]) : { blob },
      ...(blob !== undefined && { blobs: [blob] }),
      trusted: true,
    },
    { replace: true },
  );
}

async function keepInputs(store: Store, inputs: StepInputs): Promise<Digest> {
  await using ingest = await store.blobs.createIngest();
  await compressInputs(inputs, (part) => ingest.write(part));
  return await ingest.commit();
}

function isLarge(inputs: StepInputs): boolean {
  let characters = 0;
  for (const [name, value] of inputs) {
    characters += name.length + value.length;
    if (characters > INLINE_INPUTS_MAX) return true;
  }
  return false;
}

async function readInputs(store: Store, record: CacheRecord): Promise<EarlierStep['inputs'] | undefined> {
  const { inputs } = record;
  if (Array.isArray(inputs)) return inputsOf(inputs);
  if (!isJsonObject(inputs) || !isDigest(inputs['blob'])) return undefined;
  if ((await store.blobs.find(inputs['blob'])) === undefined) return undefined;
  return decompressInputs(store.blobs.stream(inputs['blob']));
}

function inputsOf(pairs: readonly Json[]): StepInputs {
  const inputs = new Map<string, string>();
  for (const pair of pairs) {
    if (!Array.isArray(pair)) continue;
    const [name, value] = pair;
    if (typeof name === 'string' && typeof value === 'string') inputs.set(name, value);
  }
  return inputs;
}
