import { Pace } from '../../base/index.ts';
import type { StepContext } from '../../solver/index.ts';
import type { LayerWriter } from '../../layers/index.ts';
import type { PlannedEntry } from '../copy/destination.ts';
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
  const pace = new Pace();
  for (const planned of entries) {
    context.signal.throwIfAborted();
    await addPlanned(writer, planned);
    if (pace.isOver()) await pace.rest();
    done += planned.entry.sizeBytes;
    if (done - reported < REPORT_EVERY_BYTES) continue;
    reported = done;
    context.progress('copying files', done, total);
  }
  return (await writer.commit()).diffId;
}

async function addPlanned(writer: LayerWriter, { entry, content }: PlannedEntry): Promise<void> {
  if (content === undefined) return writer.add(entry);
  const sha256 = content.sha256();
  using region = content.open();
  await writer.add(entry, region.content, sha256);
  region.verify?.();
}
