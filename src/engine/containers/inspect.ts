import { readConfig } from '../../images/index.ts';
import { containerConfigJson } from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import type { ContainerState } from '../types.ts';
import { hostConfigJson } from './host-config-json.ts';
import { parseSetup } from './record.ts';
import { detachedOf, runtimeFor, settleState } from './state.ts';

/** A container as `docker inspect` shows it. @throws CONTAINER_NOT_FOUND */
export async function inspectContainer(context: EngineContext, name: string): Promise<Record<string, unknown>> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const state = await settleState(context, record, runtime);
  const setup = parseSetup(record);
  const keeper = setup.detached ? detachedOf(context, record, runtime).state() : undefined;
  const image = record.imageId === undefined ? undefined : await readConfig(context.store, record.imageId);
  return {
    Id: record.id,
    Created: new Date(record.createdAt).toISOString(),
    Path: setup.command[0] ?? '',
    Args: setup.command.slice(1),
    State: {
      Status: state.kind,
      Running: state.kind === 'running',
      Paused: keeper?.kind === 'running' && keeper.paused,
      Pid: keeper?.kind === 'running' ? keeper.pid : 0,
      ExitCode: state.kind === 'exited' ? state.exitCode : 0,
      OOMKilled: keeper?.kind === 'exited' && keeper.oomKilled,
      ...times(state),
    },
    Image: record.imageId ?? '',
    Name: `/${record.name}`,
    Mounts: setup.mountPoints,
    HostConfig: hostConfigJson(setup),
    Config: {
      ...containerConfigJson(image?.config ?? {}),
      Hostname: setup.request?.hostname ?? record.id.slice(0, 12),
      Domainname: setup.request?.domainname ?? '',
      Image: setup.image,
      User: setup.user,
      Env: setup.env,
      Cmd: setup.command,
      WorkingDir: setup.workingDirectory,
      Labels: setup.labels,
    },
    NetworkSettings: { Ports: portsJson(setup.ports) },
  };
}

function times(state: ContainerState): Record<string, string> {
  const never = '0001-01-01T00:00:00Z';
  return {
    StartedAt: state.kind === 'running' ? new Date(state.startedMs).toISOString() : never,
    FinishedAt: state.kind === 'exited' ? new Date(state.finishedMs).toISOString() : never,
  };
}

function portsJson(
  ports: ReturnType<typeof parseSetup>['ports'],
): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    ports.map((port) => [
      `${port.containerPort}/${port.protocol}`,
      [{ HostIp: port.hostIp ?? '0.0.0.0', HostPort: String(port.hostPort ?? '') }],
    ]),
  );
}
