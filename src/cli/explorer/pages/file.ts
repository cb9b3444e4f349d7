import { toText } from '../../../base/index.ts';
import { type FileLook, type FilePlace, formatHex, type TreeEntry } from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import type { Line, Span } from '../../terminal/screen.ts';
import { shownLine, shownText } from '../../terminal/shown-text.ts';
import { entryPath } from '../details.ts';
import { field, type Rows, rowsOf } from '../lines.ts';
import { isMove, moveInText } from '../scrolling.ts';
import type { Action, ExplorerModel } from '../state.ts';
import { span, THEME } from '../theme.ts';
import { elfLines } from './elf-lines.ts';
import type { PageView } from './page-view.ts';
import { shiftLine, windowOf } from './text-window.ts';

/** What is in a file: its text, its bytes, what an ELF file needs, the layers that have it. */
export interface FilePage {
  readonly kind: 'file';
  readonly place: FilePlace;
  readonly entry: TreeEntry;
  readonly content:
    | { readonly kind: 'loading' }
    | { readonly kind: 'failed'; readonly message: string }
    | { readonly kind: 'looked'; readonly look: FileLook; readonly lines: readonly string[] };
  readonly tab: FileTab;
  readonly top: number;
  readonly left: number;
  /** The part of the file that was read last, for the bytes. */
  readonly part: { readonly offset: number; readonly bytes: Uint8Array } | undefined;
  /** What is looked for, in lower case, and the line where it was found last. */
  readonly find: { readonly text: string; readonly line: number } | undefined;
}

export type FileTab = 'text' | 'hex' | 'elf' | 'layers';

/** So much is read at once. */
export const PART_BYTES: number = 64 * 1024;
const HEX_ROW_BYTES = 16;
/** How far one key goes to the side. */
const SIDE_COLUMNS = 8;

export function filePage(place: FilePlace, entry: TreeEntry): FilePage {
  return {
    kind: 'file',
    place,
    entry,
    content: { kind: 'loading' },
    tab: 'text',
    top: 0,
    left: 0,
    part: undefined,
    find: undefined,
  };
}

export function withLook(page: FilePage, look: FileLook): FilePage {
  const lines = look.text === undefined || look.text === '' ? [] : look.text.replace(/\n$/, '').split('\n');
  const part = look.head === undefined ? page.part : { offset: 0, bytes: look.head };
  const looked: FilePage = { ...page, content: { kind: 'looked', look, lines }, part };
  return { ...looked, tab: tabsOf(looked)[0] ?? 'text' };
}

/** The views that there are of this file. */
export function tabsOf({ content, entry }: FilePage): readonly FileTab[] {
  if (content.kind !== 'looked') return ['text'];
  const { type, elf } = content.look;
  return [
    ...(elf === undefined ? [] : ['elf' as const]),
    ...(type === 'binary' ? [] : ['text' as const]),
    ...(entry.kind === 'file' && entry.sizeBytes > 0 ? ['hex' as const] : []),
    'layers',
  ];
}

export function fileView(model: ExplorerModel, page: FilePage, columns: number): PageView {
  const tabs = tabsOf(page);
  return {
    heading: `${entryPath(page.place.path)}, as of layer ${page.place.layer}`,
    head: [factsLine(page), tabLine(page, tabs)],
    rows: fileRows(model, page, columns),
    top: page.top,
    selected: undefined,
    hints: [
      ...(tabs.length > 1 ? [['Tab', 'next view'] as const] : []),
      ['/', 'find'],
      ['d', 'diff'],
      ['x', 'export'],
      ['q', 'back'],
    ],
  };
}

function factsLine({ entry, content }: FilePage): Line {
  const sha256 = content.kind === 'looked' ? content.look.sha256 : undefined;
  const facts = [
    humanSize(entry.sizeBytes),
    entry.mode.toString(8).padStart(4, '0'),
    `${entry.uid}:${entry.gid}`,
    ...(entry.package === undefined ? [] : [shownText(entry.package)]),
    ...(entry.capabilities === undefined ? [] : [shownText(entry.capabilities)]),
    ...(entry.xattrs.length === 0 ? [] : [shownText(entry.xattrs.map(toText).join(' '))]),
    ...(sha256 === undefined ? [] : [`sha256:${sha256}`]),
  ];
  return [span(`  ${facts.join(' · ')}`, THEME.dim)];
}

function tabLine({ tab, find }: FilePage, tabs: readonly FileTab[]): Line {
  const names = tabs.flatMap((one) => [span(` ${one} `, one === tab ? THEME.chosen : THEME.dim), span(' ')]);
  return [span('  '), ...names, ...(find === undefined ? [] : [span(` find: ${shownText(find.text)}`, THEME.dim)])];
}

function fileRows(model: ExplorerModel, page: FilePage, columns: number): Rows {
  const { content } = page;
  if (content.kind === 'loading') return rowsOf([[span('  reading …', THEME.dim)]]);
  if (content.kind === 'failed') return rowsOf([[span(`  ${shownText(content.message)}`, THEME.bad)]]);
  const { look, lines } = content;
  if (page.tab === 'elf') return rowsOf(elfLines(look.elf, columns));
  if (page.tab === 'layers') return rowsOf(historyLines(model, look, columns));
  if (page.tab === 'hex') return hexRows(page);
  if (look.type === 'empty') return rowsOf([[span('  the file is empty', THEME.dim)]]);
  return textRows(page, look, lines, columns);
}

