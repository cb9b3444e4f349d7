import { isJsonObject, JsonReader, type Json } from '../../base/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { ContainerState, PortMapping, RunRequest } from '../types.ts';
import type { MountPoint } from '../volume-types.ts';

/** What a container was made with, as its record keeps it. */
export interface ContainerSetup {
  /** As it was asked for; absent in records of the first version. */
  readonly request: RunRequest | undefined;
  /** As it was named. */
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly PortMapping[];
  readonly user: string;
  readonly env: readonly string[];
  readonly workingDirectory: string;
  readonly stopSignal: string | undefined;
  readonly mounts: readonly MountSpec[];
  /** As `inspect` shows them. */
  readonly mountPoints: readonly MountPoint[];
  /** Names of anonymous volumes, which go with the container. */
  readonly anonymousVolumes: readonly string[];
  /** Runs under a keeper that outlives the command; false: it ends with the command that started it. */
  readonly detached: boolean;
  readonly removeWhenDone: boolean;
}

export function formatSetup(setup: ContainerSetup): Json {
  return JSON.parse(JSON.stringify(setup)) as Json; // Plain data by its type.
}

/** @throws STORE_DAMAGED when the record is not one of ours */
export function parseSetup(record: ContainerRecord): ContainerSetup {
  const fields = new JsonReader(record.config, `the record of container ${record.name}`, 'STORE_DAMAGED');
  const request = fields.raw('request');
  return {
    request: isJsonObject(request) ? (request as unknown as RunRequest) : undefined, // written by formatSetup
    image: fields.string('image') ?? '',
    command: fields.strings('command') ?? [],
    labels: fields.stringMap('labels') ?? {},
    ports: (fields.objects('ports') ?? []).map(parsePort),
    user: fields.string('user') ?? '',
    env: fields.strings('env') ?? [],
    workingDirectory: fields.string('workingDirectory') ?? '/',
    stopSignal: fields.string('stopSignal'),
    mounts: (fields.raw('mounts') ?? []) as unknown as readonly MountSpec[], // as above
    mountPoints: (fields.raw('mountPoints') ?? []) as unknown as readonly MountPoint[], // as above
    anonymousVolumes: fields.strings('anonymousVolumes') ?? [],
    detached: fields.boolean('detached') ?? true,
    removeWhenDone: fields.boolean('removeWhenDone') ?? false,
  };
}

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

/** The state that the last command wrote down; what the processes say now is in `stateOf`. */
export function parseState(value: Json): ContainerState {
  if (!isJsonObject(value)) return { kind: 'created' };
  const number = (name: string): number => (typeof value[name] === 'number' ? value[name] : 0);
  if (value['kind'] === 'running') return { kind: 'running', startedMs: number('startedMs') };
  if (value['kind'] === 'exited')
    return { kind: 'exited', exitCode: number('exitCode'), finishedMs: number('finishedMs') };
  return { kind: 'created' };
}
