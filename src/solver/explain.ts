import type { ActionCache, Explanation, InputChange, StepInputs } from './types.ts';

/** Earlier runs that are compared with a miss; the one with the fewest differences explains it. */
const EARLIER_MAX = 8;
/** Inputs after which no further run is looked at: to read them takes longer than a nearer run is worth. */
const COMPARED_MAX = 50_000;

/** Says which inputs of a step differ from its nearest earlier run. */
export async function explainMiss(cache: ActionCache, slot: string, inputs: StepInputs): Promise<Explanation> {
  let nearest: { readonly recordId: string; readonly changes: InputChange[] } | undefined;
  let compared = 0;
  for await (const step of cache.earlier(slot, EARLIER_MAX)) {
    const changes = changesBetween(step.inputs, inputs);
    if (nearest === undefined || changes.length < nearest.changes.length)
      nearest = { recordId: step.recordId, changes };
    compared += step.inputs.size;
    if (nearest.changes.length <= 1 || compared > COMPARED_MAX) break;
  }
  if (nearest === undefined) return { kind: 'first-run' };
  if (nearest.changes.length === 0) return { kind: 'lost', recordId: nearest.recordId };
  return { kind: 'changed', changes: nearest.changes };
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
