import { randomOf, thisOwner } from '../../base/index.ts';
import { signalNumber } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import type { RunRequest, Watch } from '../types.ts';
import { healthCheckOf } from './health-check.ts';
import { containerName, parseContainerName } from './names.ts';
import { checkNetworks, withDonorById } from './networks.ts';
import { exposedBy, portsOf } from './ports.ts';
import { type ContainerSetup, eventAttributes, formatLife, formatSetup, NEW_LIFE, STOP_SECONDS } from './record.ts';
import { sourceOf } from './source.ts';
import { programOf } from './spec.ts';
import { joinsProcesses, type Surroundings, surroundingsOf } from './surroundings.ts';
import { prepareVolumes, removeVolumes } from './volumes.ts';

export interface Created {
  readonly record: ContainerRecord;
  readonly setup: ContainerSetup;
  /** As they are now. */
  readonly surroundings: Surroundings;
  /** Resolves when it would survive a power cut, where it is to: not before that is it reported made. @throws STORE_IO */
  readonly onDisk: Promise<void>;
}

/**
 * Makes a container: its record, its folder and its volumes; nothing runs. The image is pulled as `--pull` says.
 * A name of no characters is none, as with docker.
 * @throws CONTAINER_NAME_INVALID, IMAGE_NOT_FOUND, NO_COMMAND, CONTAINER_EXISTS, VOLUME_SOURCE_NOT_FOUND, and what `surroundingsOf` throws
 */
export async function createContainer(context: EngineContext, asked: RunRequest, watch: Watch): Promise<Created> {
  const name = asked.name ? parseContainerName(asked.name) : containerName(randomOf(4));
  const request = await withDonorById(context, asked);
  const source = await sourceOf(context, request, watch);
  const { config } = source;
  const program = programOf(request, config);
  const surroundings = await surroundingsOf(context, request);
  for (const message of surroundings.warnings)
    watch.progress?.({ kind: 'warning', message, time: context.options.now() });
  // Refused now, not when it is to be sent.
  if (request.stopSignal !== undefined) signalNumber(request.stopSignal);
  await checkNetworks(context, request);
  const exposedPorts = exposedBy(request, config.ExposedPorts ?? []);
  const volumes = await prepareVolumes(context, request, config.Volumes ?? []);
  const setup: ContainerSetup = {
    request,
    image: source.name,
    program,
    labels: { ...config.Labels, ...request.labels },
    ports: portsOf(request, exposedPorts),
    exposedPorts,
    stopSignal: request.stopSignal ?? config.StopSignal ?? 'SIGTERM',
    stopSeconds: request.stopSeconds ?? STOP_SECONDS,
    restart: request.restart ?? { kind: 'no' },
    health: healthCheckOf(request.health, config),
    mounts: volumes.mounts,
    mountPoints: volumes.points,
    anonymousVolumes: volumes.anonymous,
    toFill: volumes.toFill,
    detached: isKept(request),
    background: request.detach,
  };
  try {
    const record = await context.store.containers.create(
      {
        id: randomOf(32).toString('hex'),
        name,
        imageId: source.imageId,
        diffIds: source.diffIds,
        volumes: volumes.names,
        config: formatSetup(setup),
        state: formatLife(NEW_LIFE),
        active: false,
        owner: thisOwner(),
      },
      { durable: setup.detached && 'later', attributes: eventAttributes({ name }, setup) },
    );
    const onDisk = setup.detached ? context.store.containers.settle() : Promise.resolve();
    onDisk.catch(() => undefined); // For who waits for it, later.
    return { record, setup, surroundings, onDisk };
  } catch (error) {
    await removeVolumes(context, volumes.anonymous);
    throw error;
  }
}

/**
 * True for what runs under conmon: whatever may live longer than the command, be detached from, or stay afterwards. The
 * rest, `run --rm` without a terminal, is a child of the command and ends with it.
 */
export function isKept(request: RunRequest): boolean {
  return (
    request.detach || request.terminal || !request.removeWhenDone || needsOthers(request) || joinsProcesses(request)
  );
}

function needsOthers({ restart, health }: RunRequest): boolean {
  return (restart !== undefined && restart.kind !== 'no') || (health !== undefined && !health.disabled);
}
