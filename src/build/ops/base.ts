import type { ContextOp, ImageOp, ScratchOp } from '../../graph/index.ts';
import type { Operation } from './operation.ts';

/** Nothing to find out and nothing to do: the frontend has resolved the reference to its layers. */
const immediate = { fastInputs: async () => undefined, contentInputs: async () => undefined };

/** A base image: its layers are fetched by the first step that needs their bytes. */
export const imageOperation: Operation<ImageOp> = {
  ...immediate,
  execute: async ({ op }) => ({ kind: 'rootfs', stack: op.diffIds, layer: undefined }),
};

export const scratchOperation: Operation<ScratchOp> = {
  ...immediate,
  execute: async () => ({ kind: 'rootfs', stack: [], layer: undefined }),
};

/** A build context: a directory is read by the steps that copy from it, all others are brought into the store. */
export const contextOperation: Operation<ContextOp> = {
  ...immediate,
  async execute({ op }, session, context) {
    const progress = (current: number, total: number): void => context.progress('fetching', current, total);
    const fetching = { signal: context.signal, progress };
    return (await session.contexts.stored(op.name, fetching)) ?? { kind: 'context', name: op.name };
  },
};
