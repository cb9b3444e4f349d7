import { type HostConfig, DEFAULT_HOST_CONFIG } from '../../engine/index.ts';
import type { Flag, ParsedArguments } from '../command.ts';
import { parseLabels } from '../options/assignments.ts';
import { parseBytes } from '../options/bytes.ts';
import { parseExtraHost, parseResolver, parseResolverWord, parseSysctl } from '../options/hosts.ts';
import {
  deviceRequests,
  isDeviceName,
  parseDevice,
  parseDeviceRate,
  parseDeviceRule,
  parseDeviceWeight,
  parseGpus,
  parseUlimits,
} from '../options/limits.ts';
import { parseSecurity } from '../options/security.ts';
import { parseNumber } from '../options/times.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';
import { LIMIT_FLAGS, limitsOf } from './limit-flags.ts';

const list = (name: string, value: string, summary: string): Flag => ({ kind: 'list', name, value, summary });
const text = (name: string, value: string, summary: string, short?: string): Flag => ({
  kind: 'text',
  name,
  value,
  summary,
  ...(short !== undefined && { short }),
});

/** What docker lets one choose and here is one of a kind: taken, and any other value refused. */
const only = (name: string, value: string): Flag => ({
  kind: 'text',
  name,
  value: 'NAME',
  choices: [value],
  summary: 'the only one there is',
});

/** What `run` and `create` say about a container's surroundings, beside its mounts and ports. */
export const SURROUNDINGS_FLAGS: readonly Flag[] = [
  ...LIMIT_FLAGS,
  text('memory-swappiness', '0..100', 'how eagerly its memory is swapped out'),
  { kind: 'boolean', name: 'oom-kill-disable', summary: 'let it wait instead of killing it for lack of memory' },
  text('oom-score-adj', 'NUMBER', 'how soon it is killed for lack of memory, -1000 to 1000'),
  list('blkio-weight-device', 'DEVICE:WEIGHT', 'the same for one disk'),
  list('device-read-bps', 'DEVICE:BYTES', 'bytes a second read from a disk'),
  list('device-write-bps', 'DEVICE:BYTES', 'bytes a second written to a disk'),
  list('device-read-iops', 'DEVICE:NUMBER', 'reads a second from a disk'),
  list('device-write-iops', 'DEVICE:NUMBER', 'writes a second to a disk'),
  list('ulimit', 'NAME=SOFT[:HARD]', 'a resource limit of its processes'),
  list('cap-add', 'CAPABILITY', 'a right beyond the usual ones, or ALL'),
  list('cap-drop', 'CAPABILITY', 'take a right away, or ALL'),
  { kind: 'boolean', name: 'privileged', summary: 'all rights and all devices of this machine' },
  list('security-opt', 'NAME=VALUE', 'no-new-privileges, seccomp=FILE|unconfined, apparmor=, label=, systempaths='),
  list('device', 'HOST[:CONTAINER][:rwm]', 'give it a device, by its path or the name vendor.com/class=name'),
  text('gpus', 'WHICH', 'give it NVIDIA GPUs: all, a number, or device=ID,…'),
  list('device-cgroup-rule', 'RULE', 'allow devices by number, as "c 1:3 rwm"'),
  list('group-add', 'GROUP', 'one more group, by name or number'),
  list('sysctl', 'NAME=VALUE', 'a kernel setting of its own'),
  text('shm-size', 'BYTES', 'the size of /dev/shm, 64m if not given'),
  { kind: 'boolean', name: 'init', summary: 'run an init that reaps processes and passes signals on' },
  text('pid', 'MODE', 'the processes that it sees: host or container:NAME'),
  text('ipc', 'MODE', 'its shared memory: none, private, shareable, host or container:NAME'),
  text('uts', 'MODE', 'host: the host name of this machine'),
  text('userns', 'MODE', 'host: no user namespace, which is what it has'),
  text('cgroup-parent', 'PATH', 'the cgroup that its own is made in'),
  text('cgroupns', 'MODE', 'the cgroups that it sees: private or host'),
  list('add-host', 'NAME:ADDRESS', 'a line in /etc/hosts; host-gateway is this machine'),
  list('dns', 'ADDRESS', 'a resolver'),
  list('dns-search', 'DOMAIN', 'a domain in which names are looked up'),
  list('dns-option', 'OPTION', 'an option of the resolver, as ndots:2'),
  list('annotation', 'KEY=VALUE', 'an annotation for the runtime'),
  only('runtime', 'runc'),
  only('isolation', 'default'),
  only('volume-driver', 'local'),
];

/**
 * The surroundings that a command line asks for, where they differ from docker's defaults.
 * @throws USAGE
 */
export function hostConfigOf({ flags }: Pick<ParsedArguments, 'flags'>): Partial<HostConfig> {
  const usual: Readonly<Record<string, unknown>> = { ...DEFAULT_HOST_CONFIG };
  const asked = Object.entries(wholeHostConfig(flags));
  return Object.fromEntries(asked.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(usual[name])));
}

