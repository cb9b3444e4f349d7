import type { ExecOp } from '../../graph/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import type { StepInputs } from '../../solver/index.ts';
import { requireRunnable } from '../exec/emulation.ts';
import { watchedStep } from '../exec/traffic.ts';
import { chainOf, withLayer } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { mountInputs } from './bind-source.ts';
import { inputsWith } from './describe.ts';
import { rootfsOf, type Operation, type Step } from './operation.ts';

/** The version of what a RUN finds around it: host name, umask, limits, streams (docs/reproducible.md). */
const SURROUNDINGS_VERSION = '1';

/** RUN: the one operation that needs a container. */
export const execOperation: Operation<ExecOp> = {
  fastInputs: (step, session) => inputsOf(step, session, 'definition'),
  /** A root filesystem is named by its content already: only mounted files are left to look at. */
  contentInputs: (step, session) => inputsOf(step, session, 'content'),
  async execute(step, session, context) {
    const rootfs = rootfsOf(step);
    requireRunnable(step.vertex.platform, hostPlatform());
    const runner = await session.runner();
    const layer = await runner.run({
      step,
      stack: rootfs.stack,
      extraEnv: step.vertex.unkeyedEnv ?? [],
      context,
      session,
    });
    return withLayer(rootfs, layer);
  },
};

async function inputsOf(step: Step<ExecOp>, session: BuildSession, by: 'definition' | 'content'): Promise<StepInputs> {
  const { args, env, kind: _kind, ...rest } = step.op;
  // Where a host's name leads is the machine's; that the step knows the name is the step's.
  const settings = { ...rest, extraHosts: rest.extraHosts.map(({ host }) => host) };
  const mounts = await mountInputs(step, session, by);
  const some: (readonly [name: string, value: string])[] = [
    ...session.commonInputs(),
    ['surroundings', SURROUNDINGS_VERSION],
    ['noise', session.keepNoise ? 'kept' : 'left out'],
    ['command', JSON.stringify(args)],
    ...env.map((variable): [string, string] => variableInput(variable)),
    ['settings', JSON.stringify(settings)],
    ['rootfs', chainOf(rootfsOf(step).stack)],
    ...(step.op.network === 'default' ? (session.traffic?.inputsOf(watchedStep(step)) ?? []) : []),
  ];
  return inputsWith([...some, ...mounts.some], ...mounts.files);
}

function variableInput(variable: string): [string, string] {
  const equals = variable.indexOf('=');
  return [`env:${variable.slice(0, equals)}`, variable.slice(equals + 1)];
}
