/** A part of a text in every way of counting: lines and columns from 1 in UTF-16 units, the end behind the last one. */
export interface Region {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly offset: number;
  readonly length: number;
}

export function regionAt(text: string, { start, end }: { readonly start: number; readonly end: number }): Region {
  const [startLine, startColumn] = place(text, start);
  const [endLine, endColumn] = place(text, end);
  return { startLine, startColumn, endLine, endColumn, offset: start, length: end - start };
}

function place(text: string, offset: number): readonly [number, number] {
  const before = text.slice(0, offset);
  const newline = before.lastIndexOf('\n');
  return [before.split('\n').length, offset - newline];
}
