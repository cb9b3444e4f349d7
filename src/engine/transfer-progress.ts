import { messageOf } from '../base/index.ts';
import type { BlobProgress, TellBlob } from '../images/index.ts';
import type { EngineContext } from './context.ts';
import type { Watch } from './types.ts';

/** Milliseconds between two events about one blob. */
const EVERY_MS = 100;

/** Runs a transfer as one step of the progress events, with a part for each blob. */
export async function transferring<T>(
  { options: { now } }: Pick<EngineContext, 'options'>,
  watch: Watch,
  name: string,
  work: (tell: TellBlob) => Promise<T>,
): Promise<T> {
  const id = `transfer ${name}`;
  const toldAt = new Map<string, number>();
  const tell = (blob: BlobProgress): void => {
    const time = now();
    const isWhole = blob.currentBytes >= blob.totalBytes;
    // That all bytes have moved is told once they are in their place.
    if (blob.kind === 'moving' && (isWhole || time - (toldAt.get(blob.digest) ?? -Infinity) < EVERY_MS)) return;
    toldAt.set(blob.digest, time);
    const { currentBytes: current, totalBytes: total, hadBytes: had } = blob;
    const what = `${blob.digest.slice('sha256:'.length, 'sha256:'.length + 12)}${blob.kind === 'mounted' ? ' mounted' : ''}`;
    watch.progress?.({ kind: 'progress', id, what, current, total, ...(had > 0 && { had }), time });
  };
  watch.progress?.({ kind: 'vertex-started', id, number: 1, name, time: now() });
  try {
    const result = await work(tell);
    watch.progress?.({ kind: 'vertex-done', id, cached: false, time: now() });
    return result;
  } catch (error) {
    const time = now();
    if (watch.signal.aborted) watch.progress?.({ kind: 'vertex-canceled', id, time });
    else watch.progress?.({ kind: 'vertex-error', id, message: messageOf(error), time });
    throw error;
  }
}
