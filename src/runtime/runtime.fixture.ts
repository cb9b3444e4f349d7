import { execFileSync } from 'node:child_process';
import { accessSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { collect } from '../base/index.ts';
import { CLONE, unshare } from '../sys/index.ts';
import { withNetworkLock } from './leases.ts';
import { findNetavark } from './netavark.ts';
import { noNetwork } from './networks-basic.ts';
import { openPlainHost } from './plain-host.ts';
import { openRuntime } from './runtime.ts';
import type { ContainerExit, ContainerHandle, ExecHandle, Runtime, RunSpec } from './types.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const shared = process.env['SHALE_SHARED'] ?? `${repository}/../shared`;
const archive = `${shared}/fixtures/busybox-rootfs.tar.gz`;

/** Why tests of containers cannot run here; false when they can. */
export function containersMissing(...programs: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(archive)) return `needs the fixture ${archive.slice(repository.length)} (SHALE_SHARED)`;
  for (const program of ['runc', 'unshare', 'setpriv', ...programs]) {
    if (program === 'netavark' ? !hasNetavark() : !hasProgram(program)) return `needs the program ${program}`;
  }
  return false;
}

function hasNetavark(): boolean {
  try {
    return findNetavark() !== '';
  } catch {
    return false;
  }
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(`${folder}/${name}`);
      return true;
    } catch {
      return false;
    }
  });
}

/** A temporary world: a run folder, a rootfs of busybox, a runtime. */
export interface World extends Disposable {
  readonly folder: string;
  readonly rootfs: string;
  readonly runRoot: string;
  readonly runtime: Runtime;
  /** Occurs in every id and path of this world. */
  readonly marker: string;
  /** A spec for `args`, with an id of its own. */
  spec(args: readonly string[], more?: Partial<RunSpec>): RunSpec;
}

export function openWorld(options: { readonly command?: string; readonly commandTimeoutMs?: number } = {}): World {
  const folder = mkdtempSync(`${tmpdir()}/shale-runtime-`);
  const marker = folder.slice(folder.lastIndexOf('-') + 1);
  const rootfs = `${folder}/rootfs`;
  const runRoot = `${folder}/run`;
  mkdirSync(rootfs);
  execFileSync('tar', ['-xzf', archive, '-C', rootfs]);
  chmodSync(rootfs, 0o755);
  let count = 0;
  return {
    folder,
    rootfs,
    runRoot,
    marker,
    runtime: openRuntime({ host: openPlainHost(), runRoot, ...options }),
    spec: (args, more = {}) => ({
      id: `${marker}-${++count}`,
      rootfs: { path: rootfs, access: rootfs },
      args,
      env: [],
      hostname: 'shale',
      network: noNetwork,
      ...more,
    }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Outcome {
  readonly exit: ContainerExit;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs to the end, with all that it wrote. */
export async function outcomeOf(handle: ContainerHandle | ExecHandle): Promise<Outcome> {
  const [stdout, stderr] = await Promise.all([
    collect(handle.stdout, OUTPUT_BYTES_MAX, 'stdout'),
    collect(handle.stderr, OUTPUT_BYTES_MAX, 'stderr'),
  ]);
  return { exit: await handle.exit, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') };
}

/** Runs `args` in a container of `world`. */
export async function runIn(world: World, args: readonly string[], more: Partial<RunSpec> = {}): Promise<Outcome> {
  return outcomeOf(await world.runtime.run(world.spec(args, more), { kind: 'pipes' }));
}

/**
 * Puts this thread, and what it starts from now on, into a network namespace of its own: tests of bridges neither see
 * nor change the machine's firewall, and do not meet each other. For test files that run in a process of their own.
 */
export function isolateNetwork(): void {
  unshare(CLONE.NEWNET);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}

/** Waits until what is taken off bridges in the background is gone. */
export async function settleNetworks(world: World): Promise<void> {
  await withNetworkLock(`${world.runRoot}/networks`, () => sleep(50));
}
