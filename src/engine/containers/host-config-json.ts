import { hostFacts } from '../../runtime/index.ts';
import type { HostConfig } from '../host-config.ts';
import type { PortMapping } from '../types.ts';
import type { ContainerSetup } from './record.ts';
import { cgroupNamespaceOf, hostConfigOf } from './surroundings.ts';

/** docker's `HostConfig` of a container, in the order and with the nulls that docker has. */
export function hostConfigJson(setup: Pick<ContainerSetup, 'request' | 'removeWhenDone'>): Record<string, unknown> {
  const { request } = setup;
  const host = hostConfigOf(request ?? {});
  return {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: request?.network ?? 'bridge',
    PortBindings: portBindings(request?.ports ?? []),
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: setup.removeWhenDone,
    VolumeDriver: '',
    VolumesFrom: null,
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
    PublishAllPorts: false,
    ReadonlyRootfs: request?.readOnly === true,
    SecurityOpt: host.SecurityOpt.length > 0 || host.MaskedPaths !== null ? host.SecurityOpt : null,
    UTSMode: host.UTSMode,
    UsernsMode: host.UsernsMode,
    ShmSize: host.ShmSize,
    ...(Object.keys(host.Sysctls).length > 0 && { Sysctls: host.Sysctls }),
    Runtime: 'runc',
    Isolation: '',
    ...resourcesJson(host),
    ...pathsJson(host),
    ...(host.Init !== null && { Init: host.Init }),
  };
}

function resourcesJson(host: HostConfig): Record<string, unknown> {
  return {
    CpuShares: host.CpuShares,
    Memory: host.Memory,
    NanoCpus: host.NanoCpus,
    CgroupParent: '',
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
    DeviceRequests: null,
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
