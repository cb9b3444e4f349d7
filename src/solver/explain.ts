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
 * The named differences, in the order of their names, and how many inputs there were before. Those are looked at as they
 * come and not kept: a step may have hundreds of thousands.
 */
export async function changesBetween(
  before: AsyncIterable<readonly [string, string]> | Iterable<readonly [string, string]>,
  after: StepInputs,
): Promise<{ readonly changes: InputChange[]; readonly count: number }> {
  const changes: InputChange[] = [];
  const unmet = new Unmet(after.keys());
  let count = 0;
  for await (const [name, value] of before) {
    count++;
    const now = after.get(name);
    if (now !== undefined) unmet.meet(name);
    if (now !== value) changes.push({ name, before: value, after: now });
  }
  for (const name of unmet.rest()) changes.push({ name, before: undefined, after: after.get(name) });
  return { changes: changes.toSorted((a, b) => (a.name < b.name ? -1 : 1)), count };
}

/** Names that nobody has met yet. Where they are met nearly in their own order, nearly none is kept in memory. */
class Unmet {
  readonly #names: Iterator<string, unknown>;
  readonly #passed = new Set<string>();

  constructor(names: Iterator<string, unknown>) {
    this.#names = names;
  }

  meet(name: string): void {
    if (this.#passed.delete(name)) return;
    for (let next = this.#names.next(); next.done !== true && next.value !== name; next = this.#names.next())
      this.#passed.add(next.value);
  }

  *rest(): Generator<string> {
    yield* this.#passed;
    for (let next = this.#names.next(); next.done !== true; next = this.#names.next()) yield next.value;
  }
}
