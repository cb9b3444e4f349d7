import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from './types.ts';

export interface Sample {
  readonly wallSeconds: number;
  /** User and system time of the command and its children; undefined where GNU time is absent. */
  readonly cpuSeconds: number | undefined;
  /** Largest resident size of any one process of the command. */
  readonly peakBytes: number | undefined;
  /** The same of the daemons that worked for it, added up. */
  readonly daemonPeakBytes: number | undefined;
}

const TIME = '/usr/bin/time';

/** Runs a command once. Its output is thrown away, unless it fails. @throws when it fails */
export function measure(command: Command, daemonPidFile: string | undefined): Sample {
  const daemons = daemonPidFile === undefined ? [] : processTree(daemonPidFile);
  for (const pid of daemons) resetPeak(pid);
  const folder = mkdtempSync(join(tmpdir(), 'shale-bench-'));
  try {
    const report = join(folder, 'time');
    const timed = existsSync(TIME) ? [TIME, '-q', '-f', '%U %S %M', '-o', report, '--', ...command.args] : command.args;
    const begin = process.hrtime.bigint();
    run({ ...command, args: timed });
    const wallSeconds = Number(process.hrtime.bigint() - begin) / 1e9;
    const [user, system, kilobytes] = existsSync(report) ? readFileSync(report, 'utf8').trim().split(' ') : [];
    return {
      wallSeconds,
      cpuSeconds: user === undefined ? undefined : Number(user) + Number(system),
      peakBytes: kilobytes === undefined ? undefined : Number(kilobytes) * 1024,
      daemonPeakBytes: daemons.length === 0 ? undefined : daemons.reduce((sum, pid) => sum + peakOf(pid), 0),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a command to its end. @throws when it fails, unless that is allowed */
export function run(command: Command, options: { readonly mayFail?: boolean } = {}): string {
  const [program = '', ...args] = command.args;
  const result = spawnSync(program, args, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (result.status !== 0 && options.mayFail !== true)
    throw new Error(`${command.args.join(' ')}: ${result.error?.message ?? result.stderr.trim().slice(-300)}`);
  return result.stdout ?? '';
}

/** A daemon and everything that it has started. */
function processTree(pidFile: string): number[] {
  const root = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (root === 0) return [];
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // It has ended.
  }
}

/** 5: "reset the peak resident set size" (proc(5), clear_refs). */
function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // It has ended.
  }
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has ended.
  }
}
