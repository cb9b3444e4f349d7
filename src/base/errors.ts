/** Facts that a caller or a test can rely on: digests, references, paths, lines. Never a secret. */
export type ErrorData = Readonly<Record<string, unknown>>;

export interface ErrorDetails {
  readonly data?: ErrorData;
  /** One line that says what to try, without the leading "try:". */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The one error class of shale. `code` says which promise failed and is what callers and tests look at; each folder
 * lists its codes in its own union. Messages are lower case, without a full stop, and say what was tried on what.
 */
export class ShaleError extends Error {
  readonly code: string;
  readonly data: ErrorData;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ShaleError';
    this.code = code;
    this.data = details.data ?? {};
    this.hint = details.hint;
  }
}

/** True when `error` is a ShaleError, with one of `codes` where any are given. */
export function isShaleError(error: unknown, ...codes: readonly string[]): error is ShaleError {
  return error instanceof ShaleError && (codes.length === 0 || codes.includes(error.code));
}

/** True when `error` comes from the operating system with one of `codes` (`ENOENT`, `EEXIST`, …). */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return codes.length === 0 || codes.includes(error.code);
}

/** The message of whatever was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What failed first: of a failure behind which giving something up failed too ("await using"), the failure itself. */
export function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}

/**
 * Throws when `condition` does not hold. For our own mistakes only, never for bad input: `belief` is a sentence that
 * says what the code took for granted.
 */
export function invariant(condition: unknown, belief: string): asserts condition {
  if (!condition) throw new ShaleError('INVARIANT', `this should not happen: ${belief}`);
}
