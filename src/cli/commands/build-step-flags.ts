import type { BuildRequest, HostConfig } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import { parseBytes } from '../options/bytes.ts';
import { parseExtraHost } from '../options/hosts.ts';
import { parseCpus, parseUlimits } from '../options/limits.ts';
import { parseSecret, parseSsh } from '../options/secrets.ts';
import { parseNumber } from '../options/times.ts';
import type { ParsedFlags } from '../parse-flags.ts';

/** Flags of `build` that say what its RUN steps are given. */
export const STEP_FLAGS: readonly Flag[] = [
  {
    kind: 'list',
    name: 'secret',
    value: 'id=ID,src=FILE',
    summary: 'give RUN --mount=type=secret a file, or with env=NAME a variable',
  },
  {
    kind: 'list',
    name: 'ssh',
    value: 'ID[=SOCKET|KEY[,KEY]]',
    summary: 'let RUN --mount=type=ssh use your agent ("default"), or these keys and no others',
  },
  {
    kind: 'list',
    name: 'allow',
    value: 'RIGHT',
    summary: 'let RUN ask for it: network.host, security.insecure, device, device=NAME',
  },
  {
    kind: 'list',
    name: 'add-host',
    value: 'NAME:ADDRESS',
    summary: 'a line in /etc/hosts; host-gateway is this machine',
  },
  { kind: 'list', name: 'ulimit', value: 'NAME=SOFT[:HARD]', summary: 'a resource limit of processes' },
  { kind: 'text', name: 'shm-size', value: 'BYTES', summary: 'the size of /dev/shm, 64m if not given' },
  { kind: 'text', name: 'cgroup-parent', value: 'PATH', summary: 'the cgroup that those of the steps are made in' },
  { kind: 'text', name: 'memory', short: 'm', value: 'BYTES', summary: 'how much memory each step may use' },
  { kind: 'text', name: 'memory-swap', value: 'BYTES', summary: 'memory and swap together; -1 for no limit' },
  { kind: 'text', name: 'cpus', value: 'NUMBER', summary: 'how many CPUs each step may use, as 1.5' },
  { kind: 'text', name: 'cpu-shares', short: 'c', value: 'NUMBER', summary: 'its weight when CPUs are busy' },
  { kind: 'text', name: 'cpu-period', value: 'MICROSECONDS', summary: 'the period of --cpu-quota' },
  { kind: 'text', name: 'cpu-quota', value: 'MICROSECONDS', summary: 'how much CPU time in each period' },
  { kind: 'text', name: 'cpuset-cpus', value: 'LIST', summary: 'the CPUs that it runs on, as 0-2,4' },
  { kind: 'text', name: 'cpuset-mems', value: 'LIST', summary: 'the memory nodes that it uses' },
];

/**
 * What a request says of them.
 * @throws USAGE
 */
export function stepOptions(
  context: Context,
  flags: ParsedFlags,
): Pick<BuildRequest, 'secrets' | 'ssh' | 'allow' | 'stepConfig' | 'cgroupParent'> {
  const secrets = flags.list('secret').map((word) => parseSecret(word, context));
  const ssh = flags.list('ssh').map((word) => parseSsh(word, context));
  const allow = flags.list('allow');
  const stepConfig = stepConfigOf(flags);
  const cgroupParent = flags.text('cgroup-parent');
  return {
    ...(secrets.length > 0 && { secrets }),
    ...(ssh.length > 0 && { ssh }),
    ...(allow.length > 0 && { allow }),
    ...(Object.keys(stepConfig).length > 0 && { stepConfig }),
    ...(cgroupParent !== undefined && { cgroupParent }),
  };
}

const INTEGER = { min: 0, max: Number.MAX_SAFE_INTEGER };

function stepConfigOf(flags: ParsedFlags): Partial<HostConfig> {
  const given = <T>(name: string, parse: (text: string) => T): T | undefined => {
    const text = flags.text(name);
    return text === undefined ? undefined : parse(text);
  };
  const bytes = (name: string): number | undefined => given(name, (text) => parseBytes(`--${name}`, text));
  const integer = (name: string, min = 0): number | undefined =>
    given(name, (text) => parseNumber(`--${name}`, text, { ...INTEGER, min }));
  const hosts = flags.list('add-host').map(parseExtraHost);
  const ulimits = parseUlimits(flags.list('ulimit'));
  const config = {
    Memory: bytes('memory'),
    MemorySwap: flags.text('memory-swap') === '-1' ? -1 : bytes('memory-swap'),
    NanoCpus: given('cpus', parseCpus),
    CpuShares: integer('cpu-shares'),
    CpuPeriod: integer('cpu-period'),
    CpuQuota: integer('cpu-quota', -1),
    CpusetCpus: flags.text('cpuset-cpus'),
    CpusetMems: flags.text('cpuset-mems'),
    ShmSize: bytes('shm-size'),
    ExtraHosts: hosts.length === 0 ? undefined : hosts,
    Ulimits: ulimits.length === 0 ? undefined : ulimits,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}
