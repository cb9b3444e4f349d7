import { invariant } from '../base/index.ts';
import { HISTORY_COMMENT, type BuildPlan } from '../dockerfile/index.ts';
import type { DiffId, HistoryEntry, ImageConfig } from '../oci/index.ts';
import type { Solved } from '../solver/index.ts';
import type { StepResult } from './result.ts';

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
function historyEntry({ vertex: _vertex, ...entry }: BuildPlan['history'][number], created: string): HistoryEntry {
  return entry.comment === HISTORY_COMMENT ? { ...entry, created: entry.created ?? created } : entry;
}
