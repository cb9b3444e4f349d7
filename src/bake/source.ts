import { ShaleError } from '../base/index.ts';

/** A bake file with its text. */
export interface SourceFile {
  /** As it was named. */
  readonly name: string;
  readonly text: string;
}

/** Characters of a file, from `start` up to `end`. */
export interface Range {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** Counted from 1. */
export function lineOf({ file, start }: Range): number {
  return file.text.slice(0, start).split('\n').length;
}

/** What is wrong in a bake file, with its place; the command line shows the lines. */
export function bakeError(range: Range, message: string, hint?: string): ShaleError {
  const { file, start, end } = range;
  const line = lineOf(range);
  const column = start - file.text.lastIndexOf('\n', start - 1);
  const lastLine = line + file.text.slice(start, Math.max(start, end - 1)).split('\n').length - 1;
  return new ShaleError('BAKE_INVALID', `${file.name}:${line}:${column}: ${message}`, {
    data: {
      file: file.name,
      line,
      column,
      excerpt: { file: file.name, text: file.text, firstLine: line, lastLine },
    },
    ...(hint !== undefined && { hint }),
  });
}

/** @throws BAKE_INVALID */
export function refuse(range: Range, message: string, hint?: string): never {
  throw bakeError(range, message, hint);
}
