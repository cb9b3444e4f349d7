import { cutToWidth, graphemes, padToWidth, textWidth } from '../output/text-width.ts';
import type { Line, Span } from '../terminal/screen.ts';
import type { Style } from '../terminal/style.ts';
import { span, THEME } from './theme.ts';

/** So many rows that are made when they are asked for: only those that are seen. */
export interface Rows {
  readonly count: number;
  readonly row: (index: number) => Line;
}

export function rowsOf(lines: readonly Line[]): Rows {
  return { count: lines.length, row: (index) => lines[index] ?? [] };
}

/** A row for each item. */
export function rowsFor<T>(items: readonly T[], rowOf: (item: T) => Line): Rows {
  return {
    count: items.length,
    row: (index) => {
      const item = items[index];
      return item === undefined ? [] : rowOf(item);
    },
  };
}

/** The line in exactly so many columns. */
export function fitLine(line: Line, columns: number): Line {
  const fitted: Span[] = [];
  let left = columns;
  for (const one of line) {
    if (left <= 0) break;
    const text = cutToWidth(one.text, left);
    fitted.push({ ...one, text });
    left -= textWidth(text);
  }
  return left > 0 ? [...fitted, span(' '.repeat(left))] : fitted;
}

/** All of the line in one style, whatever its parts have. */
export function restyle(line: Line, style: Style, columns: number): Line {
  return fitLine(line, columns).map((one) => ({ text: one.text, style: { ...one.style, ...style } }));
}

/** ` Heading ─────────`. */
export function headingLine(text: string, columns: number, style: Style = THEME.heading): Line {
  const shown = cutToWidth(` ${text} `, columns);
  return [span(shown, style), span('─'.repeat(Math.max(0, columns - textWidth(shown))), THEME.line)];
}

/** Panes side by side, with a line between them. */
export function beside(left: readonly Line[], right: readonly Line[], leftColumns: number, rows: number): Line[] {
  return Array.from({ length: rows }, (_, row) => [
    ...fitLine(left[row] ?? [], leftColumns),
    span('│', THEME.line),
    ...(right[row] ?? []),
  ]);
}

/** Text at the left and at the right margin; the right one goes first where there is no room. */
export function apart(left: string, right: string, columns: number): string {
  const room = columns - textWidth(right);
  if (room < Math.min(textWidth(left), columns / 2)) return padToWidth(cutToWidth(left, columns), columns);
  return padToWidth(cutToWidth(left, room), room) + right;
}

/** Breaks a text at blanks, and words that are longer than a line anywhere. */
export function wrapText(text: string, columns: number): string[] {
  const width = Math.max(1, columns);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (textWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const character of graphemes(word)) {
      if (textWidth(line) + textWidth(character) > width) {
        lines.push(line);
        line = '';
      }
      line += character;
    }
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

const LABEL_COLUMNS = 13;

/** `Label      value`, the value wrapped below itself. */
export function field(label: string, value: string | readonly Span[], columns: number): Line[] {
  const head = span(padToWidth(`  ${label}`, LABEL_COLUMNS), THEME.label);
  if (typeof value !== 'string') return [[head, ...value]];
  return wrapText(value, columns - LABEL_COLUMNS - 1).map((text, index) => [
    index === 0 ? head : span(' '.repeat(LABEL_COLUMNS)),
    span(text),
  ]);
}

/** Right-aligned in so many columns. */
export function padLeft(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - textWidth(text))) + text;
}
