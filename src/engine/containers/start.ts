import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, isShaleError, messageOf, randomOf, ShaleError, thisOwner } from '../../base/index.ts';
import { mountLayers, rootAttributes, type Stack } from '../../layers/index.ts';
import type { MountedRootfs } from '../../mounts/index.ts';
import type { Attachment, DetachedContainer, PublishedPort, RunSpec } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { PortMapping } from '../types.ts';
import { containerMountDir, openWorkshop, type Workshop } from '../workshop.ts';
import { sweepWorkFolders } from '../work-folders.ts';
import type { FileTrace } from './file-trace.ts';
import { ensureKeeper, needsKeeper } from './keeper-process.ts';
import { linkOlderLog, logKeepingOf } from './log-files.ts';
import { hostNameOf, networkOf } from './networks.ts';
import { portsOf } from './ports.ts';
import {
  type ContainerSetup,
  eventAttributes,
  formatLife,
  formatSetup,
  type Life,
  parseLife,
  parseSetup,
} from './record.ts';
import { specOf } from './spec.ts';
import { detachedOf, lifeOf, runtimeFor } from './state.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';
import { fillVolumes } from './volumes.ts';

export interface StartOptions {
  /** Connect to its streams before it starts, so that nothing is lost. */
  readonly attach: boolean;
  readonly terminalSize?: { readonly columns: number; readonly rows: number } | undefined;
  /** See `openWorkshop`. */
  readonly warn?: (message: string) => void;
  /** By the restart policy: it counts on. */
  readonly again?: boolean;
  /** Hears of the files that it opens. */
  readonly trace?: FileTrace | undefined;
}

/** What was started; `attachment` where one was asked for. */
export interface StartedContainer {
  readonly container: DetachedContainer;
  readonly attachment: Attachment | undefined;
}

/**
 * Starts a container that conmon keeps: for the first time, or again on what it has written. Undefined when it runs
 * already. What fails is written into its record, and everything that was mounted or attached for it is gone.
 * @throws START_FAILED, CONTAINER_BUSY, CONTAINER_PAUSED and what mounting and networks throw
 */
export async function startContainer(
  context: EngineContext,
  name: string,
  options: StartOptions,
): Promise<StartedContainer | undefined> {
  const record = await claimStart(context, name, options);
  if (record === undefined) return undefined;
  try {
    const started = await startClaimed(context, record, options);
    // Only now: a container that has ended at once is to be kept too.
    if (needsKeeper(parseSetup(record))) await ensureKeeper(context);
    return started;
  } catch (error) {
    const named = withName(error, record.name);
    await writeFailure(context, record, named);
    throw named;
  }
}

/** The runtime knows ids only. */
function withName(error: unknown, name: string): unknown {
  if (!isShaleError(error, 'START_FAILED')) return error;
  const { reason } = error.data;
  return new ShaleError('START_FAILED', `cannot start the container ${name}: ${String(reason)}`, {
    data: error.data,
  });
}

/** Makes this process the one that starts it, in one transaction. */
async function claimStart(
  context: EngineContext,
  name: string,
  { again = false }: StartOptions,
): Promise<ContainerRecord | undefined> {
  const runtime = runtimeFor(context);
  const { id } = await context.store.containers.get(name);
  let isRunning = false;
  const record = await context.store.containers.update(id, (before) => {
    const life = lifeOf(context, before, runtime);
    isRunning = life.kind === 'running';
    if (isRunning && life.paused)
      throw new ShaleError('CONTAINER_PAUSED', `cannot start a paused container, try unpause instead`);
    if (isRunning) return undefined;
    if (life.kind === 'starting' && before.owner !== undefined && isAlive(before.owner) && !isOurs(before.owner))
      throw new ShaleError('CONTAINER_BUSY', `another command is starting the container ${before.name}`);
    // The policy's start has been overtaken: somebody stopped it, or started it first.
    if (again && life.kind !== 'restarting') {
      isRunning = true;
      return undefined;
    }
    return { state: formatLife(claimedLife(withoutPaused(life), again)), active: true, owner: thisOwner() };
  });
  return isRunning ? undefined : record;
}

/** `again`: by the restart policy, which counts on. */
export function claimedLife(life: Life, again: boolean): Life {
  const fresh = again ? {} : { restarts: 0, delayMs: 0, stopped: false };
  return {
    ...life,
    ...fresh,
    kind: 'starting',
    starts: life.starts + 1,
    error: '',
    health: undefined,
    restarter: undefined,
  };
}

function isOurs(owner: { readonly pid: number; readonly startTime: string }): boolean {
  const us = thisOwner();
  return owner.pid === us.pid && owner.startTime === us.startTime;
}

function withoutPaused({ paused: _paused, ...life }: Life & { readonly paused: boolean }): Life {
  return life;
}

