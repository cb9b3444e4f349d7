import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseJson, ShaleError } from '../../base/index.ts';
import {
  findDevices,
  findNameServer,
  hostFacts,
  cgroupSupport,
  type DeviceEdits,
  type MountSpec,
  type NamespaceChoice,
  type RunSpec,
  type Seccomp,
} from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import { DEFAULT_HOST_CONFIG, type DeviceRequest, type HostConfig } from '../host-config.ts';
import type { RunRequest } from '../types.ts';
import { checkCgroupParent, fitLimits } from './limits.ts';
import { endpointsAsked, isInHostNetwork, sharedNetworkOf } from './networks.ts';
import { processOf } from './state.ts';

/** What a container's surroundings are at this start, for the runtime. */
export interface Surroundings {
  readonly spec: Partial<RunSpec>;
  /** Variables that devices bring; the program's own win. */
  readonly env: readonly string[];
  /** Mounts that a mode needs. */
  readonly mounts: readonly MountSpec[];
  /** What was asked for and cannot be had here, a sentence each. */
  readonly warnings: readonly string[];
}

/** The surroundings that a request asks for; what it leaves out is docker's default. */
export function hostConfigOf(request: Pick<RunRequest, 'hostConfig'>): HostConfig {
  return { ...DEFAULT_HOST_CONFIG, ...request.hostConfig };
}

/**
 * True for what sees processes of the host or of another container: it cannot be in the process-id namespace of a
 * command, so it runs under a keeper.
 */
export function joinsProcesses(request: Pick<RunRequest, 'hostConfig'>): boolean {
  return hostConfigOf(request).PidMode !== '';
}

/**
 * Resolves what a request says about surroundings on this machine, now: processes of other containers, devices, what the
 * kernel can limit.
 * @throws LIMIT_INVALID, OPTIONS_CONFLICT, OPTION_UNSUPPORTED, CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING,
 * SECCOMP_PROFILE_INVALID, INIT_MISSING, DEVICE_NOT_FOUND, CDI_INVALID
 */
export async function surroundingsOf(context: EngineContext, request: RunRequest): Promise<Surroundings> {
  const host = hostConfigOf(request);
  checkConflicts(request, host);
  if (host.CgroupParent !== '') checkCgroupParent(host.CgroupParent);
  const { resources, warnings } = fitLimits(host, cgroupSupport());
  const given = await devicesOf(context, host);
  return {
    env: given.env,
    spec: {
      ...securityOf(host),
      ...namesOf(request, host),
      capabilities: host.Privileged
        ? { kind: 'privileged' }
        : { kind: 'default', add: host.CapAdd, drop: host.CapDrop },
      pid: await namespaceOf(context, host.PidMode),
      ipc: ipcOf(host.IpcMode),
      uts: await namespaceOf(context, host.UTSMode),
      ...(host.CgroupnsMode !== '' && { cgroupNamespace: host.CgroupnsMode === 'host' ? 'host' : 'private' }),
      shmSizeBytes: host.IpcMode === 'none' || host.IpcMode === 'host' ? 0 : host.ShmSize,
      groups: [...host.GroupAdd, ...given.groups],
      devices: given.devices,
      hooks: given.hooks,
      deviceRules: host.DeviceCgroupRules,
      rlimits: host.Ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: limit(Soft), hard: limit(Hard) })),
      sysctls: host.Sysctls,
      resources,
      ...(host.CgroupParent !== '' && { cgroupParent: host.CgroupParent }),
      readonlyRootfs: request.readOnly,
      ...(host.OomScoreAdj !== 0 && { oomScoreAdjust: host.OomScoreAdj }),
      extraHosts: host.ExtraHosts,
      dns: {
        ...(host.Dns.length > 0 && { servers: host.Dns }),
        ...(host.DnsSearch.length > 0 && { search: host.DnsSearch }),
        ...(host.DnsOptions.length > 0 && { options: host.DnsOptions }),
      },
      annotations: host.Annotations,
      ...(host.Init === true && { initPath: findInit() }),
    },
    mounts: [...(host.IpcMode === 'host' ? [HOST_SHM] : []), ...given.mounts],
    warnings: [...warnings, ...networkWarnings(request)],
  };
}

