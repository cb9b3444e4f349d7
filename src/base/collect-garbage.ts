import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { invariant } from './errors.ts';

type Collect = (how?: object) => unknown;

let collect: Collect | undefined;

/** As V8 does before it would run out of memory: what the heap has grown to is given back too. */
const LAST_RESORT = { type: 'major', flavor: 'last-resort' };

/**
 * Collects all garbage now. A long loop that makes some objects for each of hundreds of thousands of things calls it now and
 * then: left alone, V8 lets them pile up to many times of what is alive, and on a busy machine to more still, since its own
 * threads get to their work late. `shrinks`: the heap is made as small as what is alive allows, which takes longer.
 */
export function collectGarbage({ shrinks = false }: { readonly shrinks?: boolean } = {}): void {
  collect ??= collector();
  if (shrinks) collect(LAST_RESORT);
  else collect();
}

/** The function is there for scripts that are made after the flag is set. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  invariant(typeof gc === 'function', 'V8 gives its collector out');
  return (how) => gc(how);
}
