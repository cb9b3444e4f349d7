import { padToWidth, textWidth } from './text-width.ts';

const COLUMN_MIN = 10;
const GAP = 3;

/** Rows of cells as docker aligns them: columns at least 10 wide, 3 blanks apart, nothing after the last. */
export function formatTable(rows: readonly (readonly string[])[], columnMin: number = COLUMN_MIN): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (let index = 0; index < row.length; index++) {
      widths[index] = Math.max(widths[index] ?? columnMin, textWidth(row[index] ?? '') + GAP);
    }
  }
  return rows.map((row) => `${formatRow(row, widths)}\n`).join('');
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const last = row.length - 1;
  let line = '';
  for (let index = 0; index < last; index++) line += padToWidth(row[index] ?? '', widths[index] ?? 0);
  return (line + (row[last] ?? '')).trimEnd();
}
