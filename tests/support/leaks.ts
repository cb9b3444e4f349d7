import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * What operations must leave as it was (reliability.md P6), counted on this machine. Others work on the same machine:
 * what can be told apart by name is kept only where `marker` occurs in it (a temporary folder, an id). Interfaces and
 * firewall rules cannot: they are looked at with `network` only, in a test that has a network namespace of its own.
 */
export interface LeakSnapshot {
  /** Lines of this process's mountinfo. */
  readonly mounts: readonly string[];
  /** `/sys/fs/cgroup/…/shale-…` folders. */
  readonly cgroups: readonly string[];
  /** Network interfaces. */
  readonly interfaces: readonly string[];
  /** Firewall rules, as iptables-save prints them; empty where there is none. */
  readonly rules: readonly string[];
  /** `pid command` of processes with the marker in their command line or environment. */
  readonly processes: readonly string[];
  /** Network namespaces that a process with the marker is in. */
  readonly networkNamespaces: readonly string[];
  /** Open descriptors of this process, with what they are. */
  readonly descriptors: readonly string[];
}

export function takeLeakSnapshot(marker: string, options: { readonly network?: boolean } = {}): LeakSnapshot {
  const marked = processesWith(marker);
  return {
    mounts: lines(readFileSync('/proc/self/mountinfo', 'utf8')).filter((line) => line.includes(marker)),
    cgroups: cgroupFolders().filter((folder) => folder.includes(marker)),
    interfaces: options.network === true ? interfaces() : [],
    rules: options.network === true ? firewallRules() : [],
    processes: marked.map(({ pid, command }) => `${pid} ${command}`),
    networkNamespaces: [...new Set(marked.map(({ pid }) => link(`/proc/${pid}/ns/net`)))].toSorted(),
    descriptors: openDescriptors(),
  };
}

/** What `after` has more (or less) than `before`, one line each; empty when nothing leaked. */
export function compareLeaks(before: LeakSnapshot, after: LeakSnapshot): readonly string[] {
  const differences: string[] = [];
  for (const name of Object.keys(before) as (keyof LeakSnapshot)[]) {
    // Object.keys of a LeakSnapshot are its keys.
    const [had, has] = [new Set(before[name]), new Set(after[name])];
    for (const item of has) if (!had.has(item)) differences.push(`${name}: + ${item}`);
    if (name === 'rules') for (const item of had) if (!has.has(item)) differences.push(`${name}: - ${item}`);
  }
  return differences;
}

function cgroupFolders(): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...names(root).map((name) => `${root}/${name}`)];
  return hierarchies.flatMap((folder) =>
    names(folder)
      .filter((name) => name.startsWith('shale-'))
      .map((name) => `${folder}/${name}`),
  );
}

/** Of the namespace that this thread is in; /sys would show that of its mount. */
function interfaces(): string[] {
  return lines(readFileSync('/proc/thread-self/net/dev', 'utf8'))
    .slice(2)
    .map((line) => line.split(':', 1)[0]?.trim() ?? '');
}

function firewallRules(): string[] {
  try {
    const text = execFileSync('iptables-save', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return lines(text)
      .filter((line) => /^-A|^:NETAVARK/.test(line))
      .map((line) => line.replace(/ \[\d+:\d+\]$/, ''));
  } catch {
    return [];
  }
}

function processesWith(marker: string): { readonly pid: string; readonly command: string }[] {
  const found: { pid: string; command: string }[] = [];
  for (const pid of names('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      const inside = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      if ([command, inside, environment].some((text) => text.includes(marker))) found.push({ pid, command });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function openDescriptors(): string[] {
  return names('/proc/self/fd').flatMap((name) => {
    const target = link(`/proc/self/fd/${name}`);
    // The folder that is being listed, and what node opens once and keeps.
    return target === '' || target.startsWith('/proc/') || target.startsWith('anon_inode') ? [] : [`${name} ${target}`];
  });
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
