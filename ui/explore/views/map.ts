import { type App, layerOf, measureOf, type Place, type View } from '../app.ts';
import { button, el, on, replace, style } from '../dom.ts';
import { nameText } from '../names.ts';
import { layerColour, layerMark, layerTitle, nothing, STATE_WORDS } from '../parts.ts';
import { countOf, shareText, sizeText } from '../text.ts';
import { MapItem, nearestNode, pathOf, type TreeNode } from '../tree.ts';
import { type Direction, layoutMap, type MapCell, neighbour } from '../treemap.ts';
import { fileGroup, FILE_GROUPS } from '../file-groups.ts';
import { ScopeList } from './scope.ts';

const LAYOUT = { depthMax: 8, areaMin: 60, cellsMax: 1500, title: 19, gap: 3 } as const;
const DIRECTIONS: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};

/** Files as rectangles: the larger, the more bytes. */
export class MapView implements View {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #scopes: ScopeList;
  readonly #crumbs = el('nav', { class: 'crumbs', 'aria-label': 'The folder that is drawn' });
  readonly #canvas: HTMLElement;
  readonly #said = el('p', { class: 'map-said', 'aria-hidden': 'true' });
  readonly #legend = el('ul', { class: 'legend', 'aria-label': 'Colours' });
  readonly #colours: HTMLSelectElement;
  #root: TreeNode | undefined;
  #top: TreeNode | undefined;
  #shownPlace: Place | undefined;
  #cells: readonly MapCell<MapItem>[] = [];
  #active = 0;

