import type { ContainerExit } from './types.ts';

/** A line of the runtime's JSON log. */
interface LogEntry {
  readonly level: string;
  readonly msg: string;
}

/**
 * Why the runtime could not start the program, from its JSON log; undefined when the log has no error (the program ran
 * and its exit code is its own). 127: not found; 126: found but cannot be executed; 125: anything else.
 */
export function startFailure(log: string): Extract<ContainerExit, { readonly kind: 'not-started' }> | undefined {
  const errors = log
    .split('\n')
    .map(parseEntry)
    .filter((entry) => entry?.level === 'error');
  const last = errors.at(-1);
  if (last === undefined) return undefined;
  const reason = oneLine(last.msg);
  return { kind: 'not-started', code: codeOf(reason), reason };
}

/** Messages of runc 1.1 to 1.4 and crun about the program itself, which docker tells from its own failures. */
export function codeOf(reason: string): 125 | 126 | 127 {
  if (!/exec|executable file|start container process|open executable/.test(reason)) return 125;
  if (/executable file (?:`[^`]*` )?not found/.test(reason)) return 127;
  if (/(exec|chdir to cwd)[^\n]*no such file or directory/.test(reason)) return 127;
  if (
    /permission denied|is a directory|exec format error|text file busy|invalid argument|not a directory/.test(reason)
  ) {
    return /exec/.test(reason) ? 126 : 125;
  }
  return 125;
}

const REASON_MAX = 1000;

/** A message as one line of bounded length, without the runtime’s prefix. */
export function oneLine(text: string): string {
  // A line of logrus's text format, where the runtime wrote to a terminal or pipe.
  const quoted = /level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  const line = (quoted === undefined ? text : quoted.replaceAll(/\\(.)/g, '$1'))
    .replace(/^(runc )?(run|create|start|exec) failed: /, '')
    .replaceAll(/\s*\n\s*/g, '; ')
    .trim();
  return line.length > REASON_MAX ? `${line.slice(0, REASON_MAX)}…` : line;
}

function parseEntry(line: string): LogEntry | undefined {
  if (line.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const entry: Record<string, unknown> = { ...value };
    const { level, msg } = { level: entry['level'], msg: entry['msg'] };
    return typeof level === 'string' && typeof msg === 'string' ? { level, msg } : undefined;
  } catch {
    // A runtime that writes anything else (junk, a panic) failed, and this is what it said.
    return { level: 'error', msg: line };
  }
}
