import { ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import { keepsOlderLogs } from './log-files.ts';
import type { ContainerSetup } from './record.ts';
import { announceStart, isKeeperAlive, isKeeperStarting, pokeKeeper } from './keeper-claim.ts';

/**
 * True for a container that somebody has to look after while it runs, or when it ends: restart policies, health checks,
 * `--rm` without anybody who waits, logs of several files.
 */
export function needsKeeper(setup: ContainerSetup): boolean {
  const { request } = setup;
  return (
    setup.detached &&
    (setup.restart.kind !== 'no' ||
      setup.health !== undefined ||
      (request.removeWhenDone && setup.background) ||
      keepsOlderLogs(request.log))
  );
}

/**
 * Starts the keeper of this store unless it runs. It lives on its own; when it is killed, the next command that looks at
 * containers starts it again.
 * @throws KEEPER_UNAVAILABLE when this program cannot start one
 */
export async function ensureKeeper(context: EngineContext): Promise<void> {
  if (isKeeperAlive(context)) return pokeKeeper(context);
  if (isKeeperStarting(context)) return;
  const { keeperCommand, home, runRoot } = context.options;
  const [command, ...args] = keeperCommand ?? [];
  if (command === undefined)
    throw new ShaleError('KEEPER_UNAVAILABLE', 'restart policies, health checks and --rm with -d need a keeper', {
      hint: 'give openEngine a keeperCommand',
    });
  const env = { ...context.options.env, SHALE_HOME: home, SHALE_RUN: runRoot };
  const { spawn } = await import('node:child_process');
  const child = spawn(command, args, { cwd: '/', detached: true, stdio: 'ignore', env });
  child.on('error', () => undefined); // The next command tries again.
  child.unref();
  if (child.pid !== undefined) announceStart(context, child.pid);
}
