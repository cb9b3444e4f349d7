import { existsSync, readFileSync } from 'node:fs';
import { isSystemError } from '../base/index.ts';
import { hostFacts } from './facts.ts';

/** Limits that a kernel may lack, each named by what is lost without it. */
export type LimitKind =
  | 'memory'
  | 'memory reservation'
  | 'swap'
  | 'swappiness'
  | 'OOM killer switch'
  | 'CPU shares'
  | 'CPU quota'
  | 'real-time CPU'
  | 'CPU sets'
  | 'process number'
  | 'block I/O weight'
  | 'block I/O weight of a device'
  | 'block I/O rate';

/** What the cgroups of this machine can limit. */
export interface CgroupSupport {
  /** `v2` when the unified hierarchy is at the root; `v1` for the legacy hierarchies and for hybrid set-ups. */
  readonly version: 'v1' | 'v2' | 'none';
  readonly limits: ReadonlySet<LimitKind>;
  /** Of the whole machine: `0-3`; absent where it cannot be read. */
  readonly cpus?: string;
  readonly memoryNodes?: string;
}

const ROOT = '/sys/fs/cgroup';

/** Files of the legacy hierarchies that show what the kernel was built with (its cgroup-v1 documentation). */
const LEGACY: readonly (readonly [LimitKind, string])[] = [
  ['memory', 'memory/memory.limit_in_bytes'],
  ['memory reservation', 'memory/memory.soft_limit_in_bytes'],
  ['swap', 'memory/memory.memsw.limit_in_bytes'],
  ['swappiness', 'memory/memory.swappiness'],
  ['OOM killer switch', 'memory/memory.oom_control'],
  ['CPU shares', 'cpu/cpu.shares'],
  ['CPU quota', 'cpu/cpu.cfs_quota_us'],
  ['real-time CPU', 'cpu/cpu.rt_runtime_us'],
  ['CPU sets', 'cpuset/cpuset.cpus'],
  ['process number', 'pids/cgroup.procs'],
  ['block I/O weight', 'blkio/blkio.weight'],
  ['block I/O weight of a device', 'blkio/blkio.weight_device'],
  ['block I/O rate', 'blkio/blkio.throttle.read_bps_device'],
];

/**
 * What each controller of the unified hierarchy gives. Its files are below the root only, so that a controller tells
 * (cgroup-v2 documentation); what it lacks altogether is not here: swappiness, the OOM switch, real-time CPU.
 */
const UNIFIED: Readonly<Record<string, readonly LimitKind[]>> = {
  memory: ['memory', 'memory reservation'],
  cpu: ['CPU shares', 'CPU quota'],
  cpuset: ['CPU sets'],
  pids: ['process number'],
  io: ['block I/O rate'],
};

/** Reads what this machine's cgroups can limit. `root` and `self` (the text of /proc/self/cgroup) are for tests. */
export function readCgroupSupport(root: string = ROOT, self: string = ownCgroups()): CgroupSupport {
  const controllers = read(`${root}/cgroup.controllers`);
  if (controllers !== undefined) return unifiedSupport(root, controllers, self);
  const limits = new Set(LEGACY.filter(([, file]) => existsSync(`${root}/${file}`)).map(([kind]) => kind));
  return {
    version: existsSync(`${root}/memory/cgroup.procs`) || limits.size > 0 ? 'v1' : 'none',
    limits,
    ...list('cpus', read(`${root}/cpuset/cpuset.cpus`)),
    ...list('memoryNodes', read(`${root}/cpuset/cpuset.mems`)),
  };
}

/** What containers of this process can be limited in: nothing where it may not make cgroups. */
export function cgroupSupport(): CgroupSupport {
  const machine = readCgroupSupport();
  return hostFacts().mayMakeCgroups ? machine : { ...machine, limits: new Set() };
}

function unifiedSupport(root: string, controllers: string, self: string): CgroupSupport {
  const limits = new Set(controllers.split(/\s+/).flatMap((name) => UNIFIED[name] ?? []));
  // Switched off at boot or not built in: only a cgroup below the root shows it, and this process is usually in one.
  const own = /^0::(\/.+)$/m.exec(self)?.[1];
  const shows = (file: string): boolean => own === undefined || existsSync(`${root}${own}/${file}`);
  if (limits.has('memory') && shows('memory.swap.max')) limits.add('swap');
  if (limits.has('block I/O rate') && (shows('io.weight') || shows('io.bfq.weight'))) limits.add('block I/O weight');
  if (limits.has('block I/O weight')) limits.add('block I/O weight of a device');
  return {
    version: 'v2',
    limits,
    ...list('cpus', read(`${root}/cpuset.cpus.effective`)),
    ...list('memoryNodes', read(`${root}/cpuset.mems.effective`)),
  };
}

function list<Name extends 'cpus' | 'memoryNodes'>(name: Name, text: string | undefined): Partial<CgroupSupport> {
  return text === undefined || text === '' ? {} : { [name]: text };
}

function ownCgroups(): string {
  return read('/proc/self/cgroup') ?? '';
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ENODEV')) return undefined;
    throw error;
  }
}
