import { cpus } from 'node:os';
import { ShaleError } from '../../base/index.ts';
import {
  blockDevice,
  type CgroupSupport,
  isCgroupParent,
  type LimitKind,
  type Resources,
} from '../../runtime/index.ts';
import type { HostConfig } from '../host-config.ts';
import type { LimitChange } from './types.ts';

/** Less than this and the runtime itself does not fit (docker's limit). */
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;
const NANO = 1e9;
/** The kernel's, in microseconds. */
const PERIOD_US = { min: 1000, max: 1_000_000 };
const SHARES_MIN = 2;

export interface FittedLimits {
  readonly resources: Resources;
  /** What was asked for and this kernel cannot do, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The limits of a container as the runtime takes them. What the kernel cannot do is left out with a warning, as docker
 * does; what cannot be meant is refused.
 * @throws LIMIT_INVALID, DEVICE_INVALID
 */
export function fitLimits(host: HostConfig, support: CgroupSupport): FittedLimits {
  checkLimits(host, support);
  const warnings: string[] = [];
  const can = (kind: LimitKind, asked: boolean, loss = 'the limit is not set'): boolean => {
    if (asked && !support.limits.has(kind))
      warnings.push(`the cgroups of this machine do not support ${kind}: ${loss}`);
    return asked && support.limits.has(kind);
  };
  const resources: Resources = {
    ...memoryLimits(host, can),
    ...cpuLimits(host, can),
    ...ioLimits(host, can),
    ...(host.PidsLimit !== null && can('process number', true) && { pidsMax: host.PidsLimit }),
  };
  if (host.OomKillDisable && host.Memory === 0) {
    warnings.push('the container is not killed for lack of memory and has no limit: the machine can run out of it');
  }
  return { resources, warnings };
}

type Can = (kind: LimitKind, asked: boolean, loss?: string) => boolean;

function memoryLimits(host: HostConfig, can: Can): Resources {
  const limited = can('memory', host.Memory > 0);
  const swap = swapOf(host);
  return {
    ...(limited && { memoryBytes: host.Memory }),
    ...(limited && can('swap', true, 'the memory is limited, and swap is not') && { memorySwapBytes: swap }),
    ...(can('memory reservation', host.MemoryReservation > 0) && { memoryReservationBytes: host.MemoryReservation }),
    ...(host.MemorySwappiness !== null && can('swappiness', true) && { memorySwappiness: host.MemorySwappiness }),
    ...(can('OOM killer switch', host.OomKillDisable) && { oomKillDisable: true }),
  };
}

function cpuLimits(host: HostConfig, can: Can): Resources {
  return {
    ...(can('CPU quota', host.NanoCpus > 0) && { cpus: host.NanoCpus / NANO }),
    ...(can('CPU shares', host.CpuShares > 0) && { cpuShares: Math.max(host.CpuShares, SHARES_MIN) }),
    ...(can('CPU quota', host.CpuQuota !== 0) && { cpuQuotaUs: host.CpuQuota }),
    ...(can('CPU quota', host.CpuPeriod > 0) && { cpuPeriodUs: host.CpuPeriod }),
    ...(can('real-time CPU', host.CpuRealtimePeriod > 0) && { cpuRealtimePeriodUs: host.CpuRealtimePeriod }),
    ...(can('real-time CPU', host.CpuRealtimeRuntime > 0) && { cpuRealtimeRuntimeUs: host.CpuRealtimeRuntime }),
    ...(can('CPU sets', host.CpusetCpus !== '') && { cpusetCpus: host.CpusetCpus }),
    ...(can('CPU sets', host.CpusetMems !== '') && { cpusetMems: host.CpusetMems }),
  };
}

function ioLimits(host: HostConfig, can: Can): Resources {
  const kinds = [
    ['readBps', host.BlkioDeviceReadBps],
    ['writeBps', host.BlkioDeviceWriteBps],
    ['readIops', host.BlkioDeviceReadIOps],
    ['writeIops', host.BlkioDeviceWriteIOps],
  ] as const;
  const asked = kinds.filter(([, rates]) => rates.length > 0);
  const rates = asked.map(([kind, list]) => [
    kind,
    list.map(({ Path, Rate }) => ({ ...blockDevice(Path), rate: Rate })),
  ]);
  const weights = host.BlkioWeightDevice;
  return {
    ...(can('block I/O weight', host.BlkioWeight > 0) && { blkioWeight: host.BlkioWeight }),
    ...(can('block I/O weight of a device', weights.length > 0) && {
      blkioWeightDevices: weights.map(({ Path, Weight }) => ({ ...blockDevice(Path), weight: Weight })),
    }),
    ...(can('block I/O rate', asked.length > 0) && { blkioRates: Object.fromEntries(rates) }),
  };
}

/** @throws LIMIT_INVALID for what is no path of names: empty, the root itself, one that climbs out. */
export function checkCgroupParent(path: string): void {
  if (isCgroupParent(path)) return;
  throw new ShaleError('LIMIT_INVALID', `${JSON.stringify(path)} is not the path of a cgroup`, {
    hint: '--cgroup-parent takes a path from the root of the hierarchies, as /ci/builds',
  });
}

/**
 * What a change of limits makes of those that a container has: with memory alone, memory and swap together stay what they
 * are, as docker has it.
 * @throws LIMIT_INVALID when the two would contradict each other
 */
export function changeLimits(host: HostConfig, change: LimitChange): LimitChange {
  const memorySwap = swapOf(host);
  if (change.Memory === undefined || change.MemorySwap !== undefined || memorySwap === 0) return change;
  if (memorySwap > 0 && change.Memory > memorySwap) {
    throw new ShaleError('LIMIT_INVALID', 'the memory limit would be above the limit of memory and swap together', {
      hint: 'change that at the same time: --memory-swap',
    });
  }
  return { ...change, MemorySwap: memorySwap };
}

/** Memory and swap together. As docker: as much swap as memory when nothing is said. */
function swapOf({ Memory, MemorySwap }: HostConfig): number {
  return MemorySwap === 0 ? Memory * 2 : MemorySwap;
}

function checkLimits(host: HostConfig, support: CgroupSupport): void {
  checkMemory(host);
  checkCpu(host);
  checkSet('CPUs', host.CpusetCpus, support.cpus);
  checkSet('memory nodes', host.CpusetMems, support.memoryNodes);
  if (host.BlkioWeight !== 0 && (host.BlkioWeight < 10 || host.BlkioWeight > 1000)) {
    throw invalid(`the weight ${host.BlkioWeight} for block I/O is not between 10 and 1000`);
  }
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw invalid(`the OOM score ${host.OomScoreAdj} is not between -1000 and 1000`);
  }
}

