import type { Line } from '../../terminal/screen.ts';
import type { Rows } from '../lines.ts';

/** How a page looks: a heading, lines that stay, and rows of which a window is seen. */
export interface PageView {
  readonly heading: string;
  readonly head: readonly Line[];
  readonly rows: Rows;
  readonly top: number;
  /** The chosen row, where one can be chosen. */
  readonly selected: number | undefined;
  /** What the last row tells of keys. */
  readonly hints: readonly (readonly [key: string, does: string])[];
}
