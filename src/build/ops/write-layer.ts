import { Pace } from '../../base/index.ts';
import type { StepContext } from '../../solver/index.ts';
import type { LayerWriter } from '../../layers/index.ts';
import type { CopyPlan, PlannedEntry } from '../copy/planned.ts';
import { readAhead, type AheadFile, type ReadFile } from '../copy/read-ahead.ts';
import type { DiffId } from '../../oci/index.ts';
import type { BuildSession } from '../session.ts';

/** Bytes of content between two reports of how far the writing is. */
const REPORT_EVERY_BYTES = 64 * 1024 * 1024;

/** Writes what is planned as a layer. @throws CONTENT_CHANGED */
export async function writePlanned(
  plan: CopyPlan,
  session: Pick<BuildSession, 'layers'>,
  context: Pick<StepContext, 'signal' | 'progress'>,
): Promise<DiffId> {
  await using writer = await session.layers.create();
  let total: number | undefined;
  let done = 0;
  let reported = 0;
  await addEntries(writer, plan, (planned) => {
    context.signal.throwIfAborted();
    done += planned.entry.sizeBytes;
    if (done - reported < REPORT_EVERY_BYTES) return;
    reported = done;
    context.progress('copying files', done, (total ??= sizeOf(plan)));
  });
  return (await writer.commit()).diffId;
}

/**
 * Adds what is planned to a layer. What is not in memory is read once, small files on a thread of their own, and the sources
 * learn the digests of what nobody knew. `added` is called for each entry. @throws CONTENT_CHANGED
 */
export async function addEntries(
  writer: LayerWriter,
  plan: CopyPlan,
  added: (planned: PlannedEntry) => void,
): Promise<void> {
  const pace = new Pace();
  for (const { one: planned, read } of readAhead(plan.entries(), aheadFile)) {
    await addEntry(writer, planned, { read, pace });
    added(planned);
    if (pace.isOver()) await pace.rest();
  }
}

async function addEntry(
  writer: LayerWriter,
  { entry, content }: PlannedEntry,
  { read, pace }: { readonly read: ReadFile | undefined; readonly pace: Pace },
): Promise<void> {
  if (content === undefined) return writer.add(entry);
  if (read !== undefined) {
    if (read.sha256 !== undefined) content.learn?.(read.sha256);
    return writer.add(entry, { kind: 'bytes', bytes: read.bytes }, read.sha256 ?? content.sha256());
  }
  const preparing = content.prepare?.(pace);
  if (preparing !== undefined) await preparing;
  const sha256 = content.sha256();
  using region = content.open();
  await writer.add(entry, region.content, sha256);
  region.verify?.();
}

/** What another thread needs to read an entry's content; undefined for what it cannot read. */
function aheadFile({ content }: PlannedEntry): AheadFile | undefined {
  const state = content?.readAhead?.();
  const file = state === undefined ? undefined : content?.readable?.();
  return file && { path: file.path, seen: file.seen, hash: state === 'unknown' };
}

function sizeOf(plan: CopyPlan): number {
  let sizeBytes = 0;
  for (const { entry } of plan.entries()) sizeBytes += entry.sizeBytes;
  return sizeBytes;
}