function wholeHostConfig(flags: ParsedFlags): HostConfig {
  const privileged = flags.boolean('privileged');
  const pid = oneOf(flags, 'pid', ['', 'host']);
  const gpus = flags.text('gpus');
  const ipc = oneOf(flags, 'ipc', ['', 'none', 'private', 'shareable', 'host']);
  return {
    ...DEFAULT_HOST_CONFIG,
    ...limitsOf(flags),
    ...memory(flags),
    ...io(flags),
    ...capabilities(flags),
    ...parseSecurity(flags.list('security-opt'), {
      noLabel: privileged || pid === 'host' || ipc === 'host',
    }),
    Privileged: privileged,
    Devices: flags
      .list('device')
      .filter((word) => !isDeviceName(word))
      .map(parseDevice),
    DeviceRequests: [
      ...deviceRequests(flags.list('device').filter(isDeviceName)),
      ...(gpus === undefined ? [] : [parseGpus(gpus)]),
    ],
    DeviceCgroupRules: flags.list('device-cgroup-rule').map(parseDeviceRule),
    GroupAdd: flags.list('group-add'),
    Sysctls: Object.fromEntries(flags.list('sysctl').map(parseSysctl)),
    Ulimits: parseUlimits(flags.list('ulimit')),
    ShmSize: parseBytes('--shm-size', flags.text('shm-size') ?? '0') || DEFAULT_HOST_CONFIG.ShmSize,
    Init: flags.given('init') ? flags.boolean('init') : null,
    PidMode: pid,
    IpcMode: ipc === '' ? DEFAULT_HOST_CONFIG.IpcMode : ipc,
    UTSMode: oneOf(flags, 'uts', ['', 'host'], false),
    UsernsMode: oneOf(flags, 'userns', ['', 'host'], false),
    CgroupParent: cgroupParent(flags),
    CgroupnsMode: oneOf(flags, 'cgroupns', ['', 'host', 'private'], false),
    ExtraHosts: flags.list('add-host').map(parseExtraHost),
    Dns: flags.list('dns').map(parseResolver),
    DnsSearch: flags.list('dns-search').map((word) => parseResolverWord('--dns-search', word)),
    DnsOptions: flags.list('dns-option').map((word) => parseResolverWord('--dns-option', word)),
    Annotations: parseLabels(flags.list('annotation')),
  };
}

function memory(flags: ParsedFlags): Partial<HostConfig> {
  const swappiness = flags.text('memory-swappiness') ?? '-1';
  return {
    MemorySwappiness: swappiness === '-1' ? null : parseNumber('--memory-swappiness', swappiness, { min: 0, max: 100 }),
    OomKillDisable: flags.boolean('oom-kill-disable'),
    OomScoreAdj: parseNumber('--oom-score-adj', flags.text('oom-score-adj') ?? '0', { min: -1000, max: 1000 }),
  };
}

function io(flags: ParsedFlags): Partial<HostConfig> {
  const rates = (name: string, unit: 'bytes' | 'operations'): HostConfig['BlkioDeviceReadBps'] =>
    flags.list(name).map((word) => parseDeviceRate(`--${name}`, word, unit));
  return {
    BlkioWeightDevice: flags.list('blkio-weight-device').map(parseDeviceWeight),
    BlkioDeviceReadBps: rates('device-read-bps', 'bytes'),
    BlkioDeviceWriteBps: rates('device-write-bps', 'bytes'),
    BlkioDeviceReadIOps: rates('device-read-iops', 'operations'),
    BlkioDeviceWriteIOps: rates('device-write-iops', 'operations'),
  };
}

/** As docker keeps them: whole names in order, ALL instead of the rest, and what is added is not dropped. */
function capabilities(flags: ParsedFlags): Pick<HostConfig, 'CapAdd' | 'CapDrop'> {
  const names = (flag: string): Set<string> =>
    new Set(
      flags.list(flag).map((word) => {
        const name = word.trim().toUpperCase().replace(/^CAP_/, '');
        return name === 'ALL' ? name : `CAP_${name}`;
      }),
    );
  const [add, drop] = [names('cap-add'), names('cap-drop')];
  const listed = (set: ReadonlySet<string>): string[] => (set.has('ALL') ? ['ALL'] : [...set].toSorted());
  return { CapAdd: listed(add), CapDrop: listed(drop.has('ALL') ? drop : drop.difference(add)) };
}

/** @throws USAGE */
function cgroupParent(flags: ParsedFlags): string {
  const path = flags.text('cgroup-parent');
  if (path === '') throw new UsageError('--cgroup-parent "" is not the path of a cgroup', '--cgroup-parent /ci/web');
  return path ?? '';
}

/** A mode of a namespace; `container:NAME` where another container's can be joined. @throws USAGE */
function oneOf(flags: ParsedFlags, name: string, modes: readonly string[], joins = true): string {
  const value = flags.text(name) ?? '';
  if (modes.includes(value) || (joins && /^container:./.test(value))) return value;
  const all = [...modes.filter((mode) => mode !== ''), ...(joins ? ['container:NAME'] : [])];
  throw new UsageError(`--${name} is ${all.join(' or ')}, not ${JSON.stringify(value)}`);
}
