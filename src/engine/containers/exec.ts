import { randomOf, ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import type { ExecRequest, Started } from '../types.ts';
import { eventAttributes, parseSetup } from './record.ts';
import { consoleSize } from './spec.ts';
import { runtimeFor, stateOf, viewOf } from './state.ts';

/** `shale exec`. @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING, CONTAINER_PAUSED, USER_UNKNOWN */
export async function execIn(context: EngineContext, request: ExecRequest): Promise<Started> {
  const record = await context.store.containers.get(request.container);
  const runtime = runtimeFor(context);
  const state = stateOf(context, record, runtime);
  if (state.kind === 'paused')
    throw new ShaleError('CONTAINER_PAUSED', `the container ${record.name} is paused, unpause it before exec`);
  if (state.kind !== 'running') {
    throw new ShaleError('CONTAINER_NOT_RUNNING', `the container ${record.name} is not running: it is ${state.kind}`, {
      hint: `shale start ${record.name}`,
    });
  }
  const handle = await viewOf(context, record, runtime).exec({
    args: request.command,
    env: Object.entries(request.environment).map(([name, value]) => `${name}=${value}`),
    terminal: request.terminal && !request.detach,
    detach: request.detach,
    privileged: request.privileged,
    ...consoleSize(request),
    io: request.interactive || request.terminal ? { kind: 'inherit' } : { kind: 'descriptors', stdout: 1, stderr: 2 },
    ...(request.workingDirectory !== undefined && { cwd: request.workingDirectory }),
    ...(request.user !== undefined && { user: request.user }),
  });
  const execID = randomOf(32).toString('hex');
  const attributes = eventAttributes(record, parseSetup(record), { execID });
  const words = request.command.join(' ');
  const tell = (action: string, more = {}): Promise<unknown> =>
    context.store.events.append({
      type: 'container',
      action,
      subject: record.id,
      attributes: { ...attributes, ...more },
    });
  await tell(`exec_create: ${words}`);
  await tell(`exec_start: ${words}`);
  const exit = handle.exit.then(async (end) => {
    await handle[Symbol.asyncDispose]();
    if (!request.detach) await tell('exec_die', { exitCode: String(end.code) });
    return end.code;
  });
  return {
    containerId: record.id,
    exit,
    kill: (signal) => void handle.kill(signal),
  };
}
