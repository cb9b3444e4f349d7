import type { CopyOp } from '../../graph/index.ts';
import type { CopyPlan } from '../copy/planned.ts';
import type { BuildSession } from '../session.ts';
import { rootfsOf, type Step } from './operation.ts';
import { addEntries } from './write-layer.ts';

/** Fewer unknown files are read sooner than a draft is made. */
const UNKNOWN_MIN = 256;

/**
 * Whether to write a copy's layer before it is known that the step has to run: when most files must be read in any case,
 * because nobody knows their digests, and the layer can be planned without fetching or unpacking anything.
 */
export async function isWorthDrafting(step: Step<CopyOp>, plan: CopyPlan, session: BuildSession): Promise<boolean> {
  if (step.op.sources.some((source) => source.kind === 'tree' && source.unpack)) return false;
  const counts = { known: 0, unknown: 0 };
  for (const { content } of plan.entries()) {
    const state = content?.readAhead?.();
    if (state !== undefined) counts[state]++;
  }
  if (counts.unknown < Math.max(UNKNOWN_MIN, counts.known)) return false;
  return step.op.link || (await session.layers.areHere(rootfsOf(step).stack));
}

/**
 * Reads the files of a copy straight into the layer that they will be in if the step has to run; what it reads, it learns the
 * digests of. The session keeps the layer, not ended yet, until the step runs or the build is over.
 * @throws CONTENT_CHANGED
 */
export async function draftLayer(step: Step<CopyOp>, plan: CopyPlan, session: BuildSession): Promise<void> {
  const writer = await session.layers.create();
  session.keepDraft(step.vertex.id, writer);
  await addEntries(writer, plan, () => {});
}
