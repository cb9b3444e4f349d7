/** A Dockerfile (or another text) by name, with the offsets at which its lines begin. */
export interface Source {
  /** As shown in messages. */
  readonly name: string;
  readonly text: string;
  readonly lineStarts: readonly number[];
  /** What was read, where it is no UTF-8 and the text therefore not all of it. */
  readonly bytes?: Uint8Array;
  /** Where its lines are from, for a text that was put together of several: in the order of their first lines. */
  readonly sections?: readonly Section[];
}

/** Lines of a text that come from another source. */
export interface Section {
  /** In the text, from 1. */
  readonly firstLine: number;
  readonly source: Source;
  /** The first line there. */
  readonly line: number;
}

/** A part of a source: offsets into its text, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Line and column counted from 1; the column in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function sourceOf(name: string, text: string): Source {
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);
  return { name, text, lineStarts };
}

/** The text of UTF-8 bytes; where they are not UTF-8, U+FFFD stands in their place. */
export function decodeSource(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

export function positionAt(source: Source, offset: number): Position {
  let low = 0;
  let high = source.lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((source.lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (source.lineStarts[low] ?? 0) + 1 };
}

/** The source and line that a line is really from. */
export function realLine(source: Source, line: number): { readonly source: Source; readonly line: number } {
  const section = source.sections?.findLast(({ firstLine }) => firstLine <= line);
  return section === undefined
    ? { source, line }
    : { source: section.source, line: section.line + (line - section.firstLine) };
}

/** The source of that name among those that a text is made of. */
export function sourceNamed(source: Source, name: string): Source {
  return source.sections?.find((section) => section.source.name === name)?.source ?? source;
}

/** The texts of a source, or of those that it is made of, by their names. */
export function textsOf({ name, text, sections = [] }: Source): ReadonlyMap<string, string> {
  return new Map([[name, text], ...sections.map(({ source }) => [source.name, source.text] as const)]);
}

/** A line's text without its end; undefined beyond the last one. Lines count from 1. */
export function lineText(source: Source, line: number): string | undefined {
  const start = source.lineStarts[line - 1];
  if (start === undefined) return undefined;
  let end = source.lineStarts[line] ?? source.text.length;
  while (end > start && (source.text[end - 1] === '\n' || source.text[end - 1] === '\r')) end--;
  return source.text.slice(start, end);
}
