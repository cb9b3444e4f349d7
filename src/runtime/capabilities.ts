import { readFileSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import type { Capabilities } from './types.ts';

/** In the order of their numbers (capability.h), without `CAP_`. */
const NAMES: readonly string[] =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(/\s+/);

/** Docker's fourteen. */
const DEFAULT: readonly string[] = `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`.split(/\s+/);

/**
 * The names (with `CAP_`) that a container gets, in the order of their numbers, never more than `available`.
 * As docker: with `ALL` added, everything but what is dropped; with `ALL` dropped, only what is added.
 * @throws CAPABILITY_UNKNOWN for a name that no kernel has.
 */
export function grantedCapabilities(wish: Capabilities, available: ReadonlySet<string>): string[] {
  const granted = wish.kind === 'privileged' ? new Set(NAMES) : merge(names(wish.add ?? []), names(wish.drop ?? []));
  return NAMES.filter((name) => granted.has(name) && available.has(`CAP_${name}`)).map((name) => `CAP_${name}`);
}

function merge(add: ReadonlySet<string>, drop: ReadonlySet<string>): Set<string> {
  const base = add.has('ALL') ? NAMES : drop.has('ALL') ? [] : DEFAULT.filter((name) => !drop.has(name));
  const kept = add.has('ALL') ? base.filter((name) => !drop.has(name)) : [...base, ...add];
  return new Set(kept);
}

function names(list: readonly string[]): Set<string> {
  return new Set(list.map(parseName));
}

function parseName(text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name !== 'ALL' && !NAMES.includes(name)) {
    throw new ShaleError('CAPABILITY_UNKNOWN', `there is no capability ${JSON.stringify(text)}`, {
      data: { name: text },
    });
  }
  return name;
}

/** What this process may hand on: its bounding set, from /proc/self/status. */
export function boundingSet(status: string = readFileSync('/proc/self/status', 'latin1')): Set<string> {
  const hex = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const mask = BigInt(`0x${hex}`);
  return new Set(NAMES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n).map((name) => `CAP_${name}`));
}
