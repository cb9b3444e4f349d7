import { lineText, positionAt, realLine, sourceNamed, type Position, type Source, type Span } from './source.ts';

/**
 * What is wrong with a Dockerfile, and where. `phase` says how far reading came: `parse` is the shape of the file,
 * `instructions` the shape of one instruction, `plan` what it comes to with its arguments and base images.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly phase: 'parse' | 'instructions' | 'plan';
  /** Names the kind of fault; warnings that are build checks carry the check's name. */
  readonly code: string;
  /** Lower case, no full stop. */
  readonly message: string;
  readonly hint?: string;
  readonly file: string;
  readonly start: Position;
  /** After the last character. */
  readonly end: Position;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export function diagnosticAt(
  source: Source,
  span: Span,
  kind: Pick<Diagnostic, 'severity' | 'phase'>,
  fault: Fault,
): Diagnostic {
  const start = positionAt(source, span.start);
  const end = positionAt(source, Math.max(span.start, span.end));
  const real = realLine(source, start.line);
  const moved = real.line - start.line;
  return {
    ...kind,
    code: fault.code,
    message: fault.message,
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    file: real.source.name,
    start: { ...start, line: start.line + moved },
    end: { ...end, line: end.line + moved },
  };
}

/** Thrown inside this folder only, where it ends the reading of one instruction; always becomes a Diagnostic. */
export class Refusal extends Error {
  readonly fault: Fault;
  readonly span: Span | undefined;

  constructor(code: string, message: string, span?: Span, hint?: string) {
    super(message);
    this.fault = { code, message, ...(hint === undefined ? {} : { hint }) };
    this.span = span;
  }
}

/** Lines shown around a fault. */
const CONTEXT_LINES = 2;
/** Lines of a long instruction that are shown. */
const FRAME_LINES_MAX = 12;
const WIDTH_MAX = 160;

/**
 * The diagnostic as text: its code frame, the reason, and what to try. Ends without a newline.
 */
export function formatDiagnostic(diagnostic: Diagnostic, source: Source): string {
  const label = diagnostic.severity === 'error' ? 'error' : 'warning';
  const hint = diagnostic.hint === undefined ? [] : [`try: ${diagnostic.hint}`];
  return [formatCodeFrame(diagnostic, source), `${label}: ${diagnostic.message}`, ...hint].join('\n');
}

/**
 * File and line, and the lines around them with `>>>` at those that are meant and a caret below the place, where that is
 * within one line. Ends without a newline.
 */
export function formatCodeFrame(diagnostic: Diagnostic, source: Source): string {
  const rule = '-'.repeat(20);
  const shown = frame(diagnostic, sourceNamed(source, diagnostic.file));
  return [`${diagnostic.file}:${diagnostic.start.line}`, rule, ...shown, rule].join('\n');
}

/** The last line that a diagnostic is about: an end at the first column belongs to the line before. */
export function lastLineOf({ start, end }: Pick<Diagnostic, 'start' | 'end'>): number {
  return end.column === 1 && end.line > start.line ? end.line - 1 : end.line;
}

function frame(diagnostic: Diagnostic, source: Source): string[] {
  const { start, end } = diagnostic;
  const lastMarked = Math.min(lastLineOf(diagnostic), start.line + FRAME_LINES_MAX - 1);
  const first = Math.max(1, start.line - CONTEXT_LINES);
  const lines: string[] = [];
  for (let line = first; line <= lastMarked + CONTEXT_LINES; line++) {
    const text = lineText(source, line);
    // The empty rest after a file's last newline is no line.
    if (text === undefined || (text === '' && line === source.lineStarts.length && line > start.line)) break;
    const isMarked = line >= start.line && line <= lastMarked;
    lines.push(`${String(line).padStart(4)} | ${isMarked ? '>>>' : '   '} ${clip(printable(text))}`.trimEnd());
    if (line === start.line && lastMarked === start.line) lines.push(...caret(text, start, end));
  }
  return lines;
}

function caret(text: string, start: Position, end: Position): string[] {
  const from = start.column - 1;
  const to = end.line === start.line ? end.column - 1 : text.length;
  const whole = from <= text.length - text.trimStart().length && to >= text.trimEnd().length;
  if (from > WIDTH_MAX || (whole && text.trim() !== '' && to > from)) return [];
  const width = Math.max(1, Math.min(to, WIDTH_MAX) - from);
  return [`     |     ${text.slice(0, from).replace(/[^\t]/g, ' ')}${'^'.repeat(width)}`];
}

function clip(text: string): string {
  return text.length <= WIDTH_MAX ? text : `${text.slice(0, WIDTH_MAX)}…`;
}

/** Control characters of a foreign file do not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