function checkMemory({ Memory, MemorySwap, MemoryReservation }: HostConfig): void {
  if (Memory !== 0 && Memory < MEMORY_BYTES_MIN) throw invalid('the memory limit is below 6 MiB, the least possible');
  if (MemoryReservation !== 0 && MemoryReservation < MEMORY_BYTES_MIN) {
    throw invalid('the memory reservation is below 6 MiB, the least possible');
  }
  if (MemorySwap > 0 && Memory === 0) throw invalid('a limit of memory and swap needs a limit of memory');
  if (MemorySwap > 0 && MemorySwap < Memory) {
    throw invalid('the limit of memory and swap together is below the limit of memory');
  }
  if (Memory > 0 && MemoryReservation > Memory) throw invalid('the memory reservation is above the memory limit');
}

function checkCpu({ NanoCpus, CpuPeriod, CpuQuota, CpuRealtimePeriod, CpuRealtimeRuntime }: HostConfig): void {
  const count = cpus().length;
  if (NanoCpus !== 0 && (NanoCpus < NANO / 100 || NanoCpus > count * NANO)) {
    throw invalid(`${NanoCpus / NANO} CPUs cannot be given: from 0.01 to ${count}, which this machine has`);
  }
  if (NanoCpus !== 0 && (CpuPeriod !== 0 || CpuQuota !== 0)) {
    throw invalid('a number of CPUs cannot be given together with a CPU period or quota');
  }
  if (CpuPeriod !== 0 && (CpuPeriod < PERIOD_US.min || CpuPeriod > PERIOD_US.max)) {
    throw invalid(`a CPU period is from ${PERIOD_US.min} to ${PERIOD_US.max} microseconds, not ${CpuPeriod}`);
  }
  if (CpuQuota > 0 && CpuQuota < PERIOD_US.min) {
    throw invalid(`a CPU quota is at least ${PERIOD_US.min} microseconds, not ${CpuQuota}`);
  }
  if (CpuRealtimePeriod > 0 && CpuRealtimeRuntime > CpuRealtimePeriod) {
    throw invalid('the real-time runtime is longer than its period');
  }
}

function checkSet(what: string, asked: string, available: string | undefined): void {
  if (asked === '') return;
  const wanted = parseSet(asked);
  if (wanted === undefined) throw invalid(`${JSON.stringify(asked)} is no list of ${what}, as 0-2,4`);
  const there = available === undefined ? undefined : parseSet(available);
  if (there !== undefined && !wanted.isSubsetOf(there)) {
    throw invalid(`the ${what} ${asked} are not all there: this machine has ${available}`);
  }
}

const SET_MAX = 8192;

/** `0-2,4`, as cpuset(7) writes lists. */
function parseSet(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || last < first || last > SET_MAX) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

function invalid(why: string): ShaleError {
  return new ShaleError('LIMIT_INVALID', why);
}
