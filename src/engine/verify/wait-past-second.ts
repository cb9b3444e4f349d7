import { setTimeout as sleep } from 'node:timers/promises';

const LATER_MS = 1001;

/**
 * Waits until a whole second has passed since something was made: a time stamp in seconds is another one then. Moments are in
 * ms since 1970.
 */
export async function waitPastSecond(madeAtMs: number, nowMs: number, signal: AbortSignal): Promise<void> {
  const restMs = madeAtMs + LATER_MS - nowMs;
  // No longer than that where the clock was set back.
  if (restMs > 0) await sleep(Math.min(restMs, LATER_MS), undefined, { signal });
}
