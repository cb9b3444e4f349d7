import { graphemes, graphemeWidth } from '../../output/text-width.ts';

/** A character seldom has more code units than this; a line of a megabyte is not looked at wholly for each frame. */
const UNITS_PER_COLUMN = 4;

/** As much of a line as may be seen, from its begin. */
export function windowOf(line: string, left: number, columns: number): string {
  return line.slice(0, (left + columns) * UNITS_PER_COLUMN);
}

/** The text without its first columns; half a wide character becomes a blank. */
export function shiftLine(text: string, left: number): string {
  if (left === 0) return text;
  if (/^[ -~]*$/.test(text)) return text.slice(left);
  let column = 0;
  let units = 0;
  for (const grapheme of graphemes(text)) {
    if (column >= left) break;
    column += graphemeWidth(grapheme);
    units += grapheme.length;
  }
  return ' '.repeat(Math.max(0, column - left)) + text.slice(units);
}
