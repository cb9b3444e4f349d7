import { isShaleError, isSystemError, type ShaleError } from '../base/index.ts';

/**
 * What the exit status of shale says. `run` and `exec` end with the status of the command they ran, 126 when it cannot
 * be executed, 127 when it is not there, 128+n when signal n ended it.
 */
export const EXIT = {
  success: 0,
  failure: 1,
  /** Looked for something and found it: `lint`, `verify`, budgets of `explore`, `system check`, `diff` of locks. */
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
  ['LINT_CONFIG_INVALID', EXIT.usage],
  ['EXPLORE_CONFIG_INVALID', EXIT.usage],
  ['STORE_TOO_NEW', EXIT.usage],
  ['HOST_TOOL_MISSING', EXIT.usage],
  ['KEEPER_MISSING', EXIT.usage],
  ['SERVE_INSECURE', EXIT.usage],
  ['OUTPUT_CLOSED', EXIT.brokenPipe],
]);

/**
 * The exit status for whatever a command threw. `failure` is what plain failures give: 1, but 125 for `run` and `exec`,
 * whose 1 is that of the command they ran.
 */
export function exitCodeOf(error: unknown, failure: number = EXIT.failure): number {
  if (isSystemError(error, 'EPIPE')) return EXIT.brokenPipe;
  if (!isShaleError(error)) return failure;
  return startFailure(error) ?? BY_CODE.get(error.code) ?? failure;
}

/** What the runtime found out about a command that could not be started: 125, 126 or 127. */
function startFailure({ code, data }: ShaleError): number | undefined {
  const { exitCode } = data;
  return code === 'START_FAILED' && typeof exitCode === 'number' ? exitCode : undefined;
}

/** The exit status after a signal ended the command. */
export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): number {
  return { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hangUp }[signal];
}
