import type { Exception } from './suite.ts';

/** Each is told to users in docs/compatibility/conformance.md; a test keeps list and page equal. */
export const EXCEPTIONS: readonly Exception[] = [];
