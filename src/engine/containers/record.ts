import { isAlive, isJsonObject, JsonReader, type Json, type Owner } from '../../base/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import type { ContainerRecord, EventAttributes } from '../../store/index.ts';
import type { PortMapping, RunRequest } from '../types.ts';
import type { MountPoint } from '../volume-types.ts';
import type { Program } from './spec.ts';
import type { HealthCheck, HealthState, RestartPolicy } from './types.ts';

/** What a container was made with, as its record keeps it: everything that a start needs. */
export interface ContainerSetup {
  /** How the image, or the step of a build, is called in lists. */
  readonly image: string;
  /** As it was asked for. */
  readonly request: RunRequest;
  readonly program: Program;
  readonly labels: Readonly<Record<string, string>>;
  /** With the host ports of the last start. */
  readonly ports: readonly PortMapping[];
  /** Ports that the image or the request name without publishing them. */
  readonly exposedPorts: readonly string[];
  readonly stopSignal: string;
  /** Negative: for ever. */
  readonly stopSeconds: number;
  readonly restart: RestartPolicy;
  readonly health: HealthCheck | undefined;
  readonly mounts: readonly MountSpec[];
  /** As `inspect` shows them. */
  readonly mountPoints: readonly MountPoint[];
  /** Names of anonymous volumes, which go with the container. */
  readonly anonymousVolumes: readonly string[];
  /** New volumes that the image's files go into at the first start. */
  readonly toFill: readonly { readonly directory: string; readonly target: string }[];
  /** Runs under conmon, which outlives the command; false: it ends with the command that started it. */
  readonly detached: boolean;
  /** Asked for with `-d`: nobody waits for it, so that nobody but a keeper can remove it when it is done. */
  readonly background: boolean;
}

export function formatSetup(setup: ContainerSetup): Json {
  return JSON.parse(JSON.stringify(setup)) as Json; // Plain data by its type.
}

/** @throws STORE_DAMAGED when the record is not one of ours */
export function parseSetup(record: ContainerRecord): ContainerSetup {
  const fields = new JsonReader(record.config, `the record of container ${record.name}`, 'STORE_DAMAGED');
  const request = fields.raw('request');
  const program = fields.raw('program');
  const plain = {
    ...(isJsonObject(request) && isJsonObject(program) ? { request, program } : earlierSetup(fields)),
    mounts: fields.raw('mounts') ?? [],
    mountPoints: fields.raw('mountPoints') ?? [],
    toFill: fields.raw('toFill') ?? [],
    restart: fields.raw('restart') ?? { kind: 'no' },
    health: fields.raw('health'),
  };
  // Written by formatSetup from values of these types, and only by it: the database is no border.
  const typed = plain as unknown as Pick<
    ContainerSetup,
    'request' | 'program' | 'mounts' | 'mountPoints' | 'toFill' | 'restart' | 'health'
  >;
  return {
    ...typed,
    image: fields.string('image') ?? '',
    labels: fields.stringMap('labels') ?? {},
    ports: (fields.objects('ports') ?? []).map(parsePort),
    exposedPorts: fields.strings('exposedPorts') ?? [],
    stopSignal: fields.string('stopSignal') ?? 'SIGTERM',
    stopSeconds: fields.integer('stopSeconds') ?? STOP_SECONDS,
    anonymousVolumes: fields.strings('anonymousVolumes') ?? [],
    detached: fields.boolean('detached') ?? true,
    background: fields.boolean('background') ?? true,
  };
}

/** Records of the first version held the program and a few options, not the request: they can be looked at and removed. */
function earlierSetup(fields: JsonReader): Pick<ContainerSetup, 'request' | 'program'> {
  const args = fields.strings('command') ?? [];
  const environment = {};
  return {
    program: {
      args,
      env: fields.strings('env') ?? [],
      user: fields.string('user') ?? '',
      workingDirectory: fields.string('workingDirectory') ?? '/',
    },
    request: {
      image: fields.string('image') ?? '',
      command: args,
      environment,
      labels: {},
      volumes: [],
      ports: [],
      readOnly: false,
      removeWhenDone: fields.boolean('removeWhenDone') ?? false,
      interactive: false,
      terminal: false,
      detach: true,
      pull: 'never',
    },
  };
}

/** How long `stop` waits before it kills, as docker. */
export const STOP_SECONDS = 10;

function parsePort(fields: JsonReader): PortMapping {
  const hostIp = fields.string('hostIp');
  const hostPort = fields.integer('hostPort');
  const protocol = fields.string('protocol');
  return {
    containerPort: fields.integer('containerPort') ?? 0,
    protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
    ...(hostIp !== undefined && { hostIp }),
    ...(hostPort !== undefined && { hostPort }),
  };
}

/** How far a container is, as the last command wrote it down; what the processes say now is in `stateOf`. */
export interface Life {
  /** `starting`: the record's owner is about to start it. `restarting`: the keeper will, at `nextStartMs`. */
  readonly kind: 'created' | 'starting' | 'running' | 'restarting' | 'exited';
  /** How often somebody set out to start it: tells the end of one run from that of another. */
  readonly starts: number;
  /** 0: never. */
  readonly startedMs: number;
  /** 0: never. */
  readonly finishedMs: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why the last start failed; empty otherwise. */
  readonly error: string;
  /** Starts by the restart policy, since somebody started it. */
  readonly restarts: number;
  /** Somebody stopped it: the policy lets it rest. */
  readonly stopped: boolean;
  /** When the restart policy starts it again, and how long it waits then: longer each time. */
  readonly nextStartMs: number;
  readonly delayMs: number;
  readonly health: HealthState | undefined;
  /** The command that stops it in order to start it again: until it has, or is gone, nobody removes it (`--rm`). */
  readonly restarter: Owner | undefined;
}

/** True between the two halves of a restart: it has ended, and is not done. */
export function isBeingRestarted({ restarter }: Life): boolean {
  return restarter !== undefined && isAlive(restarter);
}

export const NEW_LIFE: Life = {
  kind: 'created',
  starts: 0,
  startedMs: 0,
  finishedMs: 0,
  exitCode: 0,
  oomKilled: false,
  error: '',
  restarts: 0,
  stopped: false,
  nextStartMs: 0,
  delayMs: 0,
  health: undefined,
  restarter: undefined,
};

export function formatLife(life: Life): Json {
  return JSON.parse(JSON.stringify(life)) as Json; // Plain data by its type.
}

export function parseLife(record: ContainerRecord): Life {
  const fields = isJsonObject(record.state) ? record.state : {};
  return { ...NEW_LIFE, ...(fields as Partial<Life>) }; // Written by formatLife.
}

/** What docker's events say of a container beside its id. */
export function eventAttributes(
  record: Pick<ContainerRecord, 'name'>,
  setup: Pick<ContainerSetup, 'image' | 'labels'>,
  more: Readonly<Record<string, string>> = {},
): EventAttributes {
  return { ...setup.labels, ...more, image: setup.image, name: record.name };
}