/** What the devices of a container add to it, those by path and those by the names of specifications. */
async function devicesOf({ options }: EngineContext, host: HostConfig): Promise<DeviceEdits> {
  const names = host.DeviceRequests.flatMap(deviceNames).map((name) => ({ name, required: true }));
  const devices = host.Devices.map((device) => ({
    source: device.PathOnHost,
    target: device.PathInContainer,
    access: device.CgroupPermissions,
  }));
  const named = await findDevices(names, options.deviceFolders);
  return { ...named, devices: [...devices, ...named.devices] };
}

/** As podman: GPUs are those of the specification that NVIDIA's tool writes, which numbers them from 0. */
function deviceNames({ Driver, Count, DeviceIDs }: DeviceRequest): readonly string[] {
  if (Driver === 'cdi') return DeviceIDs ?? [];
  const ids = DeviceIDs ?? (Count < 0 ? ['all'] : Array.from({ length: Count }, (_, index) => String(index)));
  return ids.map((id) => `nvidia.com/gpu=${id}`);
}

function networkWarnings(request: RunRequest): string[] {
  const asked = endpointsAsked(request);
  const publishes = request.ports.length > 0 || request.publishAll === true;
  const named = asked.some(({ name }) => !['bridge', 'host', 'none'].includes(name) && !name.startsWith('container:'));
  return [
    ...(publishes && isInHostNetwork(request) ? ['published ports are discarded in the network of the host'] : []),
    ...(named && findNameServer() === undefined
      ? ['aardvark-dns is not installed: containers do not find each other by name']
      : []),
  ];
}

const HOST_SHM: MountSpec = {
  kind: 'bind',
  source: '/dev/shm',
  sourceKind: 'directory',
  target: '/dev/shm',
  flags: ['nosuid', 'nodev', 'noexec'],
};

function limit(value: number): number | 'unlimited' {
  return value === -1 ? 'unlimited' : value;
}

/** docker's "conflicting options". */
function checkConflicts(request: RunRequest, host: HostConfig): void {
  const conflict = (a: string, b: string): ShaleError =>
    new ShaleError('OPTIONS_CONFLICT', `${a} and ${b} exclude each other`);
  const isNamed = request.hostname !== undefined;
  if (host.UTSMode === 'host' && isNamed) throw conflict('a host name', 'the host names of this machine (--uts host)');
  if (sharedNetworkOf(request) !== undefined) checkShared(request, host);
  const ipc = Object.keys(host.Sysctls).find((name) => !/^net[./]/.test(name));
  if (host.IpcMode === 'host' && ipc !== undefined) throw conflict(`the setting ${ipc}`, '--ipc host');
  const net = Object.keys(host.Sysctls).find((name) => /^net[./]/.test(name));
  if (isInHostNetwork(request) && net !== undefined) throw conflict(`the setting ${net}`, '--network host');
}

/** What belongs to the network of another container is settled there, as docker has it. */
function checkShared(request: RunRequest, host: HostConfig): void {
  const settled: readonly (readonly [string, boolean])[] = [
    ['a host name', request.hostname !== undefined],
    ['published ports', request.ports.length > 0 || request.publishAll === true],
    ['exposed ports', (request.exposed ?? []).length > 0],
    ['resolvers', host.Dns.length > 0],
    ['added hosts', host.ExtraHosts.length > 0],
    ['settings of a network', Object.keys(host.Sysctls).some((name) => /^net[./]/.test(name))],
  ];
  const found = settled.find(([, isAsked]) => isAsked);
  if (found !== undefined) {
    throw new ShaleError('OPTIONS_CONFLICT', `${found[0]} and the network of another container exclude each other`);
  }
}

