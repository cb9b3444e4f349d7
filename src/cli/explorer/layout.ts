import type { Size } from '../terminal/screen.ts';

/** Where things are on the screen, in rows and columns. */
export interface Layout {
  readonly columns: number;
  /** Between the title and the last row. */
  readonly bodyRows: number;
  /** Layers and tree side by side; else the one that keys go to. */
  readonly isSplit: boolean;
  readonly leftColumns: number;
  readonly treeColumns: number;
  /** Rows of the tree that are seen. */
  readonly treeRows: number;
  readonly layerRows: number;
  /** Rows of a page below its heading. */
  readonly pageRows: number;
}

/** Narrower terminals show one pane. */
const SPLIT_COLUMNS = 76;
/** Heading and column names. */
const TREE_HEAD_ROWS = 2;
const LAYER_HEAD_ROWS = 1;
const PAGE_HEAD_ROWS = 1;

export function layoutOf({ columns, rows }: Size, layerCount: number): Layout {
  const bodyRows = Math.max(1, rows - 2);
  const isSplit = columns >= SPLIT_COLUMNS;
  const leftColumns = isSplit ? Math.max(34, Math.min(72, Math.floor(columns * 0.4))) : columns;
  return {
    columns,
    bodyRows,
    isSplit,
    leftColumns,
    treeColumns: isSplit ? columns - leftColumns - 1 : columns,
    treeRows: Math.max(1, bodyRows - TREE_HEAD_ROWS),
    layerRows: Math.max(1, Math.min(layerCount, Math.floor(bodyRows * 0.45), bodyRows - LAYER_HEAD_ROWS)),
    pageRows: Math.max(1, bodyRows - PAGE_HEAD_ROWS),
  };
}
