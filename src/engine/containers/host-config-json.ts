import { hostFacts } from '../../runtime/index.ts';
import type { HostConfig } from '../host-config.ts';
import type { PortMapping, RunRequest } from '../types.ts';
import type { TmpfsMount, VolumeMount } from '../volume-types.ts';
import { endpointsAsked } from './networks.ts';
import type { ContainerSetup } from './record.ts';
import { cgroupNamespaceOf, hostConfigOf } from './surroundings.ts';

/** docker's `HostConfig` of a container, in the order and with the nulls that docker has. */
export function hostConfigJson(setup: Pick<ContainerSetup, 'request' | 'restart'>): Record<string, unknown> {
  const { request, restart } = setup;
  const host = hostConfigOf(request);
  return {
    Binds: listOrNull(bindsOf(request.volumes)),
    ContainerIDFile: '',
    LogConfig: logJson(request),
    NetworkMode: endpointsAsked(request)[0]?.name ?? 'bridge',
    PortBindings: portBindings(request.ports),
    RestartPolicy: {
      Name: restart.kind,
      MaximumRetryCount: restart.kind === 'on-failure' ? restart.retriesMax : 0,
    },
    AutoRemove: request.removeWhenDone,
    VolumeDriver: '',
    VolumesFrom: listOrNull(request.volumesFrom ?? []),
    ConsoleSize: [0, 0],
    ...(Object.keys(host.Annotations).length > 0 && { Annotations: host.Annotations }),
    CapAdd: listOrNull(host.CapAdd),
    CapDrop: listOrNull(host.CapDrop),
    CgroupnsMode: cgroupNamespaceOf(host),
    Dns: host.Dns,
    DnsOptions: host.DnsOptions,
    DnsSearch: host.DnsSearch,
    ExtraHosts: listOrNull(host.ExtraHosts),
    GroupAdd: listOrNull(host.GroupAdd),
    IpcMode: host.IpcMode,
    Cgroup: '',
    Links: null,
    OomScoreAdj: host.OomScoreAdj,
    PidMode: host.PidMode,
    Privileged: host.Privileged,
    PublishAllPorts: request.publishAll === true,
    ReadonlyRootfs: request.readOnly,
    SecurityOpt: host.SecurityOpt.length > 0 || host.MaskedPaths !== null ? host.SecurityOpt : null,
    UTSMode: host.UTSMode,
    UsernsMode: host.UsernsMode,
    ...tmpfsJson(request.volumes),
    ShmSize: host.ShmSize,
    ...(Object.keys(host.Sysctls).length > 0 && { Sysctls: host.Sysctls }),
    Runtime: 'runc',
    Isolation: '',
    ...resourcesJson(host),
    ...mountsJson(request.volumes),
    ...pathsJson(host),
    ...(host.Init !== null && { Init: host.Init }),
  };
}

function logJson({ log }: RunRequest): Record<string, unknown> {
  return {
    Type: log?.driver ?? 'json-file',
    Config: {
      ...(log?.bytesMax !== undefined && { 'max-size': String(log.bytesMax) }),
      ...(log?.filesMax !== undefined && { 'max-file': String(log.filesMax) }),
    },
  };
}

