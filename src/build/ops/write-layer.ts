import { Pace } from '../../base/index.ts';
import type { StepContext } from '../../solver/index.ts';
import type { LayerWriter } from '../../layers/index.ts';
import type { PlannedEntry } from '../copy/destination.ts';
import { ReadAhead, type ReadFile } from '../copy/read-ahead.ts';
import type { ReadableFile } from '../copy/source-tree.ts';
import type { DiffId } from '../../oci/index.ts';
import type { BuildSession } from '../session.ts';

/** Bytes of content between two reports of how far the writing is. */
const REPORT_EVERY_BYTES = 64 * 1024 * 1024;

/** Writes planned entries as a layer. @throws CONTENT_CHANGED */
export async function writePlanned(
  entries: readonly PlannedEntry[],
  session: Pick<BuildSession, 'layers'>,
  context: Pick<StepContext, 'signal' | 'progress'>,
): Promise<DiffId> {
  await using writer = await session.layers.create();
  const total = entries.reduce((sum, planned) => sum + planned.entry.sizeBytes, 0);
  let done = 0;
  let reported = 0;
  await addEntries(writer, entries, (planned) => {
    context.signal.throwIfAborted();
    done += planned.entry.sizeBytes;
    if (done - reported < REPORT_EVERY_BYTES) return;
    reported = done;
    context.progress('copying files', done, total);
  });
  return (await writer.commit()).diffId;
}

/**
 * Adds entries to a layer. What is not in memory is read once, small files on a thread of their own, and the sources learn the
 * digests of what nobody knew. `added` is called for each entry. @throws CONTENT_CHANGED
 */
export async function addEntries(
  writer: LayerWriter,
  entries: readonly PlannedEntry[],
  added: (planned: PlannedEntry) => void,
): Promise<void> {
  const pending = pendingFiles(entries);
  using ahead = ReadAhead.over(pending.files, pending);
  const pace = new Pace();
  for (const [i, planned] of entries.entries()) {
    await addEntry(writer, planned, pending.isPending[i] === 1 ? ahead?.next() : undefined);
    added(planned);
    if (pace.isOver()) await pace.rest();
  }

  async function addEntry(writer: LayerWriter, { entry, content }: PlannedEntry, read: ReadFile | undefined) {
    if (content === undefined) return writer.add(entry);
    if (read !== undefined) {
      if (read.sha256 !== undefined) content.learn?.(read.sha256);
      return writer.add(entry, { kind: 'bytes', bytes: read.bytes }, content.sha256());
    }
    const preparing = content.prepare?.(pace);
    if (preparing !== undefined) await preparing;
    const sha256 = content.sha256();
    using region = content.open();
    await writer.add(entry, region.content, sha256);
    region.verify?.();
  }
}

/** Which entries another thread can read, and what it needs for that; there may be many, so it is made one by one. */
function pendingFiles(entries: readonly PlannedEntry[]): {
  readonly isPending: Uint8Array;
  readonly count: number;
  readonly hash: boolean;
  readonly files: Iterable<ReadableFile>;
} {
  const isPending = new Uint8Array(entries.length);
  let count = 0;
  let hash = false;
  for (const [i, { content }] of entries.entries()) {
    const state = content?.readAhead?.();
    if (state === undefined) continue;
    isPending[i] = 1;
    count++;
    hash ||= state === 'unknown';
  }
  function* files(): Generator<ReadableFile> {
    for (const [i, { content }] of entries.entries()) {
      const file = isPending[i] === 1 ? content?.readable?.() : undefined;
      if (file !== undefined) yield file;
    }
  }
  return { isPending, count, hash, files: files() };
}
