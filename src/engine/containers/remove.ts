import { rmSync } from 'node:fs';
import { ShaleError } from '../../base/index.ts';
import type { ContainerEventOf, ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { containerMountDir } from '../workshop.ts';
import { eventAttributes, formatLife, parseLife, parseSetup } from './record.ts';
import { detachedOf, isUp, publicState, runtimeFor, settle, viewOf } from './state.ts';
import { removeVolumes } from './volumes.ts';

const ATTACHED_GRACE_MS = 5000;
const POLL_MS = 20;

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
  const state = publicState(await settle(context, record, runtime));
  if ((isUp(state) || state.kind === 'restarting') && !options.force) {
    throw new ShaleError('CONTAINER_RUNNING', `cannot remove the container ${record.name}: it is ${state.kind}`, {
      hint: `shale stop ${record.name}, or shale rm -f ${record.name}`,
    });
  }
  const setup = parseSetup(record);
  if (isUp(state) && !setup.detached) return await endAttached(context, record);
  if (setup.detached) {
    // No policy is to start it again between the end and the removal.
    if (state.kind === 'restarting' || isUp(state)) await forbidRestart(context, record);
    await detachedOf(context, record, runtime).remove({ force: options.force });
    const ended = (await context.store.containers.find(record.id)) ?? record;
    if (isUp(state)) await settle(context, ended, runtime);
  }
  await dropContainer(context, record, [], options.volumes);
}

async function forbidRestart(context: EngineContext, record: ContainerRecord): Promise<void> {
  await context.store.containers.update(record.id, (before) => {
    const life = parseLife(before);
    const kind = life.kind === 'restarting' ? 'exited' : life.kind;
    return { state: formatLife({ ...life, stopped: true, kind }) };
  });
}

/** The command that it belongs to removes it when it ends. */
async function endAttached(context: EngineContext, record: ContainerRecord): Promise<void> {
  const view = viewOf(context, record);
  await view.kill('KILL');
  await view.wait(AbortSignal.timeout(ATTACHED_GRACE_MS));
  const deadline = performance.now() + ATTACHED_GRACE_MS;
  while ((await context.store.containers.find(record.id)) !== undefined) {
    if (performance.now() > deadline) return await dropContainer(context, record, []);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Removes the record of a container of which nothing runs, its folders and, when asked for, its anonymous volumes. */
export async function dropContainer(
  context: EngineContext,
  record: ContainerRecord,
  events: readonly ContainerEventOf[],
  volumes = true,
): Promise<void> {
  const setup = parseSetup(record);
  if (setup.detached) rmSync(containerMountDir(context, record.id), { recursive: true, force: true });
  const destroy = { action: 'destroy', attributes: eventAttributes(record, setup) };
  // One that ends with its command is swept where a power cut brings its record back, with or without its folder.
  await context.store.containers.remove(record.id, { durable: setup.detached, events: [...events, destroy] });
  if (volumes) await removeVolumes(context, setup.anonymousVolumes);
}
