import { fstatSync, writeSync } from 'node:fs';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';
import type { Input, Output } from './context.ts';
import type { Environment } from './options/assignments.ts';

/** How long to wait before a full pipe that does not block is tried again. */
const FULL_PIPE_MS = 5;

/** Whether colours are wanted on this output: NO_COLOR, then FORCE_COLOR, then TERM and the terminal decide. */
export function wantsColors(env: Environment, isTerminal: boolean): boolean {
  const no = env['NO_COLOR'];
  const force = env['FORCE_COLOR'];
  if (no !== undefined && no !== '') return false;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  return isTerminal && env['TERM'] !== 'dumb';
}

/**
 * Standard output (1) or standard error (2). Writes go to the descriptor itself: Node's streams load its network code,
 * which costs more than the whole rest of a short command. `lost` is called once, when nobody reads it any more.
 */
export async function processOutput(fd: 1 | 2, env: Environment, lost: (error: Error) => void): Promise<Output> {
  const isTerminal = await isTerminalDescriptor(fd);
  let failure: ShaleError | undefined;
  return {
    isTerminal,
    colors: wantsColors(env, isTerminal),
    size: () => (isTerminal && failure === undefined ? terminalSize(fd) : undefined),
    write: async (data) => {
      if (failure !== undefined) throw failure;
      try {
        await writeAll(fd, typeof data === 'string' ? Buffer.from(data) : data);
      } catch (error) {
        failure = outputError(error);
        lost(failure);
        throw failure;
      }
    },
  };
}

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (!isSystemError(error, 'EAGAIN')) throw error;
      await new Promise((resolve) => setTimeout(resolve, FULL_PIPE_MS));
    }
  }
}

/** Major number of /dev/null and its like (Linux, devices.txt). */
const MEMORY_DEVICES = 1;

/** Loads Node's terminal code, which is dear, only where it may be needed. */
async function isTerminalDescriptor(fd: number): Promise<boolean> {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEMORY_DEVICES) return false;
  } catch {
    return false; // The descriptor is closed.
  }
  const { isatty } = await import('node:tty');
  return isatty(fd);
}

function terminalSize(fd: 1 | 2): { columns: number; rows: number } | undefined {
  const { columns, rows } = fd === 1 ? process.stdout : process.stderr;
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

function outputError(error: unknown): ShaleError {
  // EIO: the terminal is gone. EBADF: it was closed before we began.
  if (isSystemError(error, 'EPIPE', 'EIO', 'EBADF')) {
    return new ShaleError('OUTPUT_CLOSED', 'nobody reads the output any more', { cause: error });
  }
  return new ShaleError('OUTPUT_FAILED', `cannot write the output: ${messageOf(error)}`);
}

/** Standard input; nothing is read before it is asked for. */
export async function processInput(): Promise<Input> {
  const isTerminal = await isTerminalDescriptor(0);
  return {
    isTerminal,
    bytes: () => process.stdin,
    line: readTerminalLine,
    raw: () => {
      if (isTerminal) process.stdin.setRawMode(true);
      return {
        [Symbol.dispose]: () => {
          if (isTerminal) process.stdin.setRawMode(false);
        },
      };
    },
  };
}

/** An answer is not longer than this. */
const LINE_CHARACTERS_MAX = 1000;

/** A terminal gives a line at a time; in between nothing is read, so what is typed belongs to whoever reads next. */
function readTerminalLine(signal: AbortSignal, how = { hidden: false }): Promise<string | undefined> {
  const { stdin } = process;
  return new Promise((resolve) => {
    let text = '';
    const done = (line: string | undefined): void => {
      stdin.off('data', take).off('end', end).pause();
      if (how.hidden) stdin.setRawMode(false);
      signal.removeEventListener('abort', end);
      resolve(line);
    };
    const end = (): void => done(text === '' || signal.aborted ? undefined : text);
    const take = (chunk: Uint8Array): void => {
      text += Buffer.from(chunk).toString('latin1');
      const typed = how.hidden ? hiddenLine(text) : text.includes('\n') ? text.split('\n', 1)[0] : undefined;
      if (typed === CANCELED) process.kill(process.pid, 'SIGINT');
      if (typed !== undefined || text.length > LINE_CHARACTERS_MAX) done(typed === CANCELED ? undefined : typed);
    };
    if (signal.aborted) return resolve(undefined);
    if (how.hidden) stdin.setRawMode(true);
    signal.addEventListener('abort', end);
    stdin.on('data', take).on('end', end).resume();
  });
}

const CANCELED: unique symbol = Symbol('Ctrl-C or Ctrl-D');

/**
 * The line among the keys of a terminal that shows and edits nothing (latin1 of their bytes); undefined before its end.
 * Backspace takes one character of UTF-8 away.
 */
export function hiddenLine(typed: string): string | typeof CANCELED | undefined {
  let line = '';
  for (const key of typed) {
    if (key === '\r' || key === '\n') return Buffer.from(line, 'latin1').toString('utf8');
    if (key === '\u0003' || key === '\u0004') return CANCELED;
    if (key === '\b' || key === '\u007F') line = line.replace(/[^\u0080-\u00BF]?[\u0080-\u00BF]*$/, '');
    else line += key;
  }
  return undefined;
}
