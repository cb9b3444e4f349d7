import type { LimitChange } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import { parseBytes } from '../options/bytes.ts';
import { parseCpus } from '../options/limits.ts';
import { parseNumber } from '../options/times.ts';
import type { ParsedFlags } from '../parse-flags.ts';

const text = (name: string, value: string, summary: string, short?: string): Flag => ({
  kind: 'text',
  name,
  value,
  summary,
  ...(short !== undefined && { short }),
});

/** Limits that a container is made with, and that can be changed while it runs. */
export const LIMIT_FLAGS: readonly Flag[] = [
  text('memory', 'BYTES', 'how much memory it may use', 'm'),
  text('memory-swap', 'BYTES', 'memory and swap together; -1 for any amount of swap'),
  text('memory-reservation', 'BYTES', 'what it keeps when memory is short'),
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
];

const { MAX_SAFE_INTEGER: INTEGER_MAX } = Number;

/**
 * The limits that a command line asks for; 0 and empty where it does not.
 * @throws USAGE
 */
export function limitsOf(flags: ParsedFlags): Required<LimitChange> {
  const cpus = flags.text('cpus');
  const pids = number(flags, 'pids-limit', { min: -1 });
  return {
    Memory: bytes(flags, 'memory'),
    MemorySwap: flags.text('memory-swap') === '-1' ? -1 : bytes(flags, 'memory-swap'),
    MemoryReservation: bytes(flags, 'memory-reservation'),
    NanoCpus: cpus === undefined ? 0 : parseCpus(cpus),
    CpuShares: number(flags, 'cpu-shares'),
    CpuPeriod: number(flags, 'cpu-period'),
    CpuQuota: number(flags, 'cpu-quota', { min: -1 }),
    CpuRealtimePeriod: number(flags, 'cpu-rt-period'),
    CpuRealtimeRuntime: number(flags, 'cpu-rt-runtime'),
    CpusetCpus: flags.text('cpuset-cpus') ?? '',
    CpusetMems: flags.text('cpuset-mems') ?? '',
    PidsLimit: pids > 0 ? pids : null,
    BlkioWeight: number(flags, 'blkio-weight', { max: 1000 }),
  };
}

/** Those that are to change: 0 and empty mean, as for docker, that a limit stays; of processes, that there is none. */
export function limitChangeOf(flags: ParsedFlags): LimitChange {
  const asked = Object.entries(limitsOf(flags)).filter(([name, value]) =>
    name === 'PidsLimit' ? flags.given('pids-limit') : value !== 0 && value !== '',
  );
  return Object.fromEntries(asked);
}

function bytes(flags: ParsedFlags, name: string): number {
  const value = flags.text(name);
  return value === undefined ? 0 : parseBytes(`--${name}`, value);
}

function number(
  flags: ParsedFlags,
  name: string,
  { min = 0, max = INTEGER_MAX }: { readonly min?: number; readonly max?: number } = {},
): number {
  const value = flags.text(name);
  return value === undefined ? 0 : parseNumber(`--${name}`, value, { min, max });
}
