import { ShaleError } from '../base/index.ts';
import type { Op, Vertex } from '../graph/index.ts';
import type { Operations, StepContext } from '../solver/index.ts';
import { contextOperation, imageOperation, scratchOperation } from './ops/base.ts';
import { copyOperation } from './ops/copy.ts';
import { execOperation } from './ops/exec.ts';
import { mkdirOperation } from './ops/mkdir.ts';
import type { Operation, Step } from './ops/operation.ts';
import { rootfsOf } from './ops/operation.ts';
import { formatStored, parseStored, withLayer, type StepResult } from './result.ts';
import type { BuildSession } from './session.ts';

/** The operations of a build as the solver drives them. */
export function openOperations(session: BuildSession): Operations<StepResult> {
  return {
    fastInputs: (vertex, inputs) =>
      dispatch(vertex, inputs, { call: (operation, step) => operation.fastInputs(step, session) }),
    contentInputs: (vertex, inputs) =>
      dispatch(vertex, inputs, { call: (operation, step) => operation.contentInputs(step, session) }),
    execute: (vertex, inputs, context: StepContext) =>
      dispatch(vertex, inputs, { call: (operation, step) => operation.execute(step, session, context) }),
    store: formatStored,
    async restore(vertex, inputs, stored) {
      const layer = parseStored(stored);
      if (!(await session.layers.isAvailable(layer))) return undefined;
      return withLayer(rootfsOf({ op: vertex.op, vertex, inputs }), layer);
    },
    isSilent: (vertex) => vertex.op.kind === 'scratch' || vertex.op.kind === 'context',
  };
}

/** What to do with an operation and its step; the two always belong to the same kind of op. */
interface Visitor<T> {
  call<O extends Op>(operation: Operation<O>, step: Step<O>): Promise<T>;
}

async function dispatch<T>(vertex: Vertex, inputs: readonly StepResult[], visitor: Visitor<T>): Promise<T> {
  const { op } = vertex;
  switch (op.kind) {
    case 'image':
      return visitor.call(imageOperation, { op, vertex, inputs });
    case 'scratch':
      return visitor.call(scratchOperation, { op, vertex, inputs });
    case 'context':
      return visitor.call(contextOperation, { op, vertex, inputs });
    case 'copy':
      return visitor.call(copyOperation, { op, vertex, inputs });
    case 'mkdir':
      return visitor.call(mkdirOperation, { op, vertex, inputs });
    case 'exec':
      return visitor.call(execOperation, { op, vertex, inputs });
    case 'http':
    case 'git':
      throw new ShaleError('OP_UNSUPPORTED', `${vertex.name}: sources of kind ${op.kind} are not supported`);
  }
}
