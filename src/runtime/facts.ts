import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { type IdMap, idMaps } from '../privilege/index.ts';
import { isInUserNamespace } from '../sys/index.ts';
import { boundingSet } from './capabilities.ts';

/** What the runtime specification depends on besides the RunSpec; read once per process, injected in tests. */
export interface HostFacts {
  /** What this process may hand on, with `CAP_`. */
  readonly capabilities: ReadonlySet<string>;
  /** Hard limits of this process by name (`nofile`); `'unlimited'` for RLIM_INFINITY. */
  readonly hardLimits: ReadonlyMap<string, number | 'unlimited'>;
  /** Node's `process.arch`. */
  readonly architecture: string;
  readonly kernel: readonly [number, number];
  /** `v2` when /sys/fs/cgroup is the unified hierarchy; `v1` for legacy and hybrid. */
  readonly cgroups: 'v1' | 'v2';
  /** False where this process may not make cgroups: containers stay in ours, and nothing limits them. */
  readonly mayMakeCgroups: boolean;
  /** The ids of the user namespace that this process is in; absent in that of the machine. */
  readonly ids?: { readonly uids: IdMap; readonly gids: IdMap };
  /** Paths that tell about other tenants of the machine, as far as they exist. */
  readonly maskedPaths: readonly string[];
  /** Paths that would change the machine. */
  readonly readonlyPaths: readonly string[];
  /** Sysctls of a private network namespace that exist here. */
  readonly networkSysctls: Readonly<Record<string, string>>;
}

const MASKED: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

const READONLY: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const CPU_FOLDER = '/sys/devices/system/cpu';

/** docker's: ping and low ports work for every user, since nothing else is in the namespace. */
const networkSettings = (groupMax: number): Readonly<Record<string, string>> => ({
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': `0 ${groupMax}`,
});
/** The kernel's. */
const GROUP_MAX = 2_147_483_647;

/** What of a user namespace matters: nothing in the machine's. */
function namespaceFacts(): Pick<HostFacts, 'mayMakeCgroups' | 'ids'> {
  return isInUserNamespace() ? { mayMakeCgroups: false, ids: idMaps() } : { mayMakeCgroups: true };
}

let cached: HostFacts | undefined;

/** The facts of this machine and process. */
export function hostFacts(): HostFacts {
  cached ??= readFacts();
  return cached;
}

function readFacts(): HostFacts {
  const namespace = namespaceFacts();
  // A setting that names a group which the namespace does not have is refused.
  const groupMax = namespace.ids === undefined ? GROUP_MAX : lastOf(namespace.ids.gids);
  return {
    capabilities: boundingSet(),
    hardLimits: parseLimits(readFileSync('/proc/self/limits', 'latin1')),
    architecture: process.arch,
    kernel: parseKernel(release()),
    cgroups: existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1',
    ...namespace,
    maskedPaths: [...MASKED, ...throttleFolders()],
    readonlyPaths: READONLY,
    networkSysctls: Object.fromEntries(
      Object.entries(networkSettings(groupMax)).filter(([name]) =>
        existsSync(`/proc/sys/${name.replaceAll('.', '/')}`),
      ),
    ),
  };
}

/** The last group of those that a namespace has from 0 on without a gap. */
function lastOf(map: IdMap): number {
  let next = 0;
  for (const { inside, count } of map.toSorted((a, b) => a.inside - b.inside)) if (inside === next) next += count;
  return Math.min(Math.max(0, next - 1), GROUP_MAX);
}

/** One folder per CPU tells how hot the machine's other work makes it. */
function throttleFolders(): string[] {
  try {
    return readdirSync(CPU_FOLDER)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => `${CPU_FOLDER}/${name}/thermal_throttle`)
      .filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined)
      .toSorted();
  } catch {
    return [];
  }
}

function parseKernel(text: string): readonly [number, number] {
  const match = /^(\d+)\.(\d+)/.exec(text);
  return match === null ? [0, 0] : [Number(match[1]), Number(match[2])];
}

/** /proc/PID/limits, by the names of ulimit's long options. */
const LIMIT_TITLES: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

export function parseLimits(text: string): Map<string, number | 'unlimited'> {
  const limits = new Map<string, number | 'unlimited'>();
  for (const line of text.split('\n')) {
    const match = /^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)/.exec(line);
    const name = LIMIT_TITLES[match?.[1] ?? ''];
    if (name === undefined) continue;
    const hard = match?.[3] ?? '0';
    limits.set(name, hard === 'unlimited' ? 'unlimited' : Number(hard));
  }
  return limits;
}
