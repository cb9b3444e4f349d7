import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a container without a cgroup is known by: its processes are those of a pid namespace. */
export interface ProcessReading {
  readonly pid: number;
  /** `T`: stopped. `Z`: ended (proc(5), /proc/PID/stat). */
  readonly state: string;
  /** User and system time, of itself and its threads. */
  readonly cpuNs: number;
  readonly residentBytes: number;
}

/** USER_HZ, the unit of times in /proc on every architecture that Linux runs on. */
const TICK_NS = 1e9 / 100;
const PAGE_BYTES = 4096;

/**
 * The processes of the pid namespace whose process 1 `init` is, in the order of their pids; `init` alone where it is in a
 * namespace of others (`--pid host`). Namespaces made inside the container are not looked into.
 */
export function processesWith(init: number): readonly ProcessReading[] {
  const namespace = linkOf(init);
  const pids = namespace === undefined || !isFirst(init) ? [init] : pidsIn(namespace);
  return pids.flatMap((pid) => readProcess(pid) ?? []);
}

/** A process, while it is there. */
export function readProcess(pid: number): ProcessReading | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const number = (field: number): number => Number(fields[field - 3] ?? 0);
    return {
      pid,
      state: fields[0] ?? '',
      cpuNs: (number(14) + number(15)) * TICK_NS,
      residentBytes: number(24) * PAGE_BYTES,
    };
  } catch {
    return undefined;
  }
}

function pidsIn(namespace: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && linkOf(Number(name)) === namespace)
    .map(Number)
    .toSorted((a, b) => a - b);
}

function linkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function isFirst(pid: number): boolean {
  try {
    return /^NSpid:.*\s1$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}
