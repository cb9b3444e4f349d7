import { el, on, style } from '../dom.ts';
import { nameText } from '../names.ts';
import { layerColour, STATE_WORDS } from '../parts.ts';
import { rowsInSight, scrollToRow } from '../rows.ts';
import { countOf, modeText, shareText, sizeText } from '../text.ts';
import { pathOf, type TreeNode } from '../tree.ts';

const ROW_HEIGHT = 26;

export interface TreeRowsOptions {
  readonly toggle: (node: TreeNode, open: boolean) => void;
  readonly choose: (node: TreeNode) => void;
  readonly isOpen: (node: TreeNode) => boolean;
}

interface Measures {
  readonly whole: number;
  readonly measure: (node: TreeNode) => number;
  /** Whether rows say what happened to their entry; else which layer it is from. */
  readonly showsState: boolean;
}

/**
 * A tree of which only the rows in sight are in the document. The focus stays on the tree as a whole, and
 * `aria-activedescendant` says which row is meant (ARIA practices, "Tree View").
 */
export class TreeRows {
  readonly element: HTMLElement;
  readonly #options: TreeRowsOptions;
  readonly #space = el('div', { class: 'rows-space', role: 'presentation' });
  #rows: readonly TreeNode[] = [];
  #measures: Measures = { whole: 1, measure: ({ bytes }) => bytes, showsState: false };
  #active: TreeNode | undefined;
  #chosen: TreeNode | undefined;
  #siblings = new Map<TreeNode, { readonly place: number; readonly count: number }>();

