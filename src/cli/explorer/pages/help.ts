import { padToWidth } from '../../output/text-width.ts';
import type { Line } from '../../terminal/screen.ts';
import { rowsOf, wrapText } from '../lines.ts';
import { isMove, moveInText } from '../scrolling.ts';
import type { Action } from '../state.ts';
import { span, THEME } from '../theme.ts';
import type { PageView } from './page-view.ts';

export interface HelpPage {
  readonly kind: 'help';
  readonly top: number;
}

interface KeyHelp {
  readonly keys: string;
  readonly does: string;
}

/** All keys; docs/explore-terminal.md tells the same. */
export const KEYS: readonly { readonly title: string; readonly keys: readonly KeyHelp[] }[] = [
  {
    title: 'Everywhere',
    keys: [
      { keys: 'Tab', does: 'from the layers to the files and back' },
      { keys: '↑ ↓ j k', does: 'up and down' },
      { keys: 'PageUp PageDown', does: 'up and down by a screen' },
      { keys: 'Home End g G', does: 'to the first and the last' },
      { keys: '/', does: 'search for files: a part of the path, or a pattern with * and ?' },
      { keys: 'n N', does: 'the next and the previous file that was found' },
      { keys: 'w', does: 'what is wasted, by which layer and why' },
      { keys: 'i', does: 'packages, files with rights of their own, equal files, steps of the build, the config' },
      { keys: 'c', does: 'what differs between two images, where two were named' },
      { keys: '?', does: 'this help' },
      { keys: 'q Esc', does: 'back; q on layers and files ends the program' },
      { keys: 'Ctrl-C', does: 'end the program' },
      { keys: 'Ctrl-Z', does: 'stop the program; fg in the shell continues it' },
    ],
  },
  {
    title: 'Layers',
    keys: [
      { keys: 'Ctrl-L', does: 'show what the layer changes' },
      { keys: 'Ctrl-A', does: 'show all changes since the lowest layer' },
      { keys: 'Enter', does: 'all that is known of the layer and the image' },
    ],
  },
  {
    title: 'Files',
    keys: [
      { keys: 'Space', does: 'open or close a directory' },
      { keys: 'Ctrl-Space', does: 'open or close all directories' },
      { keys: '← → h l', does: 'close a directory or go to the one above; open a directory' },
      { keys: 'Ctrl-A', does: 'show or hide files that were added' },
      { keys: 'Ctrl-R', does: 'show or hide files that were removed' },
      { keys: 'Ctrl-M m', does: 'show or hide files that were modified (most terminals send Enter for Ctrl-M)' },
      { keys: 'Ctrl-U', does: 'show or hide files that were not modified' },
      { keys: 'Ctrl-B', does: 'show or hide mode and owner' },
      { keys: 'Ctrl-F', does: 'show only files whose path matches; an empty text shows all' },
      { keys: 'Ctrl-O', does: 'sort by size, or by name' },
      { keys: 'Enter', does: 'view the file, or what a link leads to; open a directory' },
      { keys: 'd', does: 'compare the file with the one in the layers below' },
      { keys: 'x Ctrl-E', does: 'write the file to one of this machine' },
    ],
  },
  {
    title: 'A file',
    keys: [
      { keys: 'Tab', does: 'text, bytes, what an ELF file needs, the layers that have it' },
      { keys: '← → h l', does: 'to the left and the right' },
      { keys: '/ n N', does: 'find in the text; the next and the previous place' },
      { keys: 'd x', does: 'as for files' },
    ],
  },
];

const KEY_COLUMNS = 18;

export function helpView(page: HelpPage, columns: number): PageView {
  const lines = KEYS.flatMap(({ title, keys }, index): Line[] => [
    ...(index === 0 ? [] : [[]]),
    [span(title, THEME.heading)],
    ...keys.flatMap(helpLines(columns)),
  ]);
  return { heading: 'Keys', head: [], rows: rowsOf(lines), top: page.top, selected: undefined, hints: [['q', 'back']] };
}

function helpLines(columns: number): (help: KeyHelp) => Line[] {
  return ({ keys, does }) =>
    wrapText(does, columns - KEY_COLUMNS - 2).map((text, index) => [
      span(padToWidth(index === 0 ? `  ${keys}` : '', KEY_COLUMNS), THEME.key),
      span(text),
    ]);
}

export function helpKeys(
  page: HelpPage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (!isMove(key)) return undefined;
  return [{ kind: 'page', page: { ...page, top: moveInText(page.top, key, count, window) } }];
}
