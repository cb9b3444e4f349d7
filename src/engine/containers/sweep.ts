import { isAlive, isShaleError } from '../../base/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { ensureKeeper, needsKeeper } from './keeper-process.ts';
import { isKeeperAlive } from './keeper-claim.ts';
import { type ContainerSetup, isBeingRestarted, type Life, parseLife, parseSetup } from './record.ts';
import { dropContainer } from './remove.ts';
import { isSeenRunning, runtimeFor, settle } from './state.ts';

/**
 * Looks at every container that was running when last seen: writes ends down, removes those with `--rm` whose command
 * was killed, and starts the keeper where it is needed and gone. For commands that are about containers at large.
 */
export async function removeEnded(context: EngineContext): Promise<void> {
  if (context.store.readOnly) return;
  const runtime = runtimeFor(context);
  for (const record of await context.store.containers.list({ activeOr: '"removeWhenDone":true' })) {
    if (!isUnsettled(record)) continue;
    // Most run on: who is looked at only when something happens elsewhere must not cost more with each container.
    const life = isSeenRunning(context, record) ? parseLife(record) : await settle(context, record, runtime);
    await settleOrRemove(context, record, life);
  }
}

/** True for records that may say something else than what is. */
export function isUnsettled(record: ContainerRecord, setup: ContainerSetup = parseSetup(record)): boolean {
  if (record.active || setup.request.removeWhenDone) return true;
  const { kind } = parseLife(record);
  return kind === 'running' || kind === 'starting';
}

/** True when the container was removed, because it was to be when done and nobody else will. */
export async function settleOrRemove(context: EngineContext, record: ContainerRecord, life: Life): Promise<boolean> {
  const setup = parseSetup(record);
  if (needsKeeper(setup) && ['running', 'starting', 'restarting'].includes(life.kind)) {
    if (context.options.keeperCommand !== undefined) await ensureKeeper(context);
    return false;
  }
  if (!isAbandoned(context, record, setup, life)) return false;
  try {
    await dropContainer(context, record, []);
  } catch (error) {
    // Somebody else was faster.
    if (!isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error;
  }
  return true;
}

/** `--rm`, ended, and whoever was to remove it is not there. */
function isAbandoned(context: EngineContext, record: ContainerRecord, setup: ContainerSetup, life: Life): boolean {
  if (!setup.request.removeWhenDone || record.owner === undefined || isAlive(record.owner)) return false;
  // Made by `create`, to be started later.
  if (life.kind === 'created') return !setup.detached;
  return life.kind === 'exited' && !isBeingRestarted(life) && !(needsKeeper(setup) && isKeeperAlive(context));
}
