/**
 * What surrounds the program of a container, beside its mounts, ports and networks: docker's HostConfig under docker's names, so
 * that it is kept, shown by `inspect` and taken by clients in one form. Numbers of zero and empty lists mean "not asked
 * for", unless a field says otherwise.
 */
export interface HostConfig {
  readonly Annotations: Readonly<Record<string, string>>;
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  /** The cgroup that its own is made in, from the root of the hierarchies; empty: the root. */
  readonly CgroupParent: string;
  /** `host` or `private`; empty: as the hierarchy of this machine has it. */
  readonly CgroupnsMode: string;
  readonly Dns: readonly string[];
  readonly DnsOptions: readonly string[];
  readonly DnsSearch: readonly string[];
  /** `name:address`; the address may be `host-gateway`. */
  readonly ExtraHosts: readonly string[];
  readonly GroupAdd: readonly string[];
  /** `none`, `private`, `shareable`, `host` or `container:ID`. */
  readonly IpcMode: string;
  readonly OomScoreAdj: number;
  /** Empty, `host` or `container:ID`. */
  readonly PidMode: string;
  readonly Privileged: boolean;
  /** As given, but a profile's text in the place of its file: `seccomp={…}`. */
  readonly SecurityOpt: readonly string[];
  /** Empty or `host`. */
  readonly UTSMode: string;
  /** Empty or `host`: there are no user namespaces. */
  readonly UsernsMode: string;
  /** Bytes. */
  readonly ShmSize: number;
  readonly Sysctls: Readonly<Record<string, string>>;
  readonly CpuShares: number;
  /** Bytes, also the next two. */
  readonly Memory: number;
  readonly MemoryReservation: number;
  /** Memory and swap together; -1: as much as there is. */
  readonly MemorySwap: number;
  /** 0 to 100; null: as the machine has it. */
  readonly MemorySwappiness: number | null;
  /** Thousand millionths of a CPU. */
  readonly NanoCpus: number;
  readonly CpuPeriod: number;
  readonly CpuQuota: number;
  readonly CpuRealtimePeriod: number;
  readonly CpuRealtimeRuntime: number;
  readonly CpusetCpus: string;
  readonly CpusetMems: string;
  readonly BlkioWeight: number;
  readonly BlkioWeightDevice: readonly DeviceWeight[];
  readonly BlkioDeviceReadBps: readonly DeviceRate[];
  readonly BlkioDeviceWriteBps: readonly DeviceRate[];
  readonly BlkioDeviceReadIOps: readonly DeviceRate[];
  readonly BlkioDeviceWriteIOps: readonly DeviceRate[];
  readonly Devices: readonly DeviceMapping[];
  readonly DeviceRequests: readonly DeviceRequest[];
  /** `c 1:3 rwm`, as the devices controller reads it. */
  readonly DeviceCgroupRules: readonly string[];
  readonly OomKillDisable: boolean;
  /** null: no limit. */
  readonly PidsLimit: number | null;
  readonly Ulimits: readonly Ulimit[];
  /** null: docker's list, and with `Privileged` none. */
  readonly MaskedPaths: readonly string[] | null;
  readonly ReadonlyPaths: readonly string[] | null;
  /** null: not asked for. */
  readonly Init: boolean | null;
}

export interface DeviceWeight {
  readonly Path: string;
  readonly Weight: number;
}

/** Bytes or operations a second. */
export interface DeviceRate {
  readonly Path: string;
  readonly Rate: number;
}

export interface DeviceMapping {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

/**
 * Devices by the names of a specification (CDI): with the driver `cdi` those that `DeviceIDs` names in full; else GPUs, a
 * number of them (-1 is all) or those that `DeviceIDs` names.
 */
export interface DeviceRequest {
  readonly Driver: string;
  readonly Count: number;
  readonly DeviceIDs: readonly string[] | null;
  readonly Capabilities: readonly (readonly string[])[] | null;
  readonly Options: Readonly<Record<string, string>> | null;
}

/** -1 is no limit. */
export interface Ulimit {
  readonly Name: string;
  readonly Hard: number;
  readonly Soft: number;
}

const SHM_BYTES = 64 * 1024 * 1024;

/** What docker gives a container that nothing was asked for. */
export const DEFAULT_HOST_CONFIG: HostConfig = {
  Annotations: {},
  CapAdd: [],
  CapDrop: [],
  CgroupParent: '',
  CgroupnsMode: '',
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: [],
  GroupAdd: [],
  IpcMode: 'private',
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  SecurityOpt: [],
  UTSMode: '',
  UsernsMode: '',
  ShmSize: SHM_BYTES,
  Sysctls: {},
  CpuShares: 0,
  Memory: 0,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  NanoCpus: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  Devices: [],
  DeviceRequests: [],
  DeviceCgroupRules: [],
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: [],
  MaskedPaths: null,
  ReadonlyPaths: null,
  Init: null,
};