async function startClaimed(
  context: EngineContext,
  record: ContainerRecord,
  options: StartOptions,
): Promise<StartedContainer> {
  const { store } = context;
  const setup = parseSetup(record);
  const stateDir = store.containers.folder(record.id);
  const mountDir = containerMountDir(context, record.id);
  // What an earlier run left: its network, cgroup, runtime state and mount points.
  const earlier = detachedOf(context, record);
  if (existsSync(mountDir) || earlier.state().kind !== 'lost') await earlier.remove({ force: true });
  rmSync(mountDir, { recursive: true, force: true });
  await using workshop = await openWorkshop(context, { mountDir, warn: options.warn });
  await sweepWorkFolders(context);
  await workshop.runtime.sweep();
  const stack = await context.layers.stack(record.diffIds);
  const rootfs = await mountContainer(context, workshop, { id: record.id, stack, volatile: false });
  await fillVolumes({ toFill: setup.toFill }, { host: workshop.host, rootfs, stack });
  options.trace?.watch(rootfs, stack.view);
  linkOlderLog(stateDir, setup.request.log);
  const surroundings = await surroundingsOf(context, setup.request);
  const { terminalSize } = options;
  const spec = await containerSpec(context, { record, setup, rootfs, surroundings, terminalSize });
  const container = await workshop.runtime.create(spec, {
    stateDir,
    ...(setup.request.interactive && { stdin: setup.background ? ('kept' as const) : ('once' as const) }),
    log: logKeepingOf(setup.request.log),
  });
  try {
    await rootfs.keep();
    const attachment = options.attach ? container.attach() : undefined;
    // Before it: the container may end sooner than its start is written down.
    const startedMs = context.options.now();
    await container.start();
    const ports = container.ports.flatMap(portMappings);
    await writeStart(context, record, { ...setup, ports, toFill: [] }, startedMs);
    return { container, attachment };
  } catch (error) {
    await container.remove({ force: true });
    rmSync(mountDir, { recursive: true, force: true });
    throw error;
  }
}

interface SpecInput extends Pick<StartOptions, 'terminalSize'> {
  readonly record: Pick<ContainerRecord, 'id' | 'name'>;
  readonly setup: ContainerSetup;
  readonly rootfs: MountedRootfs;
  readonly surroundings: Surroundings;
}

/** What the runtime is given, from what the container was made with. */
export async function containerSpec(context: EngineContext, input: SpecInput): Promise<RunSpec> {
  const { record, setup, rootfs, surroundings, terminalSize } = input;
  const { request, program, mounts } = setup;
  const network = await networkOf(context, request, record);
  const ports = portsOf(request, setup.exposedPorts);
  // The size is that of the terminal that starts it now, not of the one that made it.
  const { terminalSize: _earlier, ...asked } = request;
  const sized = terminalSize === undefined ? asked : { ...asked, terminalSize };
  const hostname = await hostNameOf(context, { id: record.id, request: sized });
  return specOf(sized, { id: record.id, hostname, program, rootfs, mounts, network, ports, surroundings });
}

async function writeStart(
  context: EngineContext,
  record: ContainerRecord,
  setup: ContainerSetup,
  startedMs: number,
): Promise<void> {
  await context.store.containers.update(
    record.id,
    (before) => ({
      config: formatSetup(setup),
      state: formatLife({
        ...parseLife(before),
        kind: 'running',
        startedMs,
        exitCode: 0,
        oomKilled: false,
        health: setup.health === undefined ? undefined : { status: 'starting', failingStreak: 0, log: [] },
      }),
      active: true,
    }),
    { action: 'start', attributes: eventAttributes(record, setup) },
  );
}

/** Docker's status for a container that could not be started for a reason that lies outside of it. */
const START_FAILURE = 128;

async function writeFailure(context: EngineContext, record: ContainerRecord, error: unknown): Promise<void> {
  const exitCode =
    isShaleError(error, 'START_FAILED') && typeof error.data['exitCode'] === 'number'
      ? error.data['exitCode']
      : START_FAILURE;
  await context.store.containers
    .update(record.id, (before) => {
      const life = parseLife(before);
      const kind = life.finishedMs > 0 ? 'exited' : 'created';
      return { state: formatLife({ ...life, kind, exitCode, error: messageOf(error) }), active: false };
    })
    .catch(() => undefined); // The error that led here says more.
}

/** Mounts a container's root filesystem: the image's layers and its own upper directory. */
export async function mountContainer(
  context: EngineContext,
  workshop: Workshop,
  at: { readonly id: string; readonly stack: Stack; readonly volatile: boolean },
): Promise<MountedRootfs> {
  const folder = context.store.containers.folder(at.id);
  const upperDir = join(folder, 'upper');
  mkdirSync(upperDir, { recursive: true });
  // A work directory serves one mount; the kernel leaves a locked folder in a used one.
  const workDir = join(folder, `work-${randomOf(4).toString('hex')}`);
  return workshop.host.mountRootfs({
    layers: await mountLayers(context.layers, at.stack),
    upper: { upperDir, workDir },
    rootAttributes: rootAttributes(at.stack),
    volatile: at.volatile,
  });
}

/** A published range as one mapping for each port. */
export function portMappings(port: PublishedPort): PortMapping[] {
  return Array.from({ length: port.range ?? 1 }, (_, i) => ({
    hostPort: port.hostPort + i,
    containerPort: port.containerPort + i,
    protocol: port.protocol,
    ...(port.hostAddress !== undefined && { hostIp: port.hostAddress }),
  }));
}
