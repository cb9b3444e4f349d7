import { ShaleError } from '../../base/index.ts';
import { Nil } from './nil.ts';

type Kind = 'list' | 'map' | 'pointer' | 'text' | 'number' | 'boolean';

/**
 * The types of fields in docker's API that JSON leaves out or gives as null: a template prints their zero values. Facts: the
 * types of docker 28's `api/types`, tried with its `inspect`.
 */
const FIELDS: Readonly<Record<Kind, string>> = {
  list: `Aliases Args Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeightDevice
    CapAdd CapDrop Cmd DNSNames DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch Entrypoint Env ExecIDs
    ExtraHosts GroupAdd Layers Links Log MaskedPaths Mounts OnBuild ReadonlyPaths RepoDigests RepoTags SecondaryIPAddresses
    SecondaryIPv6Addresses SecurityOpt Shell Test Ulimits VolumesFrom`,
  map: `Annotations Containers Data DriverOpts ExposedPorts Labels Networks Options PortBindings Ports StorageOpt Sysctls
    Tmpfs Volumes`,
  pointer: `Health Healthcheck IPAMConfig Init MemorySwappiness OomKillDisable PidsLimit SizeRootFs SizeRw StopTimeout
    UsageData`,
  text: `AppArmorProfile Author CgroupParent Comment Domainname DockerVersion EndpointID GlobalIPv6Address IPv6Gateway
    LinkLocalIPv6Address MacAddress OsVersion Parent Runtime SandboxID SandboxKey StopSignal User Variant WorkingDir`,
  number: 'GlobalIPv6PrefixLen LinkLocalIPv6PrefixLen',
  boolean: 'ArgsEscaped HairpinMode NetworkDisabled',
};

const ZEROS: Readonly<Record<Kind, unknown>> = {
  list: new Nil('[]'),
  map: new Nil('map[]'),
  pointer: new Nil('<nil>'),
  text: '',
  number: 0,
  boolean: false,
};

let kinds: ReadonlyMap<string, Kind> | undefined;

function kindOf(name: string): Kind | undefined {
  kinds ??= new Map(
    Object.entries(FIELDS).flatMap(([kind, names]) => names.split(/\s+/).map((one) => [one, kind as Kind])), // Its keys.
  );
  return kinds.get(name);
}

/** True for fields whose keys are a user's, so that any of them may be missing. */
export function isMapField(name: string): boolean {
  return kindOf(name) === 'map';
}

/** The zero value of a field. @throws TEMPLATE_FIELD_UNKNOWN where docker has no such field, and nothing is known of it */
export function zeroOf(name: string, path: string): unknown {
  const kind = kindOf(name);
  if (kind === undefined) throw noField(path);
  return ZEROS[kind];
}

export function noField(path: string): ShaleError {
  return new ShaleError('TEMPLATE_FIELD_UNKNOWN', `--format: there is no field ${path}`, { data: { field: path } });
}
