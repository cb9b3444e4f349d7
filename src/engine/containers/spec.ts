import { ShaleError } from '../../base/index.ts';
import type { MountedRootfs } from '../../mounts/index.ts';
import type { ContainerConfig } from '../../oci/index.ts';
import type { MountSpec, NetworkProvider, PublishedPort, RunSpec } from '../../runtime/index.ts';
import type { PortMapping, RunRequest } from '../types.ts';
import type { Surroundings } from './surroundings.ts';

/** What runs, after image config and options have been merged. */
export interface Program {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDirectory: string;
}

/**
 * Merges the image's config with the options of `run`: an entrypoint given there takes the image's command away, a
 * command given there replaces it.
 * @throws NO_COMMAND
 */
export function programOf(request: RunRequest, config: ContainerConfig): Program {
  const entrypoint = request.entrypoint ?? config.Entrypoint ?? [];
  const command =
    request.command.length > 0 ? request.command : request.entrypoint === undefined ? (config.Cmd ?? []) : [];
  const args = [...entrypoint, ...command];
  if (args.length === 0)
    throw new ShaleError('NO_COMMAND', `the image ${request.image} has no command`, {
      hint: `give one: shale run ${request.image} COMMAND`,
    });
  const env = [
    ...(config.Env ?? []),
    ...Object.entries(request.environment).map(([name, value]) => `${name}=${value}`),
  ];
  return {
    args,
    env: lastOfEach(env),
    user: request.user ?? config.User ?? '',
    workingDirectory: request.workingDirectory ?? config.WorkingDir ?? '/',
  };
}

/** Each name once, with its last value, in the order in which names first come. */
function lastOfEach(env: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const variable of env) byName.set(variable.split('=', 1)[0] ?? '', variable);
  return [...byName.values()];
}

export interface SpecParts {
  readonly id: string;
  readonly hostname: string;
  readonly program: Program;
  readonly rootfs: MountedRootfs;
  readonly mounts: readonly MountSpec[];
  readonly network: NetworkProvider;
  readonly ports: readonly PortMapping[];
  readonly surroundings: Surroundings;
}

export function specOf(request: RunRequest, parts: SpecParts): RunSpec {
  const { program, rootfs } = parts;
  return {
    id: parts.id,
    rootfs: { path: rootfs.path, access: rootfs.access },
    args: program.args,
    env: [...parts.surroundings.env, ...program.env],
    cwd: program.workingDirectory,
    user: program.user,
    hostname: parts.hostname,
    network: parts.network,
    ports: parts.ports.map(publishedPort),
    terminal: request.terminal,
    ...consoleSize(request),
    ...parts.surroundings.spec,
    mounts: [...parts.surroundings.mounts, ...parts.mounts],
  };
}

/** The terminal's size as the runtime takes it. */
export function consoleSize({ terminalSize }: Pick<RunRequest, 'terminalSize'>): Pick<RunSpec, 'consoleSize'> {
  return terminalSize === undefined ? {} : { consoleSize: { height: terminalSize.rows, width: terminalSize.columns } };
}

function publishedPort(port: PortMapping): PublishedPort {
  return {
    containerPort: port.containerPort,
    hostPort: port.hostPort ?? 0,
    protocol: port.protocol,
    ...(port.hostIp !== undefined && { hostAddress: port.hostIp }),
  };
}
