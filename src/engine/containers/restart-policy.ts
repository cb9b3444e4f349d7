import type { Life } from './record.ts';
import type { RestartPolicy } from './types.ts';

const DELAY_MIN_MS = 100;
const DELAY_MAX_MS = 60_000;
/** A container that ran so long is taken to work: the next delay is the shortest again. */
const SETTLED_MS = 10_000;

/**
 * What becomes of a container that has just ended: `exited`, or `restarting` at a moment. As docker: the first delay is
 * 100 ms, each further one twice as long, up to a minute; one that somebody stopped rests.
 */
export function afterEnd(policy: RestartPolicy, ended: Life): Life {
  if (!isRestarted(policy, ended)) return { ...ended, delayMs: 0 };
  const ranMs = ended.finishedMs - ended.startedMs;
  const delayMs = ended.delayMs === 0 || ranMs >= SETTLED_MS ? DELAY_MIN_MS : Math.min(DELAY_MAX_MS, ended.delayMs * 2);
  return {
    ...ended,
    kind: 'restarting',
    delayMs,
    nextStartMs: ended.finishedMs + delayMs,
    restarts: ended.restarts + 1,
  };
}

function isRestarted(policy: RestartPolicy, { stopped, exitCode, restarts }: Life): boolean {
  if (stopped) return false;
  switch (policy.kind) {
    case 'no':
      return false;
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exitCode !== 0 && (policy.retriesMax === 0 || restarts < policy.retriesMax);
  }
}
