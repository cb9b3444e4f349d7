import { isShaleError, isSystemError } from '../base/index.ts';

/**
 * What the exit status of shale says. `run` and `exec` end with the status of the command they ran, 126 when it cannot
 * be executed, 127 when it is not there, 128+n when signal n ended it.
 */
export const EXIT = {
  success: 0,
  failure: 1,
  /** Looked for something and found it: `lint`, `verify`, `system check`, `diff` of locks. */
  found: 2,
  /** The command line is wrong, or shale cannot start. */
  usage: 125,
  cannotExecute: 126,
  notFound: 127,
  hangUp: 129,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** Codes of errors that do not mean plain failure. */
const BY_CODE: ReadonlyMap<string, number> = new Map([
  ['USAGE', EXIT.usage],
  ['SETTINGS_INVALID', EXIT.usage],
  ['STORE_TOO_NEW', EXIT.usage],
  ['STORE_OPEN_FAILED', EXIT.usage],
  ['ENGINE_UNAVAILABLE', EXIT.usage],
  ['COMMAND_NOT_EXECUTABLE', EXIT.cannotExecute],
  ['COMMAND_NOT_FOUND', EXIT.notFound],
  ['OUTPUT_CLOSED', EXIT.brokenPipe],
]);

/** The exit status for whatever a command threw. */
export function exitCodeOf(error: unknown): number {
  if (isSystemError(error, 'EPIPE')) return EXIT.brokenPipe;
  if (isShaleError(error)) return BY_CODE.get(error.code) ?? EXIT.failure;
  return EXIT.failure;
}

/** The exit status after a signal ended the command. */
export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): number {
  return { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hangUp }[signal];
}
