/** Which rows of a long list are in sight. Each is as high as the others; only those are put into the document. */

export interface Window {
  /** The first row, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/** Rows above and below that are made before they are in sight. */
const SPARE_ROWS = 8;

/** The rows to show of `count`, given how far the list is scrolled and how much of it is in sight, in pixels. */
export function rowsInSight(count: number, rowHeight: number, scrollTop: number, height: number): Window {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  const start = Math.min(Math.max(0, count - 1), Math.max(0, first - SPARE_ROWS));
  const end = Math.min(count, first + Math.ceil(height / rowHeight) + SPARE_ROWS + 1);
  return { start, end: Math.max(start, end) };
}

/** How far to scroll so that a row is in sight, moving no more than is needed. */
export function scrollToRow(row: number, rowHeight: number, scrollTop: number, height: number): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop;
}