  constructor(options: TreeRowsOptions) {
    this.#options = options;
    this.element = el('div', { class: 'rows', role: 'tree', tabindex: 0, 'aria-label': 'Files' }, this.#space);
    on(this.element, 'scroll', () => this.#draw());
    on(this.element, 'keydown', (event) => this.#key(event));
    on(this.element, 'click', (event) => this.#click(event));
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  fill(rows: readonly TreeNode[], measures: Measures | undefined): void {
    this.#rows = rows;
    if (measures !== undefined) this.#measures = measures;
    this.#siblings = siblingsOf(rows);
    if (this.#active !== undefined && !rows.includes(this.#active)) this.#active = undefined;
    style(this.#space, { height: `${rows.length * ROW_HEIGHT}px` });
    this.#draw();
  }

  choose(node: TreeNode | undefined): void {
    this.#chosen = node;
    if (node === undefined) {
      this.#active = undefined;
      this.element.scrollTop = 0;
    } else this.#activate(this.#rows.indexOf(node));
    this.#draw();
  }

  focus(): void {
    if (this.#active === undefined) this.#activate(0);
    this.element.focus();
  }

  #activate(row: number): void {
    const node = this.#rows[row];
    if (node === undefined) return;
    this.#active = node;
    const { scrollTop, clientHeight } = this.element;
    this.element.scrollTop = scrollToRow(row, ROW_HEIGHT, scrollTop, clientHeight);
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#active === undefined ? -1 : this.#rows.indexOf(this.#active);
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: Math.min(this.#rows.length - 1, at + 1),
      ArrowUp: Math.max(0, at - 1),
      PageDown: Math.min(this.#rows.length - 1, at + page),
      PageUp: Math.max(0, at - page),
      Home: 0,
      End: this.#rows.length - 1,
    };
    const move = moves[event.key];
    if (move !== undefined) this.#activate(move);
    else if (!this.#act(event.key, at)) return;
    event.preventDefault();
  }

  #act(key: string, at: number): boolean {
    const node = this.#rows[at];
    if (node === undefined) return false;
    const isOpen = this.#options.isOpen(node);
    switch (key) {
      case 'ArrowRight':
        if (isFolder(node) && !isOpen) this.#options.toggle(node, true);
        else if (this.#rows[at + 1]?.parent === node) this.#activate(at + 1);
        return true;
      case 'ArrowLeft':
        if (isFolder(node) && isOpen) this.#options.toggle(node, false);
        else if (node.parent !== undefined) this.#activate(this.#rows.indexOf(node.parent));
        return true;
      case 'Enter':
        this.#options.choose(node);
        return true;
      case ' ':
        if (isFolder(node)) this.#options.toggle(node, !isOpen);
        this.#options.choose(node);
        return true;
      default:
        return false;
    }
  }

  #click(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target.closest('[data-row]') : undefined;
    const node = this.#rows[Number(target?.getAttribute('data-row'))];
    if (target === null || target === undefined || node === undefined) return;
    this.#active = node;
    if (isFolder(node)) this.#options.toggle(node, !this.#options.isOpen(node));
    this.#options.choose(node);
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.element;
    const { start, end } = rowsInSight(this.#rows.length, ROW_HEIGHT, scrollTop, clientHeight);
    this.#space.replaceChildren(...this.#rows.slice(start, end).map((node, place) => this.#row(node, start + place)));
    const row = this.#active === undefined ? -1 : this.#rows.indexOf(this.#active);
    if (row >= start && row < end) this.element.setAttribute('aria-activedescendant', `row-${row}`);
    else this.element.removeAttribute('aria-activedescendant');
  }

  #row(node: TreeNode, row: number): HTMLElement {
    const { measure, whole, showsState } = this.#measures;
    const bytes = measure(node);
    const folder = isFolder(node);
    const { place, count } = this.#siblings.get(node) ?? { place: 0, count: 0 };
    const state = STATE_WORDS[node.state] ?? '';
    const element = el(
      'div',
      {
        class: `row ${showsState ? `state-${state}` : ''} ${node === this.#active ? 'active' : ''}`,
        id: `row-${row}`,
        'data-row': row,
        role: 'treeitem',
        'aria-level': node.depth,
        'aria-setsize': count,
        'aria-posinset': place,
        'aria-expanded': folder ? String(this.#options.isOpen(node)) : undefined,
        'aria-selected': String(node === this.#chosen),
        'aria-label': `${nameText(node.name)}, ${sizeText(bytes)}${showsState ? `, ${state}` : `, layer ${node.layer}`}`,
        title: `/${nameText(pathOf(node))}`,
      },
      el('span', { class: 'twist' }, folder ? '▸' : ''),
      el('span', { class: showsState ? 'state-sign' : 'layer-dot' }, showsState ? signOf(node) : ''),
      el('span', { class: folder ? 'name folder' : 'name' }, nameText(node.name), ...targetOf(node)),
      el('span', { class: 'mode dim' }, modeText(node.mode)),
      el('span', { class: 'owner dim' }, node.owner),
      el(
        'span',
        { class: 'share', 'aria-hidden': 'true' },
        style(el('span', {}), { width: `${(bytes / whole) * 100}%` }),
      ),
      el('span', { class: 'number size' }, sizeText(bytes)),
    );
    return style(element, {
      top: `${row * ROW_HEIGHT}px`,
      '--depth': node.depth,
      '--colour': layerColour(node.layer),
    });
  }
}

function isFolder({ kind }: TreeNode): boolean {
  return kind === 'd';
}

function signOf({ state }: TreeNode): string {
  return state === '=' ? '' : state === '-' ? '−' : state;
}

function targetOf({ kind, extras, left }: TreeNode): (HTMLElement | undefined)[] {
  return [
    kind === 'l' ? el('span', { class: 'dim' }, ` → ${nameText(extras.target ?? '')}`) : undefined,
    left === undefined
      ? undefined
      : el(
          'span',
          { class: 'dim' },
          ` … and ${countOf(left.files, 'small file')}, ${shareText(left.bytes, left.bytes) === '0 %' ? '0 B' : sizeText(left.bytes)}`,
        ),
  ];
}

/** Of each row, which of its parent's it is, and of how many. */
function siblingsOf(rows: readonly TreeNode[]): Map<TreeNode, { place: number; count: number }> {
  const counts = new Map<TreeNode | undefined, number>();
  const places = new Map<TreeNode, number>();
  for (const row of rows) {
    const place = (counts.get(row.parent) ?? 0) + 1;
    counts.set(row.parent, place);
    places.set(row, place);
  }
  return new Map(rows.map((row) => [row, { place: places.get(row) ?? 1, count: counts.get(row.parent) ?? 1 }]));
}
