import type { EntryState } from '../../explore/index.ts';
import type { Span } from '../terminal/screen.ts';
import type { Style } from '../terminal/style.ts';

type Role =
  | 'title'
  | 'heading'
  | 'line'
  | 'label'
  | 'chosen'
  | 'chosenAside'
  | 'added'
  | 'removed'
  | 'modified'
  | 'folder'
  | 'link'
  | 'dim'
  | 'good'
  | 'fair'
  | 'bad'
  | 'key'
  | 'match';

/** Nothing is told by colour alone: states have marks, what is chosen is reversed, headings stand on lines of their own. */
export const THEME: Readonly<Record<Role, Style>> = {
  title: { reverse: true, bold: true },
  heading: { bold: true },
  line: { dim: true },
  label: { dim: true },
  chosen: { reverse: true },
  /** Chosen in the pane that keys do not go to. */
  chosenAside: { underline: true },
  added: { color: [2, 114] },
  removed: { color: [1, 203] },
  modified: { color: [3, 221] },
  folder: { color: [4, 75], bold: true },
  link: { color: [6, 80] },
  dim: { dim: true },
  good: { color: [2, 114] },
  fair: { color: [3, 221] },
  bad: { color: [1, 203], bold: true },
  key: { bold: true },
  match: { color: [0, 16], background: [3, 221] },
};

export const STATE_STYLE: Readonly<Record<EntryState, Style | undefined>> = {
  added: THEME.added,
  modified: THEME.modified,
  removed: THEME.removed,
  unmodified: undefined,
};

export const STATE_MARK: Readonly<Record<EntryState, string>> = {
  added: '+',
  modified: '~',
  removed: '-',
  unmodified: ' ',
};

/** A share that is best at 1. */
export function shareStyle(share: number): Style {
  return share >= 0.95 ? THEME.good : share >= 0.8 ? THEME.fair : THEME.bad;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export const span = (text: string, style?: Style): Span => ({ text, style });
