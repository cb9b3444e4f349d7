import type { ActionCache } from '../../solver/index.ts';

/** For a build that is only looked at: it finds nothing, and what it comes to is not remembered. */
export const NO_CACHE: ActionCache = {
  find: async () => undefined,
  save: async () => {},
  link: async () => {},
  async *earlier() {},
};
