import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';

/** A place as the protocol has it: both counted from 0, the character in UTF-16 units. */
export type LspPosition = { readonly line: number; readonly character: number };

export type LspRange = { readonly start: LspPosition; readonly end: LspPosition };

/** The offset of a place; places beyond the end of a line or of the text are those ends. */
export function offsetAt(text: string, { line, character }: LspPosition): number {
  let start = 0;
  for (let at = 0; at < line; at++) {
    const newline = text.indexOf('\n', start);
    if (newline === -1) return text.length;
    start = newline + 1;
  }
  const newline = text.indexOf('\n', start);
  const end = newline === -1 ? text.length : newline;
  return Math.min(start + character, end);
}

export function rangeAt(text: string, { start, end }: { readonly start: number; readonly end: number }): LspRange {
  return { start: positionOf(text, start), end: positionOf(text, end) };
}

function positionOf(text: string, offset: number): LspPosition {
  let line = 0;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, character: offset - start };
}

/** The text after one content change: of a range, or of the whole. */
export function changedText(text: string, change: JsonObject): string {
  const { range, text: inserted } = change;
  if (typeof inserted !== 'string') return text;
  const read = readRange(range);
  if (read === undefined) return inserted;
  return text.slice(0, offsetAt(text, read.start)) + inserted + text.slice(offsetAt(text, read.end));
}

export function readRange(value: Json | undefined): LspRange | undefined {
  if (!isJsonObject(value)) return undefined;
  const start = readPosition(value['start']);
  const end = readPosition(value['end']);
  return start === undefined || end === undefined ? undefined : { start, end };
}

export function readPosition(value: Json | undefined): LspPosition | undefined {
  if (!isJsonObject(value)) return undefined;
  const { line, character } = value;
  return typeof line === 'number' && typeof character === 'number' ? { line, character } : undefined;
}
