import type { DiffId, ImageConfig } from '../oci/index.ts';
import type { Store } from '../store/index.ts';

export interface HistoryRow {
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the layer's tar; 0 where the entry made no layer, undefined where it is not known yet. */
  readonly sizeBytes: number | undefined;
  readonly diffId: DiffId | undefined;
}

/** The history of an image with its layers, newest first, as `docker history` shows it. */
export async function historyOf(store: Store, config: ImageConfig): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = [];
  let next = 0;
  for (const entry of config.history) {
    const diffId = entry.emptyLayer === true ? undefined : config.diffIds[next++];
    const sizeBytes = diffId === undefined ? 0 : (await store.layers.find(diffId))?.sizeBytes;
    rows.push({
      created: entry.created,
      createdBy: entry.createdBy ?? '',
      comment: entry.comment ?? '',
      sizeBytes,
      diffId,
    });
  }
  for (const diffId of config.diffIds.slice(next)) {
    const sizeBytes = (await store.layers.find(diffId))?.sizeBytes;
    rows.push({ created: config.created, createdBy: '<missing>', comment: '', sizeBytes, diffId });
  }
  return rows.toReversed();
}
