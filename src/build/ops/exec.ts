import { ShaleError } from '../../base/index.ts';
import type { ExecOp } from '../../graph/index.ts';
import type { StepInputs } from '../../solver/index.ts';
import { chainOf, withLayer } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { rootfsOf, type Operation, type Step } from './operation.ts';

/** The version of what a RUN finds around it: host name, umask, limits, streams (docs/reproducible.md). */
const SURROUNDINGS_VERSION = '1';

/** RUN: the one operation that needs a container. */
export const execOperation: Operation<ExecOp> = {
  fastInputs: async (step, session) => inputsOf(step, session),
  /** A root filesystem is named by its content already: there is nothing more to look at. */
  contentInputs: async (step, session) => inputsOf(step, session),
  async execute(step, session, context) {
    const rootfs = rootfsOf(step);
    const runner = await session.runner();
    const layer = await runner.run({
      op: step.op,
      stack: rootfs.stack,
      extraEnv: step.vertex.unkeyedEnv ?? [],
      context,
      session,
    });
    return withLayer(rootfs, layer);
  },
};

function inputsOf(step: Step<ExecOp>, session: BuildSession): StepInputs {
  const { op } = step;
  const unsupported = op.mounts.find((mount) => mount.kind !== 'inline');
  if (unsupported !== undefined)
    throw new ShaleError('OP_UNSUPPORTED', `RUN --mount=type=${unsupported.kind} is not supported`);
  const { args, env, kind: _kind, ...rest } = op;
  return new Map([
    ...session.commonInputs(),
    ['surroundings', SURROUNDINGS_VERSION],
    ['noise', session.keepNoise ? 'kept' : 'left out'],
    ['command', JSON.stringify(args)],
    ...env.map((variable): [string, string] => variableInput(variable)),
    ['settings', JSON.stringify(rest)],
    ['rootfs', chainOf(rootfsOf(step).stack)],
  ]);
}

function variableInput(variable: string): [string, string] {
  const equals = variable.indexOf('=');
  return [`env:${variable.slice(0, equals)}`, variable.slice(equals + 1)];
}
