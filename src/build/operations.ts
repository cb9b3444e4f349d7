import { isShaleError, ShaleError } from '../base/index.ts';
import type { Op, Vertex } from '../graph/index.ts';
import type { Operations, StepContext } from '../solver/index.ts';
import { offerFailedStep } from './failed-step.ts';
import { contextOperation, imageOperation, scratchOperation } from './ops/base.ts';
import { copyOperation } from './ops/copy.ts';
import { execOperation } from './ops/exec.ts';
import { gitOperation, httpOperation } from './ops/fetch.ts';
import { mkdirOperation } from './ops/mkdir.ts';
import type { Operation, Step } from './ops/operation.ts';
import { belowOf, squashOperation } from './ops/squash.ts';
import { formatStored, parseStored, withLayer, type StepResult } from './result.ts';
import type { BuildSession } from './session.ts';

/** The files that steps come from, by name, for errors that show their lines. */
export type StepSources = ReadonlyMap<string, string>;

/** The operations of a build as the solver drives them. What fails says where it stands in the source. */
export function openOperations(session: BuildSession, sources: StepSources): Operations<StepResult> {
  const locate = <T>(
    vertex: Vertex,
    inputs: readonly StepResult[],
    visitor: Visitor<T>,
    signal: AbortSignal,
  ): Promise<T> =>
    dispatch(vertex, inputs, visitor)
      .catch((error: unknown) => failAloud({ session, vertex, inputs, signal }, error))
      .catch((error: unknown) => {
        throw error === signal.reason ? error : withExcerpt(error, vertex, sources);
      });
  return {
    fastInputs: (vertex, inputs) =>
      locate(vertex, inputs, { call: (operation, step) => operation.fastInputs(step, session) }, session.signal),
    contentInputs: (vertex, inputs) =>
      locate(vertex, inputs, { call: (operation, step) => operation.contentInputs(step, session) }, session.signal),
    execute: (vertex, inputs, context: StepContext) =>
      locate(vertex, inputs, { call: (operation, step) => operation.execute(step, session, context) }, context.signal),
    store: formatStored,
    async restore(vertex, inputs, stored) {
      const layer = parseStored(stored);
      if (!(await session.layers.isAvailable(layer))) return undefined;
      return withLayer(belowOf({ op: vertex.op, vertex, inputs }), layer);
    },
    isSilent: ({ op }) => op.kind === 'scratch' || (op.kind === 'context' && !session.contexts.isStored(op.name)),
  };
}

interface FailedWork {
  readonly session: BuildSession;
  readonly vertex: Vertex;
  readonly inputs: readonly StepResult[];
  readonly signal: AbortSignal;
}

/** Lets whoever asked for it look into the step first; a RUN, which has more to show, has done so itself. */
async function failAloud({ session, vertex, inputs, signal }: FailedWork, error: unknown): Promise<never> {
  const [below] = inputs;
  if (vertex.op.kind !== 'exec' && below?.kind === 'rootfs') {
    await offerFailedStep(session, { vertex, error, signal }, async () =>
      (await session.runner()).enter({ vertex, stack: below.stack, session }),
    );
  }
  throw error;
}

/** Adds the lines that a step comes from, unless the error has some already or says only that it was told to stop. */
function withExcerpt(error: unknown, vertex: Vertex, sources: StepSources): unknown {
  const [at] = vertex.origin;
  if (!isShaleError(error) || error.code === 'CANCELED' || at === undefined) return error;
  const text = sources.get(at.file);
  if (text === undefined) return error;
  if ('excerpt' in error.data) return error;
  const { firstLine, lastLine } = at;
  return new ShaleError(error.code, error.message, {
    data: { ...error.data, excerpt: { file: at.file, text, firstLine, lastLine } },
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.cause !== undefined && { cause: error.cause }),
  });
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
    case 'squash':
      return visitor.call(squashOperation, { op, vertex, inputs });
    case 'http':
      return visitor.call(httpOperation, { op, vertex, inputs });
    case 'git':
      return visitor.call(gitOperation, { op, vertex, inputs });
  }
}
