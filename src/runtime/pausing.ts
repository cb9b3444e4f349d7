import { ShaleError } from '../base/index.ts';
import { cgroupFolders, isFrozen, setFrozen, thaw } from './cgroups.ts';
import { processesWith, readProcess } from './namespace-processes.ts';

/** A container as far as it can be paused. */
export interface Pausable {
  readonly id: string;
  readonly cgroupParent?: string | undefined;
  /** The pid of its first process. */
  readonly init?: number | undefined;
}

const TIMEOUT_MS = 10_000;
const POLL_MS = 2;

/**
 * Halts all processes of a container, or lets them go on, and waits until it is so: by the freezer of its cgroup; where it
 * has none (without root), by signals. Idempotent. @throws PAUSE_FAILED
 */
export async function setPaused(container: Pausable, paused: boolean): Promise<void> {
  const { id, cgroupParent, init } = container;
  if (init === undefined || hasCgroup(container)) return await setFrozen(id, paused, cgroupParent);
  if (!paused) return signalAll(init, 'SIGCONT');
  const deadline = performance.now() + TIMEOUT_MS;
  // Those that were forked while the others were stopped need another round.
  while (processesWith(init).some(({ state }) => !HALTED.has(state))) {
    if (performance.now() > deadline) {
      signalAll(init, 'SIGCONT');
      throw new ShaleError('PAUSE_FAILED', `container ${id} did not stop in time`);
    }
    signalAll(init, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const HALTED: ReadonlySet<string> = new Set(['T', 't', 'Z', 'X']);

/** True when the container is halted. */
export function isPaused(container: Pausable): boolean {
  const { id, cgroupParent, init } = container;
  if (init === undefined || hasCgroup(container)) return isFrozen(id, cgroupParent);
  return readProcess(init)?.state === 'T';
}

/** Lets halted processes go on without waiting: a signal that is pending for them is then delivered. Never throws. */
export function goOn(container: Pausable): void {
  const { id, cgroupParent, init } = container;
  if (init === undefined || hasCgroup(container)) thaw(id, cgroupParent);
  else signalAll(init, 'SIGCONT');
}

function hasCgroup({ id, cgroupParent }: Pausable): boolean {
  return cgroupFolders(id, cgroupParent).length > 0;
}

function signalAll(init: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const { pid } of processesWith(init)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}
