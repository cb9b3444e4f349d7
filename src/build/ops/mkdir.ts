import type { MkdirOp } from '../../graph/index.ts';
import { Destination } from '../copy/destination.ts';
import { chainOf, withLayer } from '../result.ts';
import { describeEntries, inputsWith } from './describe.ts';
import { rootfsOf, type Operation, type Step } from './operation.ts';
import { resolveOwner } from './owner.ts';
import { writePlanned } from './write-layer.ts';
import type { BuildSession } from '../session.ts';
import type { CopyPlan } from '../copy/planned.ts';

/** WORKDIR: makes a directory with its missing parents; an existing one stays as it is and the layer is empty. */
export const mkdirOperation: Operation<MkdirOp> = {
  async fastInputs(step, session) {
    const { path, mode, user } = step.op;
    return new Map([
      ...session.commonInputs(),
      ['command', step.vertex.command],
      ['op', JSON.stringify({ path, mode, user })],
      ['rootfs', chainOf(rootfsOf(step).stack)],
    ]);
  },
  async contentInputs(step, session) {
    const planned = await plan(step, session);
    return inputsWith(session.commonInputs(), () => describeEntries(planned.byOrigin()));
  },
  async execute(step, session, context) {
    return withLayer(rootfsOf(step), await writePlanned(await plan(step, session), session, context));
  },
};

async function plan(step: Step<MkdirOp>, session: BuildSession): Promise<CopyPlan> {
  const root = await session.rootTree(rootfsOf(step).stack);
  const destination = new Destination(root);
  const { owner } = await resolveOwner(step.op.user, root);
  const path = destination.resolve(step.op.path);
  destination.makeDirectories(path, { mode: step.op.mode, ...owner, mtimeNs: session.epochNs });
  return destination.plan((mtimeNs) => session.clamp(mtimeNs));
}
