import { invariant } from '../base/index.ts';
import type { BuildPlan } from '../dockerfile/index.ts';
import type { DiffId, HistoryEntry, ImageConfig } from '../oci/index.ts';
import type { Solved } from '../solver/index.ts';
import type { StepResult } from './result.ts';

/** What a history entry says of who made it (docs/formats.md). */
const HISTORY_COMMENT = 'shale.dockerfile.v1';

/** The image's config: what the Dockerfile says, the layers that the build made, and a history that fits both. */
export function assembleConfig(plan: BuildPlan, solved: ReadonlyMap<string, Solved<StepResult>>): ImageConfig {
  const created = new Date(plan.epoch * 1000).toISOString().replace('.000Z', 'Z');
  return {
    ...plan.config,
    created,
    diffIds: stackOf(plan, solved),
    history: plan.history.map((entry) => historyEntry(entry, created)),
  };
}

function stackOf(plan: BuildPlan, solved: ReadonlyMap<string, Solved<StepResult>>): readonly DiffId[] {
  const result = solved.get(plan.result)?.result;
  invariant(result?.kind === 'rootfs', 'the target of a build is a root filesystem');
  return result.stack;
}

/** Entries of the base stay as they are; those of this build get its time. */
function historyEntry(entry: BuildPlan['history'][number], created: string): HistoryEntry {
  const { vertex: _vertex, ...kept } = entry;
  return { ...kept, created: kept.created ?? created, comment: kept.comment ?? HISTORY_COMMENT };
}
