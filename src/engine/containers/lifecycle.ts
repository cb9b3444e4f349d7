import { type Owner, ShaleError, thisOwner } from '../../base/index.ts';
import { signalNumber, type ContainerView } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { parseContainerName } from './names.ts';
import { eventAttributes, formatLife, type Life, parseLife, parseSetup } from './record.ts';
import { startContainer } from './start.ts';
import { publicState, runtimeFor, settle, statusFromEvents, viewOf } from './state.ts';
import type { StopOptions } from './types.ts';

const POLL_MS = 20;
const FOREVER_MS = 2 ** 31 - 1;
const SIGKILL = 9;

/** A container that is up, and how others reach it. */
interface Up {
  readonly record: ContainerRecord;
  readonly life: Life & { readonly paused: boolean };
  readonly view: ContainerView;
}

async function look(context: EngineContext, name: string): Promise<Up> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const life = await settle(context, record, runtime);
  return { record, life, view: viewOf(context, record, runtime) };
}

/** @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING */
async function lookRunning(context: EngineContext, name: string): Promise<Up> {
  const up = await look(context, name);
  if (up.life.kind === 'running') return up;
  throw new ShaleError(
    'CONTAINER_NOT_RUNNING',
    `the container ${up.record.name} is not running: it is ${publicState(up.life).kind}`,
    { hint: `shale start ${up.record.name}` },
  );
}

function tell(context: EngineContext, record: ContainerRecord, action: string, more = {}): Promise<number> {
  const attributes = eventAttributes(record, parseSetup(record), more);
  return context.store.events.append({ type: 'container', action, subject: record.id, attributes });
}

/** From now on the restart policy lets it rest. One that waits for its next start has ended with this. */
async function markStopped(context: EngineContext, { id }: ContainerRecord): Promise<void> {
  await context.store.containers.update(id, (before) => {
    const life = parseLife(before);
    if (life.kind !== 'restarting') return { state: formatLife({ ...life, stopped: true }) };
    return { state: formatLife({ ...life, stopped: true, kind: 'exited' }), active: false };
  });
}

/** Sends the stop signal, and SIGKILL after some seconds. Stopping one that has ended is no error. */
export async function stopContainer(context: EngineContext, name: string, options: StopOptions): Promise<void> {
  const { record, life, view } = await look(context, name);
  if (life.kind === 'restarting') return await markStopped(context, record);
  if (life.kind !== 'running') return;
  const setup = parseSetup(record);
  const signal = options.signal ?? setup.stopSignal;
  const number = signalNumber(signal);
  const seconds = options.seconds ?? setup.stopSeconds;
  await markStopped(context, record);
  await tell(context, record, 'kill', { signal: String(number) });
  await view.stop({ graceMs: seconds < 0 ? FOREVER_MS : seconds * 1000, signal });
  await settleAgain(context, record);
  await tell(context, record, 'stop');
}

/** The record may have been removed meanwhile (`--rm`). */
async function settleAgain(context: EngineContext, { id }: ContainerRecord): Promise<void> {
  const record = await context.store.containers.find(id);
  if (record === undefined) return;
  const runtime = runtimeFor(context);
  await settle(context, record, runtime);
  // Gives its network back now, not at the next start of something else.
  await runtime.sweep();
}

/** Stops it if it runs, and starts it. @throws CONTAINER_NOT_FOUND, START_FAILED */
export async function restartContainer(context: EngineContext, name: string, options: StopOptions): Promise<void> {
  const record = await context.store.containers.get(name);
  if (!parseSetup(record).detached)
    throw new ShaleError('CONTAINER_ATTACHED', `the container ${record.name} ends with the command that started it`);
  await writeRestarter(context, record, thisOwner());
  try {
    await stopContainer(context, record.id, options);
    await startContainer(context, record.id, { attach: false });
  } catch (error) {
    await writeRestarter(context, record, undefined).catch(() => undefined); // The error that led here says more.
    throw error;
  }
  await tell(context, record, 'restart');
}

async function writeRestarter(
  context: EngineContext,
  { id }: ContainerRecord,
  restarter: Owner | undefined,
): Promise<void> {
  await context.store.containers.update(id, (before) => ({ state: formatLife({ ...parseLife(before), restarter }) }));
}

/** Sends a signal. @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING, SIGNAL_UNKNOWN */
export async function killContainer(
  context: EngineContext,
  name: string,
  { signal }: { readonly signal: string },
): Promise<void> {
  const number = signalNumber(signal);
  const { record, view } = await lookRunning(context, name);
  const isEnd = number === SIGKILL || number === signalNumber(parseSetup(record).stopSignal);
  if (isEnd) await markStopped(context, record);
  await tell(context, record, 'kill', { signal: String(number) });
  await view.kill(number);
  if (number !== SIGKILL) return;
  await view.wait();
  await settleAgain(context, record);
}

/** Freezes all its processes. @throws CONTAINER_NOT_RUNNING, CONTAINER_PAUSED */
export async function pauseContainer(context: EngineContext, name: string): Promise<void> {
  const { record, life, view } = await lookRunning(context, name);
  if (life.paused) throw new ShaleError('CONTAINER_PAUSED', `the container ${record.name} is already paused`);
  await view.pause();
  await tell(context, record, 'pause');
}

/** @throws CONTAINER_NOT_RUNNING, CONTAINER_NOT_PAUSED */
export async function unpauseContainer(context: EngineContext, name: string): Promise<void> {
  const { record, life, view } = await lookRunning(context, name);
  if (!life.paused) throw new ShaleError('CONTAINER_NOT_PAUSED', `the container ${record.name} is not paused`);
  await view.resume();
  await tell(context, record, 'unpause');
}

/**
 * Waits until it does not run, and gives its exit status; at once for one that does not. One that its policy starts again
 * has ended too, as docker.
 */
export async function waitForContainer(context: EngineContext, name: string, watch: Watch): Promise<number> {
  const { id } = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  let last = 0;
  for (;;) {
    const record = await context.store.containers.find(id);
    // Removed at its end: the event has its status.
    if (record === undefined) return (await statusFromEvents(context, id, last)) ?? 0;
    const life = await settle(context, record, runtime);
    if (life.kind !== 'running' && life.kind !== 'starting') return life.exitCode;
    last = await context.store.events.latest();
    const view = viewOf(context, record, runtime);
    await view.wait(watch.signal).catch((error: unknown) => {
      watch.signal.throwIfAborted();
      throw error;
    });
    if (!parseSetup(record).detached) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** @throws CONTAINER_NAME_INVALID, CONTAINER_EXISTS */
export async function renameContainer(context: EngineContext, from: string, to: string): Promise<void> {
  const record = await context.store.containers.get(from);
  const name = parseContainerName(to);
  if (name === record.name)
    throw new ShaleError('CONTAINER_NAME_INVALID', 'renaming a container with the same name as its current name');
  const attributes = { ...eventAttributes(record, parseSetup(record)), name, oldName: `/${record.name}` };
  await context.store.containers.update(record.id, () => ({ name }), { action: 'rename', attributes });
}