function resourcesJson(host: HostConfig): Record<string, unknown> {
  return {
    CpuShares: host.CpuShares,
    Memory: host.Memory,
    NanoCpus: host.NanoCpus,
    CgroupParent: host.CgroupParent,
    BlkioWeight: host.BlkioWeight,
    BlkioWeightDevice: host.BlkioWeightDevice,
    BlkioDeviceReadBps: host.BlkioDeviceReadBps,
    BlkioDeviceWriteBps: host.BlkioDeviceWriteBps,
    BlkioDeviceReadIOps: host.BlkioDeviceReadIOps,
    BlkioDeviceWriteIOps: host.BlkioDeviceWriteIOps,
    CpuPeriod: host.CpuPeriod,
    CpuQuota: host.CpuQuota,
    CpuRealtimePeriod: host.CpuRealtimePeriod,
    CpuRealtimeRuntime: host.CpuRealtimeRuntime,
    CpusetCpus: host.CpusetCpus,
    CpusetMems: host.CpusetMems,
    Devices: host.Devices,
    DeviceCgroupRules: listOrNull(host.DeviceCgroupRules),
    DeviceRequests: listOrNull(host.DeviceRequests),
    MemoryReservation: host.MemoryReservation,
    // As docker: as much swap as memory when nothing was said.
    MemorySwap: host.MemorySwap === 0 ? host.Memory * 2 : host.MemorySwap,
    MemorySwappiness: host.MemorySwappiness,
    OomKillDisable: host.OomKillDisable,
    PidsLimit: host.PidsLimit,
    Ulimits: host.Ulimits,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** docker keeps what `-v` said as text, and `-v TARGET` among the volumes of the config. */
function bindsOf(volumes: readonly VolumeMount[]): string[] {
  return volumes.flatMap((volume) => {
    if (volume.flag === 'mount' || (volume.kind !== 'bind' && volume.kind !== 'volume')) return [];
    const source = volume.kind === 'bind' ? volume.source : volume.name;
    return `${source}:${volume.target}${volume.mode === undefined ? '' : `:${volume.mode}`}`;
  });
}

function tmpfsJson(volumes: readonly VolumeMount[]): Record<string, unknown> {
  const mounts = volumes.filter((volume) => volume.kind === 'tmpfs' && volume.flag !== 'mount') as TmpfsMount[]; // by kind
  const entries = mounts.map(({ target, options }) => [target, options ?? '']);
  return entries.length === 0 ? {} : { Tmpfs: Object.fromEntries(entries) };
}

/** docker's form of `--mount`. */
export function mountsJson(volumes: readonly VolumeMount[]): Record<string, unknown> {
  const mounts = volumes.filter((volume) => volume.flag === 'mount').map(mountJson);
  return mounts.length === 0 ? {} : { Mounts: mounts };
}

function mountJson(volume: VolumeMount): Record<string, unknown> {
  const common = { Target: volume.target, ...(volume.readOnly && { ReadOnly: true }) };
  switch (volume.kind) {
    case 'bind': {
      const { propagation, nonRecursive, writableBelow, readOnlyBelow, consistency } = volume;
      const options = {
        ...(propagation !== undefined && { Propagation: propagation }),
        ...(nonRecursive === true && { NonRecursive: true }),
        ...(writableBelow === true && { ReadOnlyNonRecursive: true }),
        ...(readOnlyBelow === true && { ReadOnlyForceRecursive: true }),
      };
      return {
        Type: 'bind',
        Source: volume.source,
        ...common,
        ...(consistency !== undefined && { Consistency: consistency }),
        ...(Object.keys(options).length > 0 && { BindOptions: options }),
      };
    }
    case 'tmpfs': {
      const { sizeBytes, permissions } = volume;
      const options = {
        ...(sizeBytes !== undefined && { SizeBytes: sizeBytes }),
        ...(permissions !== undefined && { Mode: permissions }),
      };
      return { Type: 'tmpfs', ...common, ...(Object.keys(options).length > 0 && { TmpfsOptions: options }) };
    }
    case 'volume':
    case 'anonymous': {
      const { labels, options } = volume.settings ?? {};
      const subpath = volume.kind === 'volume' ? volume.subpath : undefined;
      const wants = volume.noCopy || labels !== undefined || options !== undefined || subpath !== undefined;
      const driver = options === undefined ? {} : { Name: 'local', Options: options };
      return {
        Type: 'volume',
        ...(volume.kind === 'volume' && { Source: volume.name }),
        ...common,
        ...(wants && {
          VolumeOptions: {
            ...(volume.noCopy && { NoCopy: true }),
            ...(labels !== undefined && { Labels: labels }),
            ...(subpath !== undefined && { Subpath: subpath }),
            DriverConfig: driver,
          },
        }),
      };
    }
  }
}

function pathsJson(host: HostConfig): Record<string, unknown> {
  const { maskedPaths, readonlyPaths } = hostFacts();
  return {
    MaskedPaths: host.MaskedPaths ?? (host.Privileged ? null : maskedPaths),
    ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged ? null : readonlyPaths),
  };
}

function portBindings(ports: readonly PortMapping[]): Record<string, unknown> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of ports) {
    const list = (bindings[`${containerPort}/${protocol}`] ??= []);
    list.push({ HostIp: hostIp ?? '', HostPort: hostPort === undefined ? '' : String(hostPort) });
  }
  return bindings;
}

function listOrNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}
