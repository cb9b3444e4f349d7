import { invariant } from '../../base/index.ts';
import type { Op, SquashOp } from '../../graph/index.ts';
import { squashLayers } from '../../layers/index.ts';
import type { StepInputs } from '../../solver/index.ts';
import { chainOf, withLayer, type RootfsResult } from '../result.ts';
import type { BuildSession } from '../session.ts';
import { rootfsOf, type Operation, type Step } from './operation.ts';

/** SQUASH: several layers become one with the same files. Two chains are all that it depends on. */
export const squashOperation: Operation<SquashOp> = {
  fastInputs: async (step, session) => inputsOf(step, session),
  contentInputs: async (step, session) => inputsOf(step, session),
  async execute(step, session, context) {
    const below = belowOf(step);
    const { stack } = rootfsOf(step);
    const layer = await squashLayers(session.layers, stack, { below: below.stack.length, signal: context.signal });
    return withLayer(below, layer.diffId);
  },
};

/** The root filesystem that a step's layer lies on: of a squash its second input, else the first. */
export function belowOf(step: Step<Op>): RootfsResult {
  if (step.op.kind !== 'squash') return rootfsOf(step);
  const below = step.inputs[1];
  invariant(below?.kind === 'rootfs', 'the second input of a squash is a root filesystem');
  const { stack } = rootfsOf(step);
  invariant(
    below.stack.every((layer, i) => stack[i] === layer),
    'a squash keeps the lowest layers',
  );
  return below;
}

function inputsOf(step: Step<SquashOp>, session: BuildSession): StepInputs {
  return new Map([
    ...session.commonInputs(),
    ['command', 'squash'],
    ['below', chainOf(belowOf(step).stack)],
    ['rootfs', chainOf(rootfsOf(step).stack)],
  ]);
}
