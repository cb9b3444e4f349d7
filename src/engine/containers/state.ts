import { isAlive, ShaleError } from '../../base/index.ts';
import {
  openPlainHost,
  openRuntime,
  type DetachedContainer,
  type DetachedState,
  type Runtime,
} from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { ContainerState } from '../types.ts';
import { parseSetup, parseState } from './record.ts';

/** A runtime for looking at containers that run already: it mounts nothing. */
export function runtimeFor(context: EngineContext): Runtime {
  return openRuntime({ host: openPlainHost(), runRoot: context.options.runRoot });
}

/** The keeper's view of a detached container. */
export function detachedOf(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime = runtimeFor(context),
): DetachedContainer {
  return runtime.open(record.id, context.store.containers.folder(record.id));
}

/**
 * The state of a container now: what its keeper and its processes say, not what somebody wrote down before they ended. A
 * container whose keeper is gone without an exit file (power loss, reboot) has exited.
 */
export function stateOf(context: EngineContext, record: ContainerRecord, runtime: Runtime): ContainerState {
  const written = parseState(record.state);
  if (written.kind === 'exited') return written;
  if (!parseSetup(record).detached) {
    const isRunning = record.owner !== undefined && isAlive(record.owner);
    return isRunning ? written : { kind: 'exited', exitCode: 137, finishedMs: record.createdAt };
  }
  if (written.kind === 'created') {
    const isStarting = record.owner !== undefined && isAlive(record.owner);
    if (isStarting) return written;
  }
  return fromKeeper(detachedOf(context, record, runtime).state(), written, record);
}

function fromKeeper(state: DetachedState, written: ContainerState, record: ContainerRecord): ContainerState {
  switch (state.kind) {
    case 'created':
      return { kind: 'created' };
    case 'running':
      return { kind: 'running', startedMs: written.kind === 'running' ? written.startedMs : record.createdAt };
    case 'exited':
      return { kind: 'exited', exitCode: state.code, finishedMs: state.finishedAtMs };
    case 'lost':
      return { kind: 'exited', exitCode: 137, finishedMs: record.createdAt };
  }
}

/**
 * The first process of a running container, whose namespaces others may join.
 * @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING
 */
export async function processOf(context: EngineContext, name: string): Promise<number> {
  const record = await context.store.containers.get(name);
  const state = parseSetup(record).detached ? detachedOf(context, record).state() : undefined;
  if (state?.kind === 'running') return state.pid;
  throw new ShaleError('CONTAINER_NOT_RUNNING', `the container ${record.name} is not running on its own`, {
    data: { container: record.name },
    hint: 'shale ps',
  });
}

/** As `stateOf`, and writes an end down that nobody has written yet. */
export async function settleState(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime,
): Promise<ContainerState> {
  const state = stateOf(context, record, runtime);
  const isNews = state.kind === 'exited' && record.active;
  if (isNews && !context.store.readOnly)
    await context.store.containers.update(record.id, () => ({ state: { ...state }, active: false }));
  return state;
}
