import { isAlive, isShaleError, ShaleError } from '../../base/index.ts';
import {
  isDetachedAlive,
  openPlainHost,
  openRuntime,
  type ContainerView,
  type DetachedContainer,
  type DetachedState,
  type Runtime,
} from '../../runtime/index.ts';
import type { ContainerChange, ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { eventAttributes, formatLife, type Life, parseLife, parseSetup } from './record.ts';
import { afterEnd } from './restart-policy.ts';
import type { ContainerState } from './types.ts';

/** The status of a container of which nobody knows how it ended: power loss, reboot, its keeper killed. As docker. */
export const UNKNOWN_END = 255;

/** A runtime for looking at containers that run already: it mounts nothing. */
export function runtimeFor(context: EngineContext): Runtime {
  return openRuntime({ host: openPlainHost(), runRoot: context.options.runRoot });
}

/** conmon's view of a container that is kept by it. */
export function detachedOf(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime = runtimeFor(context),
): DetachedContainer {
  return runtime.open(record.id, context.store.containers.folder(record.id));
}

/** A container as its processes show it, whoever started it. */
export function viewOf(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime = runtimeFor(context),
): ContainerView {
  return parseSetup(record).detached ? detachedOf(context, record, runtime) : runtime.openAttached(record.id);
}

/** How far a container is now: what its processes say, not what somebody wrote down before they ended. */
export function lifeOf(context: EngineContext, record: ContainerRecord, runtime: Runtime): Life & { paused: boolean } {
  const life = { ...parseLife(record), paused: false };
  if (life.kind !== 'running' && life.kind !== 'starting') return life;
  const isOwned = record.owner !== undefined && isAlive(record.owner);
  if (life.kind === 'starting' && isOwned) return life;
  const state = viewOf(context, record, runtime).state();
  switch (state.kind) {
    case 'running':
      return { ...life, kind: 'running', startedMs: life.startedMs || record.createdAt, paused: state.paused };
    case 'created':
      // Whoever was about to start it is gone; or it is starting at this moment.
      return life.kind === 'starting' ? { ...life, kind: life.finishedMs > 0 ? 'exited' : 'created' } : life;
    case 'exited':
      return {
        ...life,
        kind: 'exited',
        exitCode: state.code,
        oomKilled: state.oomKilled,
        finishedMs: finishedMs(life, state),
      };
    case 'lost':
      if (life.kind === 'starting' && life.startedMs === 0) return { ...life, kind: 'created' };
      // An attached container's end is written down by the command that it belongs to, in a moment.
      if (isOwned && !parseSetup(record).detached) return life;
      return { ...life, kind: 'exited', exitCode: UNKNOWN_END, finishedMs: context.options.now() };
  }
}

/**
 * The first process of a running container, whose namespaces others may join.
 * @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING
 */
export async function processOf(context: EngineContext, name: string): Promise<number> {
  const record = await context.store.containers.get(name);
  const state = viewOf(context, record).state();
  if (state.kind === 'running') return state.pid;
  throw new ShaleError('CONTAINER_NOT_RUNNING', `the container ${record.name} is not running`, {
    data: { container: record.name },
    hint: 'shale ps',
  });
}

/** True for one that was running when last seen, and is kept by conmon still: nothing of it is to be written down. */
export function isSeenRunning(context: EngineContext, record: ContainerRecord): boolean {
  return parseLife(record).kind === 'running' && isDetachedAlive(context.store.containers.folder(record.id));
}

export function stateOf(context: EngineContext, record: ContainerRecord, runtime: Runtime): ContainerState {
  return publicState(lifeOf(context, record, runtime));
}

export function publicState(life: Life & { readonly paused?: boolean }): ContainerState {
  const health = life.health === undefined ? {} : { health: life.health.status };
  switch (life.kind) {
    case 'starting':
      // By its policy, which has made it wait.
      if (life.delayMs > 0) return { kind: 'restarting', exitCode: life.exitCode, finishedMs: life.finishedMs };
      return publicState({ ...life, kind: 'created' });
    case 'created':
      return life.finishedMs > 0
        ? { kind: 'exited', exitCode: life.exitCode, finishedMs: life.finishedMs }
        : { kind: 'created' };
    case 'running':
      return { kind: life.paused === true ? 'paused' : 'running', startedMs: life.startedMs, ...health };
    case 'restarting':
      return { kind: 'restarting', exitCode: life.exitCode, finishedMs: life.finishedMs };
    case 'exited':
      return { kind: 'exited', exitCode: life.exitCode, finishedMs: life.finishedMs };
  }
}

/** True for running and paused. */
export function isUp(state: ContainerState): boolean {
  return state.kind === 'running' || state.kind === 'paused';
}

/** As `lifeOf`, and writes an end down that nobody has written yet: once, whoever finds it first. */
export async function settle(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime,
): Promise<Life & { readonly paused: boolean }> {
  const life = lifeOf(context, record, runtime);
  const written = parseLife(record);
  if (life.kind === written.kind || context.store.readOnly) return life;
  if (life.kind !== 'exited') {
    // A start that its command did not live to write down.
    if (life.kind === 'running') await writeLife(context, record, written, life, 'start');
    return life;
  }
  if (written.kind === 'starting' && written.startedMs === 0 && life.exitCode === UNKNOWN_END) return life;
  return { ...(await writeEnd(context, record, life)), paused: false };
}

/**
 * Writes down that a container has ended, and what its restart policy makes of that. Gives what is written now: another
 * process may have been first.
 */
export async function writeEnd(
  context: EngineContext,
  record: ContainerRecord,
  end: Pick<Life, 'exitCode' | 'oomKilled' | 'finishedMs'>,
): Promise<Life> {
  const setup = parseSetup(record);
  const seen = parseLife(record);
  const attributes = {
    exitCode: String(end.exitCode),
    execDuration: String(Math.max(0, Math.floor((end.finishedMs - seen.startedMs) / 1000))),
  };
  try {
    const written = await context.store.containers.update(record.id, endedFrom(seen, end), {
      action: 'die',
      attributes: eventAttributes(record, setup, attributes),
    });
    return parseLife(written);
  } catch (error) {
    // Removed by whoever was to remove it at its end.
    if (!isShaleError(error, 'CONTAINER_NOT_FOUND')) throw error;
    return { ...parseLife(record), ...pick(end), kind: 'exited' };
  }
}

/** The end of the run that was seen, unless it is written already. */
export function endedFrom(
  seen: Pick<Life, 'starts'>,
  end: Pick<Life, 'exitCode' | 'oomKilled' | 'finishedMs'>,
): (before: ContainerRecord) => ContainerChange | undefined {
  return (before) => {
    const life = parseLife(before);
    if (life.kind !== 'running' && life.kind !== 'starting') return undefined;
    // Somebody has set out to start it anew meanwhile: that end was an old one.
    if (life.starts !== seen.starts) return undefined;
    const after = afterEnd(parseSetup(before).restart, { ...life, ...pick(end), kind: 'exited', error: '' });
    return { state: formatLife(after), active: after.kind === 'restarting' };
  };
}

/**
 * When a run ended, in ms since 1970. The time of a file comes from a clock that stands still between the ticks of the kernel, some
 * milliseconds; an end is never before its start all the same.
 */
export function finishedMs(
  { startedMs }: Pick<Life, 'startedMs'>,
  { finishedAtMs }: Extract<DetachedState, { kind: 'exited' }>,
): number {
  return Math.max(startedMs, Math.round(finishedAtMs));
}

function pick({ exitCode, oomKilled, finishedMs }: Pick<Life, 'exitCode' | 'oomKilled' | 'finishedMs'>): Partial<Life> {
  return { exitCode, oomKilled, finishedMs };
}

async function writeLife(
  context: EngineContext,
  record: ContainerRecord,
  written: Life,
  { paused: _paused, ...life }: Life & { readonly paused: boolean },
  action: string,
): Promise<void> {
  await context.store.containers.update(
    record.id,
    (before) => {
      const { kind, starts } = parseLife(before);
      const isSame = kind === written.kind && starts === written.starts;
      return isSame ? { state: formatLife(life), active: life.kind === 'running' } : undefined;
    },
    { action, attributes: eventAttributes(record, parseSetup(record)) },
  );
}

/** As `settle`, in the words of the API. */
export async function settleState(
  context: EngineContext,
  record: ContainerRecord,
  runtime: Runtime,
): Promise<ContainerState> {
  return publicState(await settle(context, record, runtime));
}

const EVENTS_MAX = 10_000;

/** The status that a container which is gone ended with, by what was told after an event; undefined when nothing was. */
export async function statusFromEvents(context: EngineContext, id: string, since: number): Promise<number | undefined> {
  const events = await context.store.events.since(since, EVENTS_MAX);
  const status = events.findLast((event) => event.subject === id && event.action === 'die')?.attributes['exitCode'];
  return status === undefined ? undefined : Number(status);
}
