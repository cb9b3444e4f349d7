import { rmSync } from 'node:fs';
import { ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import { containerMountDir } from '../workshop.ts';
import { parseSetup } from './record.ts';
import { detachedOf, runtimeFor, settleState } from './state.ts';
import { removeVolumes } from './volumes.ts';

/**
 * Removes a container with its changes, its log and its anonymous volumes when `volumes` is set.
 * @throws CONTAINER_NOT_FOUND, CONTAINER_RUNNING unless `force`
 */
export async function removeContainer(
  context: EngineContext,
  name: string,
  options: { readonly force: boolean; readonly volumes: boolean },
): Promise<void> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const state = await settleState(context, record, runtime);
  if (state.kind === 'running' && !options.force) {
    throw new ShaleError('CONTAINER_RUNNING', `the container ${record.name} is running`, {
      hint: `shale stop ${record.name}, or shale rm -f ${record.name}`,
    });
  }
  const setup = parseSetup(record);
  if (setup.detached) {
    await detachedOf(context, record, runtime).remove({ force: options.force });
    rmSync(containerMountDir(context, record.id), { recursive: true, force: true });
  }
  await context.store.containers.remove(record.id);
  if (options.volumes) await removeVolumes(context, setup.anonymousVolumes);
}

/** Sends the image's stop signal, and SIGKILL after some seconds. Stopping one that has ended is no error. */
export async function stopContainer(
  context: EngineContext,
  name: string,
  options: { readonly seconds?: number },
): Promise<void> {
  const record = await context.store.containers.get(name);
  const setup = parseSetup(record);
  if (!setup.detached)
    throw new ShaleError('CONTAINER_ATTACHED', `the container ${record.name} runs attached to another command`, {
      hint: 'end it there with Ctrl-C',
    });
  const runtime = runtimeFor(context);
  const seconds = options.seconds ?? 10;
  await detachedOf(context, record, runtime).stop({
    graceMs: seconds < 0 ? 2 ** 31 - 1 : seconds * 1000,
    ...(setup.stopSignal !== undefined && { signal: setup.stopSignal }),
  });
  await settleState(context, record, runtime);
}
