import type { ExplorationReport, ExploredLayer } from '../../src/explore/index.ts';
import { type Child, el, style, svg } from './dom.ts';
import { nameText } from './names.ts';
import { sizeText, visibleName } from './text.ts';

/** Colours that layers are told apart by; they begin again after the last. */
const LAYER_COLOURS = 10;

export function layerColour(layer: number): string {
  return `var(--layer-${layer % LAYER_COLOURS})`;
}

/** A square in the colour of a layer, with its number. */
export function layerMark(layer: number): HTMLElement {
  return style(el('span', { class: 'layer-mark', title: `layer ${layer}` }, String(layer)), {
    '--colour': layerColour(layer),
  });
}

export const STATE_WORDS: Readonly<Record<string, string>> = {
  '+': 'added',
  '~': 'changed',
  '-': 'removed',
  '=': 'unchanged',
};

/** The instruction that made a layer, for people. */
export function layerTitle(report: ExplorationReport, layer: ExploredLayer): string {
  const instruction = layer.instruction === undefined ? undefined : report.instructions[layer.instruction];
  return visibleName(instruction?.text ?? '') || 'no history';
}

/** An instruction with its keyword set off. */
export function instruction(text: string): HTMLElement {
  const shown = visibleName(text);
  const [, keyword = '', rest = ''] = /^([A-Z]+)(\s.*)?$/s.exec(shown) ?? [];
  return keyword === ''
    ? el('code', { class: 'instruction' }, shown)
    : el('code', { class: 'instruction' }, el('b', {}, keyword), rest);
}

/** A path with its last part set off; nothing of it is hidden. */
export function pathLabel(bytes: string): HTMLElement {
  const text = nameText(bytes);
  const cut = text.replace(/\/$/, '').lastIndexOf('/') + 1;
  return el('span', { class: 'path' }, el('span', { class: 'dim' }, `/${text.slice(0, cut)}`), text.slice(cut));
}

/** A bar that shows a part of a whole; the words beside it say the same. */
export function bar(part: number, whole: number, colour: string): HTMLElement {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return el(
    'span',
    { class: 'bar', 'aria-hidden': 'true' },
    style(el('span', {}), { width: `${Math.max(share * 100, part > 0 ? 1 : 0)}%`, background: colour }),
  );
}

/** A ring that is closed as far as `share` says, with what it says inside. */
export function ring(share: number, label: string): SVGSVGElement {
  const length = 2 * Math.PI * 26;
  const filled = Math.max(0, Math.min(1, share)) * length;
  return svg(
    'svg',
    {
      class: `ring ${share >= 0.95 ? 'good' : share >= 0.85 ? 'fair' : 'poor'}`,
      viewBox: '0 0 64 64',
      role: 'img',
      'aria-label': label,
    },
    svg('circle', { class: 'ring-back', cx: 32, cy: 32, r: 26 }),
    svg('circle', {
      class: 'ring-front',
      cx: 32,
      cy: 32,
      r: 26,
      'stroke-dasharray': `${filled} ${length}`,
      transform: 'rotate(-90 32 32)',
    }),
  );
}

export interface Column<T> {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
  readonly class?: string;
  readonly cell: (row: T) => Child;
  /** What rows are ordered by when this column is chosen. */
  readonly key?: (row: T) => number | string;
}

export interface TableOptions<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** The column that rows come ordered by. */
  readonly ordered?: string;
}

/** A table whose rows can be ordered by its headings. */
export function table<T>({ label, columns, rows, ordered }: TableOptions<T>): HTMLElement {
  let [by, isDown] = [ordered, true];
  const body = el('tbody');
  const heads = columns.map((column) => {
    const title =
      column.key === undefined ? el('span', {}, column.title) : el('button', { type: 'button' }, column.title);
    const head = el('th', { scope: 'col', class: classOf(column) }, title);
    title.addEventListener('click', () => {
      if (column.key === undefined) return;
      isDown = by === column.title ? !isDown : column.isNumber === true;
      by = column.title;
      fill();
    });
    return head;
  });
  const fill = (): void => {
    const place = columns.findIndex(({ title }) => title === by);
    const key = columns[place]?.key;
    const sorted = key === undefined ? rows : rows.toSorted((a, b) => compare(key(a), key(b)) * (isDown ? -1 : 1));
    body.replaceChildren(
      ...sorted.map((row) =>
        el('tr', {}, ...columns.map((column) => el('td', { class: classOf(column) }, column.cell(row)))),
      ),
    );
    for (const [at, head] of heads.entries())
      if (at === place && key !== undefined) head.setAttribute('aria-sort', isDown ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
  };
  fill();
  return el(
    'div',
    { class: 'scroll-x', tabindex: 0, role: 'region', 'aria-label': label },
    el('table', {}, el('caption', { class: 'hidden' }, label), el('thead', {}, el('tr', {}, ...heads)), body),
  );
}

function classOf<T>({ isNumber, class: own }: Column<T>): string | undefined {
  return [isNumber === true ? 'number' : '', own ?? ''].join(' ').trim() || undefined;
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}

/** A count with its sign, dim where there is none: `+12 MB`. */
export function sum(sign: string, { files, bytes }: { readonly files: number; readonly bytes: number }): HTMLElement {
  if (files === 0) return el('span', { class: 'dim' }, '–');
  return el('span', { title: `${files} files` }, `${sign}${sizeText(bytes)}`);
}

/** Something that is not there, in words. */
export function nothing(text: string): HTMLElement {
  return el('p', { class: 'nothing' }, text);
}

export function badge(text: string, kind: string = ''): HTMLElement {
  return el('span', { class: `badge ${kind}` }, text);
}
