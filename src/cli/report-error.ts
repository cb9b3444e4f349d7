import { firstFailure, isShaleError, messageOf } from '../base/index.ts';
import { stripEscapes } from './output/text-width.ts';
import { excerptOf, formatExcerpt } from './progress/failure.ts';

export interface ErrorReportOptions {
  readonly debug: boolean;
  readonly colors: boolean;
}

const CAUSES_MAX = 8;
const RED = '\u001B[31m';
const RESET = '\u001B[0m';

/**
 * What people see of a failure: the lines of the file that it is about, where it carries them; one line that says what
 * failed on what, with the causes that add something; one line with what to try. The stack comes with `--debug` only.
 */
export function reportError(error: unknown, options: ErrorReportOptions): string {
  const label = options.colors ? `${RED}shale:${RESET}` : 'shale:';
  const lines = [`${label} ${messageChain(error)}`];
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`try: ${printable(hint)}`);
  if (options.debug) lines.push(...debugLines(error));
  return excerpts(error) + lines.map((line) => `${line}\n`).join('');
}

function excerpts(error: unknown): string {
  const found = [...chain(error)].flatMap((at) => (isShaleError(at) ? (excerptOf(at.data) ?? []) : []));
  return found.slice(0, 1).map(formatExcerpt).join('');
}

/** What failed first and its causes, at most so many. */
function* chain(error: unknown): Generator<unknown> {
  for (let at = firstFailure(error), depth = 0; at !== undefined && depth < CAUSES_MAX; depth++) {
    yield at;
    at = at instanceof Error ? at.cause : undefined;
  }
}

/** `pulling x: connecting to y: connection refused`; a cause that the message already tells is left out. */
function messageChain(error: unknown): string {
  let text = '';
  for (const at of chain(error)) {
    const message = printable(messageOf(at));
    if (!text.includes(message)) text = text === '' ? message : `${text}: ${message}`;
  }
  return text === '' ? 'failed without saying why' : text;
}

function hintOf(error: unknown): string | undefined {
  for (const at of chain(error)) if (isShaleError(at) && at.hint !== undefined) return at.hint;
  return undefined;
}

function debugLines(error: unknown): string[] {
  const lines = [...chain(error)].flatMap((at) => [
    ...(isShaleError(at) ? [`code: ${at.code}`, `data: ${JSON.stringify(at.data)}`] : []),
    at instanceof Error ? (at.stack ?? at.message) : String(at),
  ]);
  return error instanceof SuppressedError ? [...lines, 'and then:', ...debugLines(error.error)] : lines;
}

/** Messages can carry names from images and registries: no escape sequences, no control characters but line ends. */
function printable(text: string): string {
  return stripEscapes(text)
    .replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '?')
    .trimEnd();
}
