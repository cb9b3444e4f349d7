import { graphemes, graphemeWidth } from '../output/text-width.ts';
import { type ColorDepth, renditionOf, type Style } from './style.ts';

/** Text in one style. Escape sequences and control characters in it are not passed on. */
export interface Span {
  readonly text: string;
  readonly style?: Style | undefined;
}

export type Line = readonly Span[];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** All that is to be seen. Lines that are missing are empty; what does not fit is cut. */
export interface Frame {
  readonly lines: readonly Line[];
  /** Where the cursor stands, from 0; it is hidden when absent. */
  readonly cursor?: { readonly row: number; readonly column: number } | undefined;
}

/** Terminals beyond this are drawn in part. */
const COLUMNS_MAX = 1000;
const ROWS_MAX = 500;
/** More code units than any character needs; what has more is drawn by its first. */
const GRAPHEME_UNITS_MAX = 32;

/** Drawn without asking the terminal where it has put them: one column everywhere but in the oddest set-ups. */
const PLAIN = /^[ -~─-╿▀-▟…•·]$/u;
const PRINTABLE_ASCII = /^[ -~]*$/;

/** One row as the terminal has it: for each column the character that begins there, '' behind a wide one. */
interface Row {
  readonly texts: string[];
  readonly renditions: string[];
}

/**
 * Knows what the terminal shows, and says what to send to it so that it shows a frame: only the cells that changed. Where
 * a character may be wider than we think, the column is said anew behind it, so that a row never shifts.
 */
export class Screen {
  readonly #depth: ColorDepth;
  #rows: Row[] | undefined;
  #columns = 0;

  constructor(depth: ColorDepth) {
    this.#depth = depth;
  }

  /** Forgets what the terminal shows: the next frame is drawn whole. */
  forget(): void {
    this.#rows = undefined;
  }

  draw(frame: Frame, size: Size): string {
    const columns = Math.min(COLUMNS_MAX, size.columns);
    const count = Math.min(ROWS_MAX, size.rows);
    const isSame = this.#rows !== undefined && this.#columns === columns && this.#rows.length === count;
    const before = isSame ? this.#rows : undefined;
    const rows = Array.from({ length: count }, (_, index) => layOut(frame.lines[index] ?? [], columns, this.#depth));
    const changes = rows.map((row, index) => changesOf(before?.[index], row, index)).join('');
    this.#rows = rows;
    this.#columns = columns;
    const start = before === undefined ? '\u001B[0m\u001B[2J' : '';
    const { cursor } = frame;
    const shown = cursor === undefined ? '' : `\u001B[${cursor.row + 1};${cursor.column + 1}H\u001B[?25h`;
    const painted = start + changes;
    if (painted === '') return shown;
    return `\u001B[?25l${painted}\u001B[0m${shown}`;
  }
}

function layOut(line: Line, columns: number, depth: ColorDepth): Row {
  const row: Row = { texts: [], renditions: [] };
  for (const span of line) if (!append(row, span.text, renditionOf(span.style, depth), columns)) break;
  const plain = renditionOf(undefined, depth);
  while (row.texts.length < columns) {
    row.texts.push(' ');
    row.renditions.push(plain);
  }
  return row;
}

/** Whether all of it fitted. */
function append({ texts, renditions }: Row, text: string, rendition: string, columns: number): boolean {
  for (const grapheme of PRINTABLE_ASCII.test(text) ? text : graphemes(text)) {
    const drawn = drawable(grapheme);
    const width = drawn === '' ? 0 : graphemeWidth(drawn);
    if (texts.length + width > columns) return false;
    for (let cell = 0; cell < width; cell++) {
      texts.push(cell === 0 ? drawn : '');
      renditions.push(rendition);
    }
  }
  return true;
}

/** The last border before the terminal: whatever a view hands on, no control or format character passes. */
function drawable(grapheme: string): string {
  if (PRINTABLE_ASCII.test(grapheme)) return grapheme;
  const short = grapheme.length > GRAPHEME_UNITS_MAX ? (Array.from(grapheme)[0] ?? '') : grapheme;
  return short.replaceAll(/(?!\u200D)[\p{C}\p{Zl}\p{Zp}]/gu, '');
}

function changesOf(before: Row | undefined, row: Row, index: number): string {
  let out = '';
  for (let at = 0; at < row.texts.length; at++) {
    if (isSame(before, row, at)) continue;
    const from = startOfChange(before, row, at);
    const to = endOfChange(before, row, at);
    out += `\u001B[${index + 1};${from + 1}H${paint(row, from, to)}`;
    at = to - 1;
  }
  return out;
}

/** A row that is not known is as cleared. */
function isSame(before: Row | undefined, row: Row, at: number): boolean {
  if (before === undefined) return row.texts[at] === ' ' && row.renditions[at] === '0';
  return before.texts[at] === row.texts[at] && before.renditions[at] === row.renditions[at];
}

/** No half of a wide character is left over on either side. */
function startOfChange(before: Row | undefined, row: Row, at: number): number {
  let from = at;
  while (from > 0 && (row.texts[from] === '' || before?.texts[from] === '')) from--;
  return from;
}

/** So few same cells are drawn again rather than jumped over: a jump is about as long. */
const GAP_CELLS = 6;

function endOfChange(before: Row | undefined, row: Row, at: number): number {
  let end = at + 1;
  for (let next = end; next < row.texts.length && next - end < GAP_CELLS; next++) {
    const isHalf = row.texts[next] === '' || before?.texts[next] === '';
    if (isHalf || !isSame(before, row, next)) end = next + 1;
  }
  return end;
}

function paint(row: Row, from: number, to: number): string {
  let out = '';
  let rendition: string | undefined;
  for (let at = from; at < to; at++) {
    const text = row.texts[at] ?? ' ';
    if (text === '') continue;
    if (row.renditions[at] !== rendition) {
      rendition = row.renditions[at] ?? '0';
      out += `\u001B[${rendition}m`;
    }
    out += text;
    if (PLAIN.test(text)) continue;
    const next = row.texts[at + 1] === '' ? at + 2 : at + 1;
    if (next < to) out += `\u001B[${next + 1}G`;
  }
  return out;
}