/** As docker: a container with the host's host names is called as the host. */
function namesOf(request: RunRequest, host: HostConfig): Partial<RunSpec> {
  return {
    ...(host.UTSMode === 'host' && { hostname: hostname() }),
    ...(request.domainname !== undefined && { domainname: request.domainname }),
  };
}

/** Shared memory is a file system of the container's own: another one cannot see it. @throws OPTION_UNSUPPORTED */
function ipcOf(mode: string): NamespaceChoice {
  if (mode === 'host') return { kind: 'host' };
  if (mode === 'none' || mode === 'private') return { kind: 'private' };
  throw new ShaleError('OPTION_UNSUPPORTED', `--ipc ${mode}: containers cannot share memory with each other`, {
    hint: '--ipc host in both shares that of this machine',
  });
}

async function namespaceOf(context: EngineContext, mode: string): Promise<NamespaceChoice> {
  if (mode === 'host') return { kind: 'host' };
  const name = /^container:(.+)$/.exec(mode)?.[1];
  return name === undefined ? { kind: 'private' } : { kind: 'process', pid: await processOf(context, name) };
}

type Security = Pick<RunSpec, 'seccomp' | 'noNewPrivileges' | 'apparmorProfile' | 'maskedPaths' | 'readonlyPaths'>;

function securityOf(host: HostConfig): Security {
  let seccomp: Seccomp = { kind: 'default' };
  let noNewPrivileges = false;
  let apparmor: string | undefined;
  for (const option of host.SecurityOpt) {
    const [, name = option, value = 'true'] = /^([^=:]*)[=:](.*)$/s.exec(option) ?? [];
    if (name === 'no-new-privileges') noNewPrivileges = /^(true|1|t)$/i.test(value);
    else if (name === 'apparmor') apparmor = value;
    else if (name === 'seccomp') seccomp = seccompOf(value);
    else if (name === 'label') checkLabel(value);
    else throw new ShaleError('OPTION_UNSUPPORTED', `there is no security option ${JSON.stringify(option)}`);
  }
  return {
    seccomp,
    noNewPrivileges,
    // Without AppArmor in the kernel the option says nothing, and docker takes it too.
    ...(apparmor !== undefined && apparmor !== 'unconfined' && hasAppArmor() && { apparmorProfile: apparmor }),
    ...(host.MaskedPaths !== null && { maskedPaths: host.MaskedPaths }),
    ...(host.ReadonlyPaths !== null && { readonlyPaths: host.ReadonlyPaths }),
  };
}

function seccompOf(value: string): Seccomp {
  if (value === 'unconfined') return { kind: 'unconfined' };
  if (value === 'builtin') return { kind: 'default' };
  return { kind: 'profile', profile: parseJson(Buffer.from(value), 'the seccomp profile') };
}

/** Without SELinux labels say nothing, as for docker; with it shale would have to set them. */
function checkLabel(value: string): void {
  if (value === 'disable' || !existsSync('/sys/fs/selinux/enforce')) return;
  throw new ShaleError('OPTION_UNSUPPORTED', `the label ${JSON.stringify(value)} cannot be set: shale sets no labels`, {
    hint: '--security-opt label=disable',
  });
}

function hasAppArmor(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'latin1').startsWith('Y');
  } catch {
    return false;
  }
}

/** Static programs that reap and pass signals on, where distributions put them. */
const INITS: readonly string[] = [
  '/usr/bin/tini-static',
  '/usr/bin/catatonit',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/docker-init',
  '/usr/libexec/docker/docker-init',
];

/** @throws INIT_MISSING */
function findInit(): string {
  for (const path of INITS) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next place.
    }
  }
  throw new ShaleError('INIT_MISSING', '--init needs a small static init, which is not installed', {
    hint: 'apt-get install tini',
  });
}

/** What `inspect` shows where a request leaves it to the machine. */
export function cgroupNamespaceOf(host: HostConfig): string {
  if (host.CgroupnsMode !== '') return host.CgroupnsMode;
  return hostFacts().cgroups === 'v2' ? 'private' : 'host';
}
