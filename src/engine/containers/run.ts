import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { thisOwner } from '../../base/index.ts';
import { mountLayers, rootAttributes, type Stack } from '../../layers/index.ts';
import type { MountedRootfs } from '../../mounts/index.ts';
import type { ContainerExit, PublishedPort, RunSpec } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import type { PortMapping, RunRequest, Started, Watch } from '../types.ts';
import { containerMountDir, networkFor, openWorkshop, type Workshop } from '../workshop.ts';
import { sweepWorkFolders } from '../work-folders.ts';
import { containerName } from './names.ts';
import { formatSetup, parseSetup, type ContainerSetup } from './record.ts';
import { removeContainer } from './remove.ts';
import { sourceOf } from './source.ts';
import { programOf, specOf } from './spec.ts';
import { joinsProcesses, surroundingsOf } from './surroundings.ts';
import { fillVolumes, prepareVolumes } from './volumes.ts';

/**
 * `shale run`. A container that is detached, or that stays after its end, runs under a keeper: this process may end in any
 * way without harm to it. One with `--rm`, a terminal or standard input runs attached and ends with this process.
 * @throws IMAGE_NOT_FOUND, NO_COMMAND, CONTAINER_EXISTS, and what mounting and starting throw
 */
export async function run(context: EngineContext, request: RunRequest, watch: Watch): Promise<Started> {
  const source = await sourceOf(context, request, watch);
  const { config } = source;
  const program = programOf(request, config);
  const volumes = await prepareVolumes(context, request, config.Volumes ?? []);
  const surroundings = await surroundingsOf(context, request);
  for (const message of surroundings.warnings)
    watch.progress?.({ kind: 'warning', message, time: context.options.now() });
  const detached =
    request.detach || joinsProcesses(request) || !(request.removeWhenDone || request.terminal || request.interactive);
  const id = randomBytes(32).toString('hex');
  const setup: ContainerSetup = {
    request,
    image: source.name,
    command: program.args,
    labels: { ...config.Labels, ...request.labels },
    ports: request.ports,
    user: program.user,
    env: program.env,
    workingDirectory: program.workingDirectory,
    stopSignal: config.StopSignal,
    mounts: volumes.mounts,
    mountPoints: volumes.points,
    anonymousVolumes: volumes.anonymous,
    detached,
    removeWhenDone: request.removeWhenDone,
  };
  await context.store.containers.create(
    {
      id,
      name: request.name ?? containerName(randomBytes(4)),
      imageId: source.imageId,
      diffIds: source.diffIds,
      volumes: volumes.names,
      config: formatSetup(setup),
      state: { kind: 'created' },
      active: true,
      owner: thisOwner(),
    },
    { durable: !request.removeWhenDone },
  );
  try {
    const workshop = await openWorkshop(context, detached ? { mountDir: containerMountDir(context, id) } : undefined);
    try {
      await sweepWorkFolders(context);
      await workshop.runtime.sweep();
      const stack = await context.layers.stack(source.diffIds);
      const rootfs = await mountContainer(context, workshop, {
        id,
        stack,
        volatile: !detached && request.removeWhenDone,
      });
      await fillVolumes(volumes, { host: workshop.host, rootfs, stack });
      const spec = specOf(request, {
        id,
        program,
        rootfs,
        mounts: volumes.mounts,
        network: networkFor(context, request.network ?? 'bridge'),
        surroundings,
      });
      const launch = { context, request, workshop, spec, rootfs, watch };
      return detached ? await runDetached(launch) : await runAttached(launch);
    } catch (error) {
      await workshop[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await removeContainer(context, id, { force: true, volumes: true }).catch(() => undefined);
    throw error;
  }
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
  const workDir = join(folder, `work-${randomBytes(4).toString('hex')}`);
  return workshop.host.mountRootfs({
    layers: await mountLayers(context.layers, at.stack),
    upper: { upperDir, workDir },
    rootAttributes: rootAttributes(at.stack),
    volatile: at.volatile,
  });
}

interface Launch {
  readonly context: EngineContext;
  readonly request: RunRequest;
  readonly workshop: Workshop;
  readonly spec: RunSpec;
  readonly rootfs: MountedRootfs;
  readonly watch: Watch;
}

async function runDetached({ context, request, workshop, spec, rootfs, watch }: Launch): Promise<Started> {
  const { store, options } = context;
  const stateDir = store.containers.folder(spec.id);
  const container = await workshop.runtime.create(spec, { stateDir });
  await rootfs.keep();
  await container.start();
  await store.containers.update(spec.id, (record) => ({
    config: formatSetup({ ...parseSetup(record), ports: container.ports.flatMap(portMappings) }),
    state: { kind: 'running', startedMs: options.now() },
    active: true,
  }));
  await workshop[Symbol.asyncDispose]();
  if (request.detach) return { containerId: spec.id, exit: Promise.resolve(0) };
  const output = untilRead(container.logs({ follow: true, signal: watch.signal }));
  const end = endOfDetached(context, spec.id, () => container.wait(watch.signal));
  const removed = async (): Promise<number> => {
    const [exitCode] = await Promise.all([end, output.read]);
    await removeContainer(context, spec.id, { force: true, volumes: true });
    return exitCode;
  };
  return { containerId: spec.id, output: output.lines, exit: request.removeWhenDone ? removed() : end };
}

/** Lines, and when somebody has read all of them or gave up: the log goes with its container. */
function untilRead<T>(lines: AsyncIterable<T>): { readonly lines: AsyncGenerator<T>; readonly read: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* reading(): AsyncGenerator<T> {
    try {
      yield* lines;
    } finally {
      resolve();
    }
  }
  return { lines: reading(), read: promise };
}

/** A published range as one mapping for each port. */
function portMappings(port: PublishedPort): PortMapping[] {
  return Array.from({ length: port.range ?? 1 }, (_, i) => ({
    hostPort: port.hostPort + i,
    containerPort: port.containerPort + i,
    protocol: port.protocol,
    ...(port.hostAddress !== undefined && { hostIp: port.hostAddress }),
  }));
}

async function endOfDetached(
  context: EngineContext,
  id: string,
  wait: () => Promise<{ readonly kind: string; readonly code?: number }>,
): Promise<number> {
  const end = await wait();
  const exitCode = end.code ?? 137;
  await context.store.containers.update(id, () => ({
    state: { kind: 'exited', exitCode, finishedMs: context.options.now() },
    active: false,
  }));
  return exitCode;
}

async function runAttached({ context, request, workshop, spec, rootfs }: Launch): Promise<Started> {
  const { store, options } = context;
  const handle = await workshop.runtime.run(
    spec,
    request.interactive || request.terminal ? { kind: 'inherit' } : { kind: 'descriptors', stdout: 1, stderr: 2 },
  );
  await store.containers.update(spec.id, () => ({
    state: { kind: 'running', startedMs: options.now() },
    active: true,
  }));
  const finish = async (): Promise<number> => {
    const exit: ContainerExit = await handle.exit;
    await handle[Symbol.asyncDispose]();
    await rootfs[Symbol.asyncDispose]();
    await workshop[Symbol.asyncDispose]();
    if (request.removeWhenDone) await removeContainer(context, spec.id, { force: true, volumes: true });
    else
      await store.containers.update(spec.id, () => ({
        state: { kind: 'exited', exitCode: exit.code, finishedMs: options.now() },
        active: false,
      }));
    return exit.code;
  };
  return { containerId: spec.id, exit: finish(), kill: (signal) => void handle.kill(signal) };
}