function textRows({ left, find }: FilePage, look: FileLook, lines: readonly string[], columns: number): Rows {
  const digits = String(lines.length).length;
  const cut: Line[] = look.isCut ? [[span('  the text goes on: x writes the whole file', THEME.dim)]] : [];
  return {
    count: lines.length + cut.length,
    row: (index) => {
      const line = lines[index];
      if (line === undefined) return cut[index - lines.length] ?? [];
      const shown = shiftLine(shownLine(windowOf(line, left, columns)), left);
      return [span(`${String(index + 1).padStart(digits)} `, THEME.dim), ...marked(shown, find?.text)];
    },
  };
}

/** The places of what is looked for stand out. */
function marked(text: string, find: string | undefined): Span[] {
  if (find === undefined || find === '') return [span(text)];
  const spans: Span[] = [];
  const folded = text.toLowerCase();
  // Where folding changes lengths, places would be wrong.
  if (folded.length !== text.length) return [span(text)];
  let at = 0;
  for (let hit = folded.indexOf(find); hit !== -1; hit = folded.indexOf(find, at)) {
    spans.push(span(text.slice(at, hit)), span(text.slice(hit, hit + find.length), THEME.match));
    at = hit + find.length;
  }
  return [...spans, span(text.slice(at))];
}

function hexRows({ entry, part }: FilePage): Rows {
  return {
    count: Math.ceil(entry.sizeBytes / HEX_ROW_BYTES),
    row: (index) => {
      const from = index * HEX_ROW_BYTES - (part?.offset ?? 0);
      if (part === undefined || from < 0 || from >= part.bytes.byteLength) return [span('  …', THEME.dim)];
      const bytes = part.bytes.subarray(from, from + HEX_ROW_BYTES);
      return [span(formatHex(bytes, index * HEX_ROW_BYTES).trimEnd())];
    },
  };
}

function historyLines({ image }: ExplorerModel, look: FileLook, columns: number): Line[] {
  return look.history.flatMap((one) => {
    const layer = image.report.layers[one.layer];
    const instruction = layer?.instruction === undefined ? undefined : image.report.instructions[layer.instruction];
    const what =
      one.kind === 'absent'
        ? 'deleted'
        : `${one.kind}, ${humanSize(one.sizeBytes)}, ${one.mode.toString(8).padStart(4, '0')}`;
    return [
      ...field(`layer ${one.layer}`, [span(what, one.kind === 'absent' ? THEME.removed : undefined)], columns),
      ...(one.sha256 === undefined ? [] : field('', `sha256:${one.sha256}`, columns)),
      ...field('', shownText(instruction?.text ?? ''), columns),
    ];
  });
}

export function fileKeys(
  page: FilePage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (isMove(key)) return moved({ ...page, top: moveInText(page.top, key, count, window) }, window);
  const side = { left: -SIDE_COLUMNS, h: -SIDE_COLUMNS, right: SIDE_COLUMNS, l: SIDE_COLUMNS }[key];
  if (side !== undefined) return [{ kind: 'page', page: { ...page, left: Math.max(0, page.left + side) } }];
  const turn = { tab: 1, 'shift+tab': -1 }[key];
  if (turn !== undefined) {
    const tabs = tabsOf(page);
    const tab = tabs[(tabs.indexOf(page.tab) + turn + tabs.length) % tabs.length] ?? page.tab;
    return moved({ ...page, tab, top: 0, left: 0 }, window);
  }
  if (page.find !== undefined && (key === 'n' || key === 'N'))
    return found(page, page.find.text, key === 'n' ? 1 : -1, window);
  return undefined;
}

/** The page, and what of the file has to be read to show it. */
export function moved(page: FilePage, window: number): readonly Action[] {
  const actions: Action[] = [{ kind: 'page', page }];
  const missing = missingPart(page, window);
  if (missing !== undefined) {
    actions.push({
      kind: 'effect',
      effect: { kind: 'read', place: page.place, offset: missing, lengthBytes: PART_BYTES },
    });
  }
  return actions;
}

function missingPart({ tab, top, entry, part }: FilePage, window: number): number | undefined {
  if (tab !== 'hex') return undefined;
  const from = top * HEX_ROW_BYTES;
  const to = Math.min(entry.sizeBytes, from + window * HEX_ROW_BYTES);
  if (part !== undefined && part.offset <= from && part.offset + part.bytes.byteLength >= to) return undefined;
  // Some rows before, for the way back.
  return Math.max(0, from - PART_BYTES / 4 - ((from - PART_BYTES / 4) % HEX_ROW_BYTES));
}

/** Goes to the next line that has the text, in any case, and round at the end. */
export function found(page: FilePage, text: string, direction: 1 | -1, window: number): readonly Action[] {
  const find = text.toLowerCase();
  if (find === '') return [{ kind: 'page', page: { ...page, find: undefined } }];
  const lines = page.content.kind === 'looked' ? page.content.lines : [];
  const start = page.find?.text === find ? page.find.line + direction : page.top;
  for (let step = 0; step < lines.length; step++) {
    const line = (start + step * direction + lines.length) % lines.length;
    if (lines[line]?.toLowerCase().includes(find) !== true) continue;
    const top = Math.min(line, Math.max(0, lines.length - window));
    return [{ kind: 'page', page: { ...page, find: { text: find, line }, tab: 'text', top } }];
  }
  return [{ kind: 'say', text: `not found: ${text}`, isError: true }];
}
