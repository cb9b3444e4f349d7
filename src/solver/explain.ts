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
    const { changes, count } = await changesBetween(step.inputs, inputs);
    if (nearest === undefined || changes.length < nearest.changes.length)
      nearest = { recordId: step.recordId, changes };
    compared += count;
    if (nearest.changes.length <= 1 || compared > COMPARED_MAX) break;
  }
  if (nearest === undefined) return { kind: 'first-run' };
  if (nearest.changes.length === 0) return { kind: 'lost', recordId: nearest.recordId };
  return { kind: 'changed', changes: nearest.changes };
}

/**
 * The named differences, in the order of their names, and how many inputs there were before. Both sides are read at the same
 * time and not kept: a step may have hundreds of thousands, and nearly all of them are nearly at the same place in both.
 */
export async function changesBetween(
  before: AsyncIterable<readonly [string, string]> | Iterable<readonly [string, string]>,
  after: StepInputs,
): Promise<{ readonly changes: InputChange[]; readonly count: number }> {
  const changes: InputChange[] = [];
  const waiting = { before: new Map<string, string>(), after: new Map<string, string>() };
  const meet = (name: string, one: string | undefined, other: string | undefined): void => {
    if (one !== other) changes.push({ name, before: one, after: other });
  };
  const takeBefore = ([name, value]: readonly [string, string]): void => {
    const other = waiting.after.get(name);
    if (other === undefined) return void waiting.before.set(name, value);
    waiting.after.delete(name);
    meet(name, value, other);
  };
  const takeAfter = ([name, value]: readonly [string, string]): void => {
    const other = waiting.before.get(name);
    if (other === undefined) return void waiting.after.set(name, value);
    waiting.before.delete(name);
    meet(name, other, value);
  };
  let count = 0;
  const rest = after[Symbol.iterator]();
  for await (const pair of before) {
    count++;
    const next = rest.next();
    if (next.done !== true && next.value[0] === pair[0]) meet(pair[0], pair[1], next.value[1]);
    else {
      if (next.done !== true) takeAfter(next.value);
      takeBefore(pair);
    }
  }
  for (let next = rest.next(); next.done !== true; next = rest.next()) takeAfter(next.value);
  for (const [name, value] of waiting.before) meet(name, value, undefined);
  for (const [name, value] of waiting.after) meet(name, undefined, value);
  return { changes: changes.toSorted((a, b) => (a.name < b.name ? -1 : 1)), count };
}
