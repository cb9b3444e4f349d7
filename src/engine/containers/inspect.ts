import { readConfig } from '../../images/index.ts';
import { containerConfigJson } from '../../oci/index.ts';
import type { DetachedState } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import { containerConfigOf } from './container-config.ts';
import { hostConfigJson } from './host-config-json.ts';
import { hostNameOf } from './networks.ts';
import { networkSettings } from './network-settings.ts';
import { type ContainerSetup, type Life, parseSetup } from './record.ts';
import { detachedOf, publicState, runtimeFor, settle, viewOf } from './state.ts';
import { sizeOf } from './size.ts';

const NEVER = '0001-01-01T00:00:00Z';
const NS_PER_MS = 1_000_000;

/** A container as `docker inspect` shows it. @throws CONTAINER_NOT_FOUND */
export async function inspectContainer(
  context: EngineContext,
  name: string,
  options: { readonly size: boolean },
): Promise<Record<string, unknown>> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const life = await settle(context, record, runtime);
  const setup = parseSetup(record);
  const image = record.imageId === undefined ? undefined : await readConfig(context.store, record.imageId);
  const config = containerConfigOf(setup, image?.config ?? {});
  // The container whose network it has may be gone.
  const named = hostNameOf(context, { id: record.id, request: setup.request });
  const hostname = await named.catch(() => record.id.slice(0, 12));
  const size = options.size ? await sizeOf(context, record) : undefined;
  const folder = context.store.containers.folder(record.id);
  const isUp = life.kind === 'running';
  return {
    Id: record.id,
    Created: new Date(record.createdAt).toISOString(),
    Path: setup.program.args[0] ?? '',
    Args: setup.program.args.slice(1),
    State: stateJson(setup, life, isUp ? viewOf(context, record, runtime).state() : undefined),
    Image: record.imageId ?? '',
    ...(setup.detached && {
      ResolvConfPath: `${folder}/bundle/resolv.conf`,
      HostnamePath: `${folder}/bundle/hostname`,
      HostsPath: `${folder}/bundle/hosts`,
      LogPath: setup.request.log?.driver === 'none' ? '' : `${folder}/container.log`,
    }),
    Name: `/${record.name}`,
    RestartCount: life.restarts,
    Driver: 'overlay',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: hostConfigJson(setup),
    GraphDriver: { Data: { UpperDir: `${folder}/upper` }, Name: 'overlay' },
    ...(size !== undefined && { SizeRw: size.writableBytes, SizeRootFs: size.totalBytes }),
    Mounts: setup.mountPoints,
    Config: {
      Hostname: hostname,
      Domainname: setup.request.domainname ?? '',
      AttachStdin: setup.request.interactive && !setup.background,
      AttachStdout: !setup.background,
      AttachStderr: !setup.background,
      Tty: setup.request.terminal,
      OpenStdin: setup.request.interactive,
      StdinOnce: setup.request.interactive && !setup.background,
      User: '',
      Env: null,
      Cmd: null,
      Volumes: null,
      WorkingDir: '',
      Entrypoint: null,
      OnBuild: null,
      ...containerConfigJson(config),
      Image: setup.image,
      Labels: setup.labels,
      ...(setup.request.stopSeconds !== undefined && { StopTimeout: setup.request.stopSeconds }),
      ...(setup.health !== undefined && { Healthcheck: healthcheckJson(setup) }),
    },
    NetworkSettings: await networkSettings(context, record, {
      setup,
      ...(isUp && setup.detached && { addresses: detachedOf(context, record).addresses }),
      isUp,
    }),
  };
}

function stateJson(
  { health }: ContainerSetup,
  life: Life & { readonly paused: boolean },
  view: DetachedState | undefined,
): Record<string, unknown> {
  const { kind } = publicState(life);
  return {
    Status: kind,
    Running: kind === 'running' || kind === 'paused' || kind === 'restarting',
    Paused: kind === 'paused',
    Restarting: kind === 'restarting',
    OOMKilled: life.oomKilled,
    Dead: false,
    Pid: view?.kind === 'running' ? view.pid : 0,
    ExitCode: life.exitCode,
    Error: life.error,
    StartedAt: timeJson(life.startedMs),
    FinishedAt: timeJson(life.finishedMs),
    ...(health !== undefined && life.health !== undefined && { Health: healthJson(life.health) }),
  };
}

function timeJson(ms: number): string {
  return ms === 0 ? NEVER : new Date(ms).toISOString();
}

function healthJson({ status, failingStreak, log }: NonNullable<Life['health']>): Record<string, unknown> {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map((result) => ({
      Start: timeJson(result.startedMs),
      End: timeJson(result.endedMs),
      ExitCode: result.exitCode,
      Output: result.output,
    })),
  };
}

function healthcheckJson({ health }: ContainerSetup): Record<string, unknown> {
  if (health === undefined) return {};
  return {
    Test: health.test,
    Interval: health.intervalMs * NS_PER_MS,
    Timeout: health.timeoutMs * NS_PER_MS,
    StartPeriod: health.startPeriodMs * NS_PER_MS,
    StartInterval: health.startIntervalMs * NS_PER_MS,
    Retries: health.retries,
  };
}
