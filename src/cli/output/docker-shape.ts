import { ShaleError } from '../../base/index.ts';
import { Nil } from './nil.ts';

/**
 * What the types of docker's API say of fields that JSON leaves out or gives as null: a template prints their zero values.
 * Facts: the types of docker 28's `api/types`, tried with its `inspect`.
 */
const LISTS: ReadonlySet<string> = new Set(
  `Aliases Args Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeightDevice CapAdd
  CapDrop Cmd DNSNames DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch Entrypoint Env ExecIDs ExtraHosts
  GroupAdd Layers Links Log MaskedPaths Mounts OnBuild ReadonlyPaths RepoDigests RepoTags SecondaryIPAddresses
  SecondaryIPv6Addresses SecurityOpt Shell Test Ulimits VolumesFrom`.split(/\s+/),
);
const MAPS: ReadonlySet<string> = new Set(
  `Annotations Containers Data DriverOpts ExposedPorts Labels Networks Options PortBindings Ports StorageOpt Sysctls Tmpfs
  Volumes`.split(/\s+/),
);
const POINTERS: ReadonlySet<string> = new Set(
  `Health Healthcheck IPAMConfig Init MemorySwappiness OomKillDisable PidsLimit SizeRootFs SizeRw StopTimeout UsageData`.split(
    /\s+/,
  ),
);
const TEXTS: ReadonlySet<string> = new Set(
  `AppArmorProfile Author CgroupParent Comment Domainname DockerVersion EndpointID GlobalIPv6Address IPv6Gateway
  LinkLocalIPv6Address MacAddress OsVersion Parent Runtime SandboxID SandboxKey StopSignal User Variant WorkingDir`.split(
    /\s+/,
  ),
);
const NUMBERS: ReadonlySet<string> = new Set(['GlobalIPv6PrefixLen', 'LinkLocalIPv6PrefixLen']);
const SWITCHES: ReadonlySet<string> = new Set(['ArgsEscaped', 'HairpinMode', 'NetworkDisabled']);

/** True for fields whose keys are a user's, so that any of them may be missing. */
export function isMapField(name: string): boolean {
  return MAPS.has(name);
}

/** The zero value of a field. @throws TEMPLATE_FIELD_UNKNOWN where docker has no such field, and nothing is known of it */
export function zeroOf(name: string, path: string): unknown {
  if (LISTS.has(name)) return new Nil('[]');
  if (MAPS.has(name)) return new Nil('map[]');
  if (POINTERS.has(name)) return new Nil('<nil>');
  if (TEXTS.has(name)) return '';
  if (NUMBERS.has(name)) return 0;
  if (SWITCHES.has(name)) return false;
  throw noField(path);
}

export function noField(path: string): ShaleError {
  return new ShaleError('TEMPLATE_FIELD_UNKNOWN', `--format: there is no field ${path}`, { data: { field: path } });
}
