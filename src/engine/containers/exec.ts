import { ShaleError } from '../../base/index.ts';
import type { EngineContext } from '../context.ts';
import type { ExecRequest, Started } from '../types.ts';
import { parseSetup } from './record.ts';
import { consoleSize } from './spec.ts';
import { detachedOf, runtimeFor, stateOf } from './state.ts';

/** `shale exec`. @throws CONTAINER_NOT_FOUND, CONTAINER_NOT_RUNNING, USER_UNKNOWN */
export async function execIn(context: EngineContext, request: ExecRequest): Promise<Started> {
  const record = await context.store.containers.get(request.container);
  const runtime = runtimeFor(context);
  const setup = parseSetup(record);
  if (stateOf(context, record, runtime).kind !== 'running' || !setup.detached) {
    throw new ShaleError(
      'CONTAINER_NOT_RUNNING',
      `the container ${record.name} is not running${setup.detached ? '' : ' on its own'}`,
      { hint: 'shale ps' },
    );
  }
  const handle = await detachedOf(context, record, runtime).exec({
    args: request.command,
    env: Object.entries(request.environment).map(([name, value]) => `${name}=${value}`),
    terminal: request.terminal && !request.detach,
    detach: request.detach,
    ...consoleSize(request),
    io: request.interactive || request.terminal ? { kind: 'inherit' } : { kind: 'descriptors', stdout: 1, stderr: 2 },
    ...(request.workingDirectory !== undefined && { cwd: request.workingDirectory }),
    ...(request.user !== undefined && { user: request.user }),
  });
  const exit = handle.exit.then(async (end) => {
    await handle[Symbol.asyncDispose]();
    return end.code;
  });
  return {
    containerId: record.id,
    exit,
    kill: (signal) => void handle.kill(signal),
  };
}
