import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';
import type { ContainerView, UsageReading } from '../../runtime/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { eventAttributes, parseSetup } from './record.ts';
import { isUp, runtimeFor, settleState, viewOf } from './state.ts';
import type { ContainerStats, ProcessList } from './types.ts';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Of `ps`, for programs whose arguments do not choose columns. */
const PS_DEFAULT: readonly string[] = ['-ef'];

/**
 * `shale top`: what `ps` of the host says of the container's processes. The output must have a column PID.
 * @throws CONTAINER_NOT_RUNNING, PS_FAILED
 */
export async function processesOf(
  context: EngineContext,
  name: string,
  psArguments: readonly string[],
): Promise<ProcessList> {
  const record = await context.store.containers.get(name);
  const runtime = runtimeFor(context);
  const state = await settleState(context, record, runtime);
  if (!isUp(state))
    throw new ShaleError('CONTAINER_NOT_RUNNING', `the container ${record.name} is not running: it is ${state.kind}`);
  const args = psArguments.length === 0 ? PS_DEFAULT : psArguments;
  const { execFile } = await import('node:child_process');
  const options = { maxBuffer: OUTPUT_BYTES_MAX, env: { PATH: '/usr/bin:/bin' } };
  const { stdout } = await promisify(execFile)('ps', [...args], options).catch((cause: unknown) => {
    const missing = isSystemError(cause, 'ENOENT') && { hint: 'install it: apt-get install procps' };
    throw new ShaleError('PS_FAILED', `ps ${args.join(' ')} failed: ${messageOf(cause)}`, { cause, ...missing });
  });
  const list = selectProcesses(stdout, new Set(viewOf(context, record, runtime).processes()));
  await context.store.events.append({
    type: 'container',
    action: 'top',
    subject: record.id,
    attributes: eventAttributes(record, parseSetup(record)),
  });
  return list;
}

/** Rows of `ps` whose PID is one of `pids`; the last column takes the rest of its line. @throws PS_FAILED */
export function selectProcesses(output: string, pids: ReadonlySet<number>): ProcessList {
  const [header = '', ...lines] = output.trimEnd().split('\n');
  const titles = header.trim().split(/\s+/);
  const column = titles.indexOf('PID');
  if (column < 0) throw new ShaleError('PS_FAILED', 'the output of ps has no column PID', { hint: 'add -o pid' });
  const processes = lines.map((line) => splitRow(line, titles.length)).filter((row) => pids.has(Number(row[column])));
  return { titles, processes };
}

function splitRow(line: string, columns: number): string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, columns - 1), words.slice(columns - 1).join(' ')];
}

/** `shale stats`: readings `overMs` apart; of those that run, or of those that are named. */
export async function statsOf(
  context: EngineContext,
  names: readonly string[],
  options: { readonly overMs: number; readonly all: boolean },
): Promise<ContainerStats[]> {
  const runtime = runtimeFor(context);
  const { containers } = context.store;
  const records =
    names.length === 0 ? await containers.list() : await Promise.all(names.map((name) => containers.get(name)));
  const found: { record: ContainerRecord; view: ContainerView; first: UsageReading | undefined }[] = [];
  for (const record of records) {
    const state = await settleState(context, record, runtime);
    const view = viewOf(context, record, runtime);
    const first = isUp(state) ? view.usage() : undefined;
    if (first !== undefined || names.length > 0 || options.all) found.push({ record, view, first });
  }
  const begun = performance.now();
  await sleep(options.overMs);
  const passedNs = (performance.now() - begun) * 1e6;
  return found.map(({ record, view, first }) => {
    const { cpuNs, ...rest } = (first === undefined ? undefined : view.usage()) ?? NOTHING;
    const cpuShare = first === undefined ? 0 : Math.max(0, cpuNs - first.cpuNs) / passedNs;
    return { id: record.id, name: record.name, cpuShare, ...rest };
  });
}

const NOTHING: UsageReading = {
  cpuNs: 0,
  memoryBytes: 0,
  memoryLimitBytes: 0,
  blockReadBytes: 0,
  blockWriteBytes: 0,
  networkInBytes: 0,
  networkOutBytes: 0,
  processes: 0,
};
