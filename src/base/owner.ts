import { readFileSync } from 'node:fs';

/** A process as the store remembers it. A pid alone is never enough: pids are reused, also across boots. */
export interface Owner {
  readonly bootId: string;
  readonly pid: number;
  /** Clock ticks after boot at which it started (field 22 of /proc/PID/stat), as text. */
  readonly startTime: string;
}

let cached: Owner | undefined;

/** This process. */
export function thisOwner(): Owner {
  cached ??= { bootId: bootId(), pid: process.pid, startTime: startTimeOf(process.pid) ?? '0' };
  return cached;
}

/** The owner record of a running process; undefined when there is none with that pid. */
export function ownerOf(pid: number): Owner | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { bootId: bootId(), pid, startTime };
}

/** True while the very process that `owner` names is running (a zombie is not). */
export function isAlive(owner: Owner): boolean {
  return owner.bootId === bootId() && startTimeOf(owner.pid) === owner.startTime;
}

let boot: string | undefined;

/** The kernel's id of this boot; `SHALE_BOOT_ID` stands in for it in tests. */
export function bootId(): string {
  boot ??= process.env['SHALE_BOOT_ID'] ?? readBootId();
  return boot;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return 'no-boot-id';
  }
}

function startTimeOf(pid: number): string | undefined {
  try {
    // UTF-8, which Node reads in a fifth of the time of latin1: commands look at every process that runs.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
