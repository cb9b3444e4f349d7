import { isShaleError } from '../../base/index.ts';
import type { ContainerView, Runtime } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import { healthCommand } from './health-check.ts';
import { eventAttributes, formatLife, type Life, parseLife, parseSetup } from './record.ts';
import { viewOf } from './state.ts';
import type { HealthCheck, HealthResult, HealthState } from './types.ts';

const OUTPUT_BYTES_MAX = 4096;
const RESULTS_MAX = 5;
/** Docker's status of a check that was killed for its time. */
const TIMED_OUT = -1;

/** When a running container is to be checked next. */
export function nextCheckMs(check: HealthCheck, life: Life): number {
  const last = life.health?.log.at(-1)?.endedMs ?? life.startedMs;
  const isStarting = life.health?.status !== 'healthy' && last < life.startedMs + check.startPeriodMs;
  return last + (isStarting ? check.startIntervalMs : check.intervalMs);
}

/** Runs one check and writes its outcome down; a change of the status is an event. */
export async function checkHealth(
  context: EngineContext,
  id: string,
  check: HealthCheck,
  runtime: Runtime,
): Promise<void> {
  const record = await context.store.containers.get(id);
  const { starts } = parseLife(record);
  const result = await probe(viewOf(context, record, runtime), check, context.options.now);
  if (result === undefined) return;
  let before: HealthState['status'] | undefined;
  const written = await context.store.containers.update(id, (current) => {
    const life = parseLife(current);
    if (life.kind !== 'running' || life.starts !== starts) return undefined;
    before = life.health?.status;
    return { state: formatLife({ ...life, health: afterCheck(check, life, result) }) };
  });
  const after = parseLife(written).health?.status;
  if (after === undefined || after === before || before === undefined) return;
  await context.store.events.append({
    type: 'container',
    action: `health_status: ${after}`,
    subject: id,
    attributes: eventAttributes(written, parseSetup(written)),
  });
}

/** As docker: failures within the start period do not count, a success ends it. */
export function afterCheck(check: HealthCheck, life: Life, result: HealthResult): HealthState {
  const { health = { status: 'starting', failingStreak: 0, log: [] } as const } = life;
  const log = [...health.log, result].slice(-RESULTS_MAX);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const isGraced = health.status === 'starting' && result.startedMs < life.startedMs + check.startPeriodMs;
  const failingStreak = isGraced ? health.failingStreak : health.failingStreak + 1;
  return { status: failingStreak >= check.retries ? 'unhealthy' : health.status, failingStreak, log };
}

/** Undefined when the container is not running any more. */
async function probe(view: ContainerView, check: HealthCheck, now: () => number): Promise<HealthResult | undefined> {
  const startedMs = now();
  try {
    await using handle = await view.exec({ args: healthCommand(check), io: { kind: 'pipes' } });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      handle.kill('KILL');
    }, check.timeoutMs);
    const [out, error, end] = await Promise.all([take(handle.stdout), take(handle.stderr), handle.exit]);
    clearTimeout(timer);
    if (isLate) {
      const output = `Health check exceeded timeout (${check.timeoutMs / 1000}s): ${out}${error}`;
      return { startedMs, endedMs: now(), exitCode: TIMED_OUT, output };
    }
    const reason = end.kind === 'not-started' ? end.reason : '';
    return { startedMs, endedMs: now(), exitCode: end.code, output: `${out}${error}${reason}` };
  } catch (error) {
    if (!isShaleError(error, 'CONTAINER_NOT_RUNNING')) throw error;
    return undefined;
  }
}

async function take(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    if (length < OUTPUT_BYTES_MAX) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, OUTPUT_BYTES_MAX).toString('utf8');
}