  constructor(app: App) {
    this.#app = app;
    this.#scopes = new ScopeList(app);
    this.#canvas = el('div', { class: 'map', role: 'tree', 'aria-label': 'Files by size' });
    this.#colours = on(
      el(
        'select',
        { 'aria-label': 'Colours say' },
        ...['layer', 'kind of file', 'change'].map((name) => el('option', { value: name }, name)),
      ),
      'change',
      () => this.#draw(),
    );
    on(this.#canvas, 'keydown', (event) => this.#key(event));
    on(this.#canvas, 'click', (event) => this.#enter(this.#cellAt(event.target)));
    on(this.#canvas, 'pointerover', (event) => this.#say(this.#cellAt(event.target)));
    on(this.#canvas, 'focusin', (event) => this.#say(this.#cellAt(event.target)));
    this.element = el(
      'div',
      { class: 'map-view' },
      this.#scopes.element,
      el(
        'div',
        { class: 'panel map-panel' },
        el('div', { class: 'toolbar' }, this.#crumbs, el('label', {}, 'colours: ', this.#colours)),
        this.#canvas,
        this.#said,
        this.#legend,
      ),
    );
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  show(place: Place): void {
    this.#scopes.show(place.tree);
    const isOther = this.#shownPlace?.tree !== place.tree;
    this.#shownPlace = place;
    if (isOther) this.#colours.value = this.#colourChoice(place);
    void this.#app.tree(place.tree).then(
      (root) => {
        if (this.#shownPlace !== place) return;
        this.#root = root;
        let top = nearestNode(root, place.path);
        while (top.kind !== 'd' && top.parent !== undefined) top = top.parent;
        this.#top = top;
        this.#draw();
      },
      (error: unknown) => replace(this.#canvas, nothing(error instanceof Error ? error.message : String(error))),
    );
  }

  #draw(): void {
    const [top, place] = [this.#top, this.#shownPlace];
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (top === undefined || place === undefined || width === 0) return;
    const hadFocus = this.#canvas.contains(document.activeElement);
    const item = new MapItem(top, measureOf(place.tree));
    this.#cells = layoutMap(item, { x: 0, y: 0, width, height }, LAYOUT);
    this.#active = 0;
    this.#showCrumbs(top, item.bytes);
    this.#showLegend(place);
    if (this.#cells.length === 0) return replace(this.#canvas, nothing('There is nothing with a size here.'));
    replace(this.#canvas, ...this.#cells.map((cell, at) => this.#box(cell, at, item.bytes)));
    if (hadFocus) this.#focus(0);
    this.#say(undefined);
  }

  #box(cell: MapCell<MapItem>, at: number, whole: number): HTMLElement {
    const { area, node: item, open, depth } = cell;
    const { node, left } = item;
    const name =
      left === undefined ? nameText(node.name) + (node.kind === 'd' ? '/' : '') : countOf(left.files, 'small file');
    const room = area.width > 36 && area.height > 18;
    const box = el(
      'div',
      {
        class: `cell ${open ? 'open' : 'closed'} ${left === undefined ? '' : 'left'}`,
        role: 'treeitem',
        tabindex: at === 0 ? 0 : -1,
        'data-cell': at,
        'aria-level': depth + 1,
        'aria-selected': 'false',
        'aria-expanded': item.children.length > 0 ? String(open) : undefined,
        'aria-label': `${name}, ${sizeText(item.bytes)}, ${shareText(item.bytes, whole)}`,
      },
      room ? el('span', { class: 'cell-name' }, name) : undefined,
      room && (open ? area.width > 130 : area.height > 38 && area.width > 60)
        ? el('span', { class: 'cell-size' }, sizeText(item.bytes))
        : undefined,
    );
    return style(box, {
      left: `${area.x}px`,
      top: `${area.y}px`,
      width: `${Math.max(0, area.width - 1)}px`,
      height: `${Math.max(0, area.height - 1)}px`,
      ...(open || left !== undefined ? {} : { '--colour': this.#colourOf(node) }),
    });
  }

  /** What tells most: layers where there are several. */
  #colourChoice({ tree }: Place): string {
    if (tree !== 'merged') return 'change';
    const filled = this.#app.source.data.report.layers.filter(({ content }) => content.bytes > 0);
    return filled.length > 1 ? 'layer' : 'kind of file';
  }

  #colourOf(node: TreeNode): string {
    const largest = largestFile(node);
    switch (this.#colours.value) {
      case 'change':
        return `var(--${STATE_WORDS[largest.state] ?? 'unchanged'})`;
      case 'kind of file':
        return `var(--group-${fileGroup(nameText(pathOf(largest)), largest.mode)})`;
      default:
        return layerColour(largest.layer);
    }
  }

  #showCrumbs(top: TreeNode, bytes: number): void {
    const above: TreeNode[] = [];
    for (let at: TreeNode | undefined = top; at !== undefined; at = at.parent) above.unshift(at);
    replace(
      this.#crumbs,
      ...above.map((node) =>
        node === top
          ? el(
              'span',
              { 'aria-current': 'location' },
              `${nameText(node.name) || '/'} `,
              el('span', { class: 'dim' }, sizeText(bytes)),
            )
          : button(nameText(node.name) || '/', () => this.#app.go({ path: pathOf(node) }), { class: 'link' }),
      ),
      button('show as list', () => this.#app.go({ tab: 'files', path: pathOf(top) }), { class: 'small' }),
    );
  }

  #showLegend({ tree }: Place): void {
    const { report } = this.#app.source.data;
    const entry = (colour: string, text: string): HTMLElement =>
      el('li', {}, style(el('span', { class: 'swatch' }), { background: colour }), text);
    const layer = layerOf(tree);
    switch (this.#colours.value) {
      case 'change':
        return replace(this.#legend, ...['added', 'changed', 'removed'].map((word) => entry(`var(--${word})`, word)));
      case 'kind of file':
        return replace(this.#legend, ...FILE_GROUPS.map(({ id, title }) => entry(`var(--group-${id})`, title)));
      default:
        return replace(
          this.#legend,
          ...report.layers
            .filter(({ number, content }) => (layer === undefined ? content.bytes > 0 : number === layer))
            .map((one) =>
              el(
                'li',
                { title: layerTitle(report, one) },
                layerMark(one.number),
                el('span', { class: 'cut' }, layerTitle(report, one)),
              ),
            ),
        );
    }
  }

  #cellAt(target: EventTarget | null): number | undefined {
    const box = target instanceof Element ? target.closest('[data-cell]') : null;
    return box === null ? undefined : Number(box.getAttribute('data-cell'));
  }

  #say(at: number | undefined): void {
    const cell = at === undefined ? undefined : this.#cells[at];
    if (cell === undefined) {
      this.#said.textContent = 'Arrows move, Enter goes into a folder or shows a file, Backspace goes up.';
      return;
    }
    const { node, bytes, left } = cell.node;
    const path = `/${nameText(pathOf(node))}`;
    const words =
      left === undefined ? path : `${path}: ${countOf(left.files, 'small file')} that this page does not hold`;
    const about =
      left === undefined
        ? ` · layer ${largestFile(node).layer}${node.extras.package === undefined ? '' : ` · ${node.extras.package}`}`
        : '';
    this.#said.textContent = `${words} · ${sizeText(bytes)} · ${shareText(bytes, this.#root === undefined ? bytes : measureOf(this.#app.place.tree)(this.#root))}${about}`;
  }

  #enter(at: number | undefined): void {
    const cell = at === undefined ? undefined : this.#cells[at];
    if (cell === undefined || cell.node.left !== undefined) return;
    const { node } = cell.node;
    if (node.kind === 'd') this.#app.go({ path: pathOf(node) });
    else this.#app.go({ tab: 'files', path: pathOf(node) });
  }

  #focus(at: number): void {
    const boxes = this.#canvas.querySelectorAll<HTMLElement>('[data-cell]');
    boxes[this.#active]?.setAttribute('tabindex', '-1');
    const box = boxes[at];
    if (box === undefined) return;
    this.#active = at;
    box.tabIndex = 0;
    box.focus();
  }

  #key(event: KeyboardEvent): void {
    const at = this.#cellAt(event.target);
    const cell = at === undefined ? undefined : this.#cells[at];
    if (at === undefined || cell === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = DIRECTIONS[event.key];
    if (direction !== undefined) {
      // Those beside it in the same folder first; at its edge, those of the same depth in others.
      const beside =
        this.#near(cell, direction, (other) => other.parent === cell.parent) ??
        this.#near(cell, direction, ({ depth }) => depth === cell.depth);
      if (beside !== undefined) this.#focus(beside);
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.#enter(at);
    } else if (event.key === 'Backspace' || event.key === 'Escape') {
      if (this.#top?.parent !== undefined) this.#app.go({ path: pathOf(this.#top.parent) });
    } else if (event.key === '+' || event.key === 'PageDown') {
      const child = this.#cells.findIndex(({ parent }) => parent === cell);
      if (child !== -1) this.#focus(child);
    } else if (event.key === '-' || event.key === 'PageUp') {
      if (cell.parent !== undefined) this.#focus(this.#cells.indexOf(cell.parent));
    } else return;
    event.preventDefault();
  }

  #near(
    from: MapCell<MapItem>,
    direction: Direction,
    isMeant: (cell: MapCell<MapItem>) => boolean,
  ): number | undefined {
    const others = this.#cells.filter((cell) => cell !== from && isMeant(cell));
    const found = neighbour(
      from.area,
      others.map(({ area }) => area),
      direction,
    );
    const cell = found === undefined ? undefined : others[found];
    return cell === undefined ? undefined : this.#cells.indexOf(cell);
  }
}

/** The file that gives a closed folder its colour. */
function largestFile(node: TreeNode): TreeNode {
  let at = node;
  while (at.children.length > 0)
    at = at.children.reduce((largest, child) => (child.bytes > largest.bytes ? child : largest));
  return at;
}
