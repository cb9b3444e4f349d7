import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { invariant } from './errors.ts';

let collect: (() => void) | undefined;

/**
 * Collects all garbage now. A long loop that makes some objects for each of hundreds of thousands of things calls it now and
 * then: left alone, V8 lets them pile up to many times of what is alive, and on a busy machine to more still, since its own
 * threads get to their work late.
 */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
}

/** The function is there for scripts that are made after the flag is set. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  invariant(typeof gc === 'function', 'V8 gives its collector out');
  return () => void gc();
}
