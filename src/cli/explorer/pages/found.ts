import type { TreeEntry } from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import { shownText } from '../../terminal/shown-text.ts';
import { counted, entryPath } from '../details.ts';
import { padLeft, rowsFor } from '../lines.ts';
import { isMove, type ListPosition, moveInList } from '../scrolling.ts';
import type { Action } from '../state.ts';
import { span, STATE_MARK, STATE_STYLE } from '../theme.ts';
import type { PageView } from './page-view.ts';

/** What a search found. */
export interface FoundPage {
  readonly kind: 'found';
  readonly text: string;
  readonly entries: readonly TreeEntry[];
  /** There is more. */
  readonly isCut: boolean;
  readonly list: ListPosition;
}

export function foundView(page: FoundPage): PageView {
  const { entries, isCut } = page;
  return {
    heading: `Found: ${shownText(page.text)} (${isCut ? 'the first ' : ''}${counted(entries.length, 'path')})`,
    head: [],
    rows: rowsFor(entries, (entry) => [
      span(`${padLeft(humanSize(entry.sizeBytes), 9)} `),
      span(`${STATE_MARK[entry.state]} ${entryPath(entry.path)}`, STATE_STYLE[entry.state]),
    ]),
    top: page.list.top,
    selected: page.list.selected,
    hints: [
      ['Enter', 'show'],
      ['/', 'search again'],
      ['q', 'back'],
    ],
  };
}

export function foundKeys(page: FoundPage, key: string, window: number): readonly Action[] | undefined {
  if (isMove(key)) {
    const list = moveInList(page.list, key, page.entries.length, window);
    return [{ kind: 'page', page: { ...page, list } }];
  }
  const entry = page.entries[page.list.selected];
  if (key !== 'enter' || entry === undefined) return undefined;
  return [{ kind: 'close' }, { kind: 'go-to', path: entry.path, layer: undefined }];
}
