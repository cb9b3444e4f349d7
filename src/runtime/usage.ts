import { readdirSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { cgroupFolders } from './cgroups.ts';
import { processesWith } from './namespace-processes.ts';
import type { Pausable } from './pausing.ts';
import type { UsageReading } from './types.ts';

/** Reads what is there: files that a kernel or hierarchy does not have count as 0. */
export function readUsage(container: Pausable, pid: number): UsageReading {
  const folders = cgroupFolders(container.id, container.cgroupParent);
  if (folders.length === 0) return usageOfProcesses(pid);
  const stat = (name: string): ReadonlyMap<string, number> => table(firstText(folders, name));
  const [blockReadBytes, blockWriteBytes] = blockIo(folders);
  return {
    cpuNs: firstNumber(folders, 'cpuacct.usage') ?? (stat('cpu.stat').get('usage_usec') ?? 0) * 1000,
    ...memory(folders, stat('memory.stat')),
    blockReadBytes,
    blockWriteBytes,
    ...network(pid),
    processes: firstNumber(folders, 'pids.current') ?? pidsOf(container).length,
  };
}

/** What can be told without a cgroup: of the processes that are there now, and with the pages that several share. */
function usageOfProcesses(init: number): UsageReading {
  const processes = processesWith(init);
  return {
    cpuNs: processes.reduce((sum, { cpuNs }) => sum + cpuNs, 0),
    memoryBytes: processes.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    memoryLimitBytes: totalmem(),
    blockReadBytes: 0,
    blockWriteBytes: 0,
    ...network(init),
    processes: processes.length,
  };
}

/** The host's pids of all processes in the container, in their order. */
export function pidsOf({ id, cgroupParent, init }: Pausable): readonly number[] {
  const folders = cgroupFolders(id, cgroupParent);
  if (folders.length === 0 && init !== undefined) return processesWith(init).map(({ pid }) => pid);
  const pids = new Set<number>();
  for (const folder of folders) collect(folder, pids, 8);
  return [...pids].toSorted((a, b) => a - b);
}

function collect(folder: string, pids: Set<number>, depthMax: number): void {
  for (const line of text(`${folder}/cgroup.procs`).split('\n')) if (/^[1-9]\d*$/.test(line)) pids.add(Number(line));
  if (depthMax === 0) return;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) collect(`${folder}/${entry.name}`, pids, depthMax - 1);
  } catch {
    // It ended meanwhile.
  }
}

/** As docker counts: without pages that are only cached and not in use. */
function memory(
  folders: readonly string[],
  stat: ReadonlyMap<string, number>,
): Pick<UsageReading, 'memoryBytes' | 'memoryLimitBytes'> {
  const used = firstNumber(folders, 'memory.usage_in_bytes') ?? firstNumber(folders, 'memory.current') ?? 0;
  const idle = stat.get('total_inactive_file') ?? stat.get('inactive_file') ?? 0;
  const limit = firstNumber(folders, 'memory.limit_in_bytes') ?? firstNumber(folders, 'memory.max') ?? Infinity;
  return { memoryBytes: Math.max(0, used - idle), memoryLimitBytes: Math.min(limit, totalmem()) };
}

function blockIo(folders: readonly string[]): readonly [number, number] {
  const sums = { read: 0, write: 0 };
  for (const line of firstText(folders, 'io.stat').split('\n')) {
    sums.read += Number(/\brbytes=(\d+)/.exec(line)?.[1] ?? 0);
    sums.write += Number(/\bwbytes=(\d+)/.exec(line)?.[1] ?? 0);
  }
  for (const line of firstText(folders, 'blkio.throttle.io_service_bytes').split('\n')) {
    sums.read += Number(/ Read (\d+)/.exec(line)?.[1] ?? 0);
    sums.write += Number(/ Write (\d+)/.exec(line)?.[1] ?? 0);
  }
  return [sums.read, sums.write];
}

/** All interfaces of its network namespace but the loopback. */
function network(pid: number): Pick<UsageReading, 'networkInBytes' | 'networkOutBytes'> {
  const sums = { networkInBytes: 0, networkOutBytes: 0 };
  for (const line of text(`/proc/${pid}/net/dev`).split('\n').slice(2)) {
    const [name = '', counters = ''] = line.split(':');
    if (name.trim() === 'lo') continue;
    const numbers = counters.trim().split(/\s+/).map(Number);
    sums.networkInBytes += numbers[0] ?? 0;
    sums.networkOutBytes += numbers[8] ?? 0;
  }
  return sums;
}

function firstNumber(folders: readonly string[], name: string): number | undefined {
  const found = firstText(folders, name).trim();
  return /^\d+$/.test(found) ? Number(found) : undefined;
}

function firstText(folders: readonly string[], name: string): string {
  for (const folder of folders) {
    const found = text(`${folder}/${name}`);
    if (found !== '') return found;
  }
  return '';
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** `name number` lines. */
function table(lines: string): ReadonlyMap<string, number> {
  return new Map(
    lines.split('\n').flatMap((line): [string, number][] => {
      const [name, number] = line.split(' ');
      return name === undefined || number === undefined ? [] : [[name, Number(number)]];
    }),
  );
}
