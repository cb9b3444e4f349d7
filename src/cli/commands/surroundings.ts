import { type HostConfig, DEFAULT_HOST_CONFIG } from '../../engine/index.ts';
import type { Flag, ParsedArguments } from '../command.ts';
import { parseLabels } from '../options/assignments.ts';
import { parseBytes } from '../options/bytes.ts';
import { parseExtraHost, parseResolver, parseResolverWord, parseSysctl } from '../options/hosts.ts';
import {
  parseCpus,
  parseDevice,
  parseDeviceRate,
  parseDeviceRule,
  parseDeviceWeight,
  parseUlimits,
} from '../options/limits.ts';
import { parseSecurity } from '../options/security.ts';
import { parseNumber } from '../options/times.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

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
  text('memory', 'BYTES', 'how much memory it may use', 'm'),
  text('memory-swap', 'BYTES', 'memory and swap together; -1 for any amount of swap'),
  text('memory-reservation', 'BYTES', 'what it keeps when memory is short'),
  text('memory-swappiness', '0..100', 'how eagerly its memory is swapped out'),
  { kind: 'boolean', name: 'oom-kill-disable', summary: 'let it wait instead of killing it for lack of memory' },
  text('oom-score-adj', 'NUMBER', 'how soon it is killed for lack of memory, -1000 to 1000'),
  text('cpus', 'NUMBER', 'how many CPUs it may use, as 1.5'),
  text('cpu-shares', 'NUMBER', 'its weight when CPUs are short', 'c'),
  text('cpu-period', 'MICROSECONDS', 'the time over which it is counted, for --cpu-quota'),
  text('cpu-quota', 'MICROSECONDS', 'how much CPU time in each period'),
  text('cpu-rt-period', 'MICROSECONDS', 'the period of --cpu-rt-runtime'),
  text('cpu-rt-runtime', 'MICROSECONDS', 'real-time CPU time in each period'),
  text('cpuset-cpus', 'LIST', 'the CPUs that it runs on, as 0-2,4'),
  text('cpuset-mems', 'LIST', 'the memory nodes that it uses'),
  text('pids-limit', 'NUMBER', 'how many processes it may have; -1 for no limit'),
  text('blkio-weight', '10..1000', 'its weight when disks are busy'),
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
  list('device', 'HOST[:CONTAINER][:rwm]', 'give it a device'),
  list('device-cgroup-rule', 'RULE', 'allow devices by number, as "c 1:3 rwm"'),
  list('group-add', 'GROUP', 'one more group, by name or number'),
  list('sysctl', 'NAME=VALUE', 'a kernel setting of its own'),
  text('shm-size', 'BYTES', 'the size of /dev/shm, 64m if not given'),
  { kind: 'boolean', name: 'init', summary: 'run an init that reaps processes and passes signals on' },
  text('pid', 'MODE', 'the processes that it sees: host or container:NAME'),
  text('ipc', 'MODE', 'its shared memory: none, private, shareable, host or container:NAME'),
  text('uts', 'MODE', 'host: the host name of this machine'),
  text('userns', 'MODE', 'host: no user namespace, which is what it has'),
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

const INTEGER = { min: 0, max: Number.MAX_SAFE_INTEGER };

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
  const ipc = oneOf(flags, 'ipc', ['', 'none', 'private', 'shareable', 'host']);
  return {
    ...DEFAULT_HOST_CONFIG,
    ...memory(flags),
    ...cpu(flags),
    ...io(flags),
    ...capabilities(flags),
    ...parseSecurity(flags.list('security-opt'), {
      noLabel: privileged || pid === 'host' || ipc === 'host',
    }),
    Privileged: privileged,
    Devices: flags.list('device').map(parseDevice),
    DeviceCgroupRules: flags.list('device-cgroup-rule').map(parseDeviceRule),
    GroupAdd: flags.list('group-add'),
    Sysctls: Object.fromEntries(flags.list('sysctl').map(parseSysctl)),
    Ulimits: parseUlimits(flags.list('ulimit')),
    ShmSize: bytes(flags, 'shm-size') || DEFAULT_HOST_CONFIG.ShmSize,
    Init: flags.given('init') ? flags.boolean('init') : null,
    PidMode: pid,
    IpcMode: ipc === '' ? DEFAULT_HOST_CONFIG.IpcMode : ipc,
    UTSMode: oneOf(flags, 'uts', ['', 'host'], false),
    UsernsMode: oneOf(flags, 'userns', ['', 'host'], false),
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
    Memory: bytes(flags, 'memory'),
    MemoryReservation: bytes(flags, 'memory-reservation'),
    MemorySwap: flags.text('memory-swap') === '-1' ? -1 : bytes(flags, 'memory-swap'),
    MemorySwappiness: swappiness === '-1' ? null : parseNumber('--memory-swappiness', swappiness, { min: 0, max: 100 }),
    OomKillDisable: flags.boolean('oom-kill-disable'),
    OomScoreAdj: number(flags, 'oom-score-adj', { min: -1000, max: 1000 }),
  };
}

function cpu(flags: ParsedFlags): Partial<HostConfig> {
  const cpus = flags.text('cpus');
  const pids = number(flags, 'pids-limit', { min: -1, max: INTEGER.max });
  return {
    NanoCpus: cpus === undefined ? 0 : parseCpus(cpus),
    CpuShares: number(flags, 'cpu-shares', INTEGER),
    CpuPeriod: number(flags, 'cpu-period', INTEGER),
    CpuQuota: number(flags, 'cpu-quota', { min: -1, max: INTEGER.max }),
    CpuRealtimePeriod: number(flags, 'cpu-rt-period', INTEGER),
    CpuRealtimeRuntime: number(flags, 'cpu-rt-runtime', INTEGER),
    CpusetCpus: flags.text('cpuset-cpus') ?? '',
    CpusetMems: flags.text('cpuset-mems') ?? '',
    PidsLimit: pids > 0 ? pids : null,
  };
}

function io(flags: ParsedFlags): Partial<HostConfig> {
  const rates = (name: string, unit: 'bytes' | 'operations'): HostConfig['BlkioDeviceReadBps'] =>
    flags.list(name).map((word) => parseDeviceRate(`--${name}`, word, unit));
  return {
    BlkioWeight: number(flags, 'blkio-weight', { min: 0, max: 1000 }),
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

function bytes(flags: ParsedFlags, name: string): number {
  const value = flags.text(name);
  return value === undefined ? 0 : parseBytes(`--${name}`, value);
}

function number(flags: ParsedFlags, name: string, range: { readonly min: number; readonly max: number }): number {
  const value = flags.text(name);
  return value === undefined ? 0 : parseNumber(`--${name}`, value, range);
}

/** A mode of a namespace; `container:NAME` where another container's can be joined. @throws USAGE */
function oneOf(flags: ParsedFlags, name: string, modes: readonly string[], joins = true): string {
  const value = flags.text(name) ?? '';
  if (modes.includes(value) || (joins && /^container:./.test(value))) return value;
  const all = [...modes.filter((mode) => mode !== ''), ...(joins ? ['container:NAME'] : [])];
  throw new UsageError(`--${name} is ${all.join(' or ')}, not ${JSON.stringify(value)}`);
}
