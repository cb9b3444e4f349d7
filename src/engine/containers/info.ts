import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os';
import { isShaleError } from '../../base/index.ts';
import { hostFacts, type Runtime } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import { listContainers } from './list.ts';
import { runtimeFor } from './state.ts';
import type { SystemInfo } from './types.ts';

/** `shale info`: what there is, and what this machine is. Never fails because something is not installed. */
export async function systemInfo(context: EngineContext): Promise<SystemInfo> {
  const kinds = (await listContainers(context, { all: true })).map(({ state }) => state.kind);
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  const [running, paused] = [count('running') + count('restarting'), count('paused')];
  return {
    containers: { running, paused, stopped: kinds.length - running - paused },
    images: (await context.store.images.list()).length,
    home: context.options.home,
    cgroupVersion: hostFacts().cgroups === 'v2' ? '2' : '1',
    runtime: await runtimeOf(runtimeFor(context)),
    kernel: release(),
    operatingSystem: operatingSystem(),
    architecture: machine(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    hostname: hostname(),
  };
}

async function runtimeOf(runtime: Runtime): Promise<SystemInfo['runtime']> {
  try {
    const { kind, version } = await runtime.command();
    return { name: kind, version };
  } catch (error) {
    if (isShaleError(error, 'RUNTIME_MISSING', 'RUNTIME_FAILED', 'PROGRAM_FAILED', 'PROGRAM_TIMEOUT')) return undefined;
    throw error;
  }
}

/** As os-release(5) says it. */
function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}
