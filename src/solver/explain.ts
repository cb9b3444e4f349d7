import type { ActionCache, EarlierStep, Explanation, InputChange, StepInputs } from './types.ts';

/** Earlier runs that are compared with a miss; the one with the fewest differences explains it. */
const EARLIER_MAX = 8;

/** Says which inputs of a step differ from its nearest earlier run. */
export async function explainMiss(cache: ActionCache, slot: string, inputs: StepInputs): Promise<Explanation> {
  const nearest = nearestOf(await cache.earlier(slot, EARLIER_MAX), inputs);
  if (nearest === undefined) return { kind: 'first-run' };
  if (nearest.changes.length === 0) return { kind: 'lost', recordId: nearest.recordId };
  return { kind: 'changed', changes: nearest.changes };
}

function nearestOf(
  earlier: readonly EarlierStep[],
  inputs: StepInputs,
): { recordId: string; changes: InputChange[] } | undefined {
  let best: { recordId: string; changes: InputChange[] } | undefined;
  for (const step of earlier) {
    const changes = changesBetween(step.inputs, inputs);
    if (best === undefined || changes.length < best.changes.length) best = { recordId: step.recordId, changes };
  }
  return best;
}

/** The named differences, in the order of their names. */
export function changesBetween(before: StepInputs, after: StepInputs): InputChange[] {
  const changes: InputChange[] = [];
  for (const [name, value] of after) {
    if (before.get(name) !== value) changes.push({ name, before: before.get(name), after: value });
  }
  for (const [name, value] of before) {
    if (!after.has(name)) changes.push({ name, before: value, after: undefined });
  }
  return changes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
