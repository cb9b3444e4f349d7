import { ShaleError } from '../../base/index.ts';
import { type CgroupSupport, cgroupSupport, type Resources } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import { ensureKeeper, needsKeeper } from './keeper-process.ts';
import { changeLimits, fitLimits } from './limits.ts';
import { type ContainerSetup, eventAttributes, formatSetup, parseLife, parseSetup } from './record.ts';
import { runtimeFor, settle, viewOf } from './state.ts';
import { hostConfigOf } from './surroundings.ts';
import type { LimitChange, UpdateRequest } from './types.ts';

/**
 * Changes the limits of a container and how it is kept: now where it runs, and for its next starts. Gives what this
 * machine cannot do of it, a sentence each. When the kernel refuses a limit nothing is changed.
 * @throws CONTAINER_NOT_FOUND, UPDATE_INVALID, LIMIT_INVALID, LIMIT_FAILED
 */
export async function updateContainer(
  context: EngineContext,
  name: string,
  request: UpdateRequest,
): Promise<readonly string[]> {
  const record = await context.store.containers.get(name);
  const setup = parseSetup(record);
  checkRestart(record.name, setup, request);
  const support = cgroupSupport();
  const { limits } = request;
  const fitted =
    limits === undefined ? undefined : fitLimits(hostConfigOf(withChanges(setup, { limits }).request), support);
  const runtime = runtimeFor(context);
  const { kind } = await settle(context, record, runtime);
  if (limits !== undefined && fitted !== undefined && kind === 'running')
    await viewOf(context, record, runtime).setLimits({ ...fitted.resources, ...lifted(limits, support) });
  const after = await context.store.containers.update(
    record.id,
    (before) => ({ config: formatSetup(withChanges(parseSetup(before), request)) }),
    { action: 'update', attributes: eventAttributes(record, setup) },
  );
  const isUp = ['running', 'starting', 'restarting'].includes(parseLife(after).kind);
  if (isUp && needsKeeper(parseSetup(after))) await ensureKeeper(context);
  return fitted?.warnings ?? [];
}

function checkRestart(name: string, setup: ContainerSetup, { restart }: UpdateRequest): void {
  if (restart === undefined || restart.kind === 'no' || !setup.request.removeWhenDone) return;
  throw new ShaleError('UPDATE_INVALID', `the container ${name} is removed when it is done (--rm)`);
}

function withChanges(setup: ContainerSetup, { restart, limits }: UpdateRequest): ContainerSetup {
  const { request } = setup;
  const asked = limits === undefined ? {} : changeLimits(hostConfigOf(request), limits);
  return {
    ...setup,
    restart: restart ?? setup.restart,
    request: { ...request, hostConfig: { ...request.hostConfig, ...asked } },
  };
}

/** At a start a limit that is not named is none; a running container keeps it. */
function lifted({ PidsLimit }: LimitChange, support: CgroupSupport): Resources {
  return PidsLimit === null && support.limits.has('process number') ? { pidsMax: -1 } : {};
}
