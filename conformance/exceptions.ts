import type { Exception } from './suite.ts';

/** Each is told to users in docs/compatibility/conformance.md; a test keeps list and page equal. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    suite: 'builds',
    case: 'bh-mount-cache-by-ownership',
    reason: '`RUN --mount=type=cache` is not carried out yet',
    fails: /RUN --mount=type=cache is not supported/,
  },
];
