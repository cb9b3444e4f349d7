import type { FileComparison, FilePlace } from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import type { Line } from '../../terminal/screen.ts';
import { shownLine, shownText } from '../../terminal/shown-text.ts';
import { entryPath } from '../details.ts';
import { type Rows, rowsOf } from '../lines.ts';
import { isMove, moveInText } from '../scrolling.ts';
import type { Action } from '../state.ts';
import { span, THEME } from '../theme.ts';
import type { PageView } from './page-view.ts';
import { shiftLine, windowOf } from './text-window.ts';

/** A file against the one that it hides. */
export interface DiffPage {
  readonly kind: 'diff';
  readonly place: FilePlace;
  /** A comparison with its lines, or why there is none. */
  readonly content:
    | { readonly kind: 'loading' }
    | { readonly kind: 'failed'; readonly message: string }
    | { readonly kind: 'compared'; readonly comparison: FileComparison; readonly lines: readonly string[] };
  readonly top: number;
  readonly left: number;
}

export function diffPage(place: FilePlace): DiffPage {
  return { kind: 'diff', place, content: { kind: 'loading' }, top: 0, left: 0 };
}

export function withComparison(page: DiffPage, comparison: FileComparison): DiffPage {
  const lines = comparison.kind === 'text' ? comparison.diff.replace(/\n$/, '').split('\n') : [];
  return { ...page, content: { kind: 'compared', comparison, lines }, top: 0, left: 0 };
}

export function diffView(page: DiffPage, columns: number): PageView {
  return {
    heading: `${entryPath(page.place.path)}: layer ${page.place.layer} against the layers below`,
    head: [],
    rows: diffRows(page, columns),
    top: page.top,
    selected: undefined,
    hints: [
      ['← →', 'scroll'],
      ['x', 'export'],
      ['q', 'back'],
    ],
  };
}

function diffRows({ content, left }: DiffPage, columns: number): Rows {
  if (content.kind === 'loading') return rowsOf([[span('  reading …', THEME.dim)]]);
  if (content.kind === 'failed') return rowsOf([[span(`  ${shownText(content.message)}`, THEME.bad)]]);
  const { comparison, lines } = content;
  if (comparison.kind !== 'text') return rowsOf([[span(`  ${unlikeText(comparison)}`)]]);
  if (comparison.diff === '') return rowsOf([[span('  there is no difference in the text')]]);
  const cut: Line[] = comparison.isCut ? [[span('  the rest is not shown: it is too large', THEME.dim)]] : [];
  return {
    count: lines.length + cut.length,
    row: (index) => {
      const line = lines[index];
      if (line === undefined) return cut[index - lines.length] ?? [];
      return [span(shiftLine(shownLine(windowOf(line, left, columns)), left), styleOf(line))];
    },
  };
}

function unlikeText(comparison: Exclude<FileComparison, { kind: 'text' }>): string {
  if (comparison.kind === 'equal') return `the same bytes as in layer ${comparison.below}`;
  const { below, beforeBytes, afterBytes } = comparison;
  const what = `binary, ${humanSize(afterBytes)}`;
  return below === undefined
    ? `${what}; no layer below has it`
    : `${what}; it was ${humanSize(beforeBytes)} in layer ${below}`;
}

function styleOf(line: string) {
  if (line.startsWith('@@')) return THEME.link;
  if (line.startsWith('---') || line.startsWith('+++')) return THEME.heading;
  return line.startsWith('+') ? THEME.added : line.startsWith('-') ? THEME.removed : undefined;
}

/** How far one key goes to the side. */
const SIDE_COLUMNS = 8;

export function diffKeys(
  page: DiffPage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (isMove(key)) return [{ kind: 'page', page: { ...page, top: moveInText(page.top, key, count, window) } }];
  const side = { left: -SIDE_COLUMNS, h: -SIDE_COLUMNS, right: SIDE_COLUMNS, l: SIDE_COLUMNS }[key];
  if (side === undefined) return undefined;
  return [{ kind: 'page', page: { ...page, left: Math.max(0, page.left + side) } }];
}
