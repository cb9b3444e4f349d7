import { invariant } from '../../base/index.ts';
import type { Op, Vertex } from '../../graph/index.ts';
import type { StepContext, StepInputs } from '../../solver/index.ts';
import type { BuildSession } from '../session.ts';
import type { RootfsResult, StepResult } from '../result.ts';

/** A vertex of one kind with the results of its inputs. */
export interface Step<O extends Op> {
  readonly op: O;
  readonly vertex: Vertex;
  readonly inputs: readonly StepResult[];
}

/** How one kind of operation is identified and carried out. */
export interface Operation<O extends Op> {
  /** See `Operations.fastInputs`. */
  fastInputs(step: Step<O>, session: BuildSession): Promise<StepInputs | undefined>;
  /** See `Operations.contentInputs`. */
  contentInputs(step: Step<O>, session: BuildSession): Promise<StepInputs | undefined>;
  execute(step: Step<O>, session: BuildSession, context: StepContext): Promise<StepResult>;
}

/** The root filesystem that a step works on: its first input. */
export function rootfsOf(step: Step<Op>): RootfsResult {
  const first = step.inputs[0];
  invariant(first?.kind === 'rootfs', 'the first input of a step is a root filesystem');
  return first;
}
