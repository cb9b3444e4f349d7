import { isatty } from 'node:tty';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';
import type { Input, Output } from './context.ts';
import type { Environment } from './options/assignments.ts';

/** Whether colours are wanted on this output: NO_COLOR, then FORCE_COLOR, then TERM and the terminal decide. */
export function wantsColors(env: Environment, isTerminal: boolean): boolean {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: term } = env as Readonly<Record<string, string | undefined>>; // What it is; named for destructuring.
  if (no !== undefined && no !== '') return false;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  return isTerminal && term !== 'dumb';
}

/** One of the process's own outputs. `lost` is called once, when nobody reads it any more. */
export function processOutput(
  stream: NodeJS.WriteStream & { readonly fd: number },
  env: Environment,
  lost: (error: Error) => void,
): Output {
  const isTerminal = isatty(stream.fd);
  let failure: ShaleError | undefined;
  const fail = (error: unknown): ShaleError => {
    if (failure === undefined) {
      failure = outputError(error);
      lost(failure);
    }
    return failure;
  };
  // Without a listener a failing write would end the process with a stack.
  stream.on('error', (error) => void fail(error));
  return {
    isTerminal,
    colors: wantsColors(env, isTerminal),
    size: () => terminalSize(stream, isTerminal),
    write: (data) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        stream.write(data, (error) => (error === null || error === undefined ? resolve() : reject(fail(error))));
      }),
  };
}

function terminalSize(stream: NodeJS.WriteStream, isTerminal: boolean): { columns: number; rows: number } | undefined {
  if (!isTerminal || !stream.writable || !(stream.columns > 0) || !(stream.rows > 0)) return undefined;
  return { columns: stream.columns, rows: stream.rows };
}

function outputError(error: unknown): ShaleError {
  // EIO: the terminal is gone.
  if (isSystemError(error, 'EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED')) {
    return new ShaleError('OUTPUT_CLOSED', 'nobody reads the output any more', { cause: error });
  }
  return new ShaleError('OUTPUT_FAILED', `cannot write the output: ${messageOf(error)}`);
}

/** Standard input; nothing is read before it is asked for. */
export function processInput(): Input {
  return {
    isTerminal: isatty(0),
    bytes: () => process.stdin,
  };
}
