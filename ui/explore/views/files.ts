import type { TreeName } from '../../../src/web/index.ts';
import { type App, layerOf, measureOf, type Place, type View } from '../app.ts';
import { button, el, on, replace } from '../dom.ts';
import { nameBytes } from '../names.ts';
import { nothing, STATE_WORDS } from '../parts.ts';
import { countOf, countText } from '../text.ts';
import { findNodes, nearestNode, pathOf, type TreeNode, visibleRows } from '../tree.ts';
import { FileDetails } from './file-details.ts';
import { ScopeList } from './scope.ts';
import { TreeRows } from './tree-rows.ts';

/** Entries that a search shows. */
const FOUND_MAX = 5000;
/** Milliseconds without a key after which a search begins. */
const SEARCH_DELAY_MS = 120;

/** The file tree of the image or of a layer, and what is known of the chosen entry. */
export class FilesView implements View {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  readonly #app: App;
  readonly #scopes: ScopeList;
  readonly #rows: TreeRows;
  readonly #details: FileDetails;
  readonly #status = el('span', { class: 'dim status', role: 'status' });
  readonly #expanded = new Set<TreeNode>();
  readonly #states = new Set(['+', '~', '-', '=']);
  readonly #filters = el('div', { class: 'filters', role: 'group', 'aria-label': 'Show' });
  #order: 'name' | 'size' = 'size';
  #root: TreeNode | undefined;
  #tree: TreeName | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(app: App) {
    this.#app = app;
    this.#scopes = new ScopeList(app);
    this.#details = new FileDetails(app);
    this.#rows = new TreeRows({
      toggle: (node, open) => this.#toggle(node, open),
      choose: (node) => app.go({ path: pathOf(node) }),
      isOpen: (node) => this.#isOpen(node),
    });
    this.search = on(
      el('input', {
        type: 'search',
        placeholder: 'Search files',
        'aria-label': 'Search files',
        'aria-keyshortcuts': '/',
        spellcheck: 'false',
      }),
      'input',
      () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#fill(), SEARCH_DELAY_MS);
      },
    );
    on(this.search, 'keydown', (event) => {
      if (event.key === 'ArrowDown' || event.key === 'Enter') {
        event.preventDefault();
        this.#rows.focus();
      }
    });
    this.element = el(
      'div',
      { class: 'files' },
      this.#scopes.element,
      el(
        'div',
        { class: 'panel tree-panel' },
        el('div', { class: 'toolbar' }, this.search, this.#orderSwitch(), this.#filters),
        this.#rows.element,
        el('div', { class: 'tree-foot' }, this.#status),
      ),
      this.#details.element,
    );
  }

  show(place: Place): void {
    this.#scopes.show(place.tree);
    if (this.#tree === place.tree) return this.#choose(place.path);
    this.#tree = place.tree;
    this.#root = undefined;
    this.#rows.fill([], undefined);
    this.#status.textContent = 'reading …';
    this.#app.tree(place.tree).then(
      (root) => {
        if (this.#tree !== place.tree) return;
        this.#root = root;
        this.#showFilters();
        this.#openFirst(root);
        this.#fill();
        this.#choose(this.#app.place.path);
      },
      (error: unknown) => {
        if (this.#tree !== place.tree) return;
        this.#status.textContent = error instanceof Error ? error.message : String(error);
        replace(this.#details.element, nothing('There is nothing to show.'));
      },
    );
  }

  /** Opens what there is only one of, so that a small layer is seen whole. */
  #openFirst(root: TreeNode): void {
    for (let node = root; node.children.length <= 3;) {
      const [only] = node.children.filter(({ kind }) => kind === 'd');
      if (only === undefined) break;
      for (const child of node.children) this.#expanded.add(child);
      node = only;
    }
  }

  #choose(path: string): void {
    if (this.#root === undefined || this.#tree === undefined) return;
    const node = nearestNode(this.#root, path);
    let hidden = false;
    for (let at = node.parent; at !== undefined; at = at.parent) {
      if (at.place !== -1 && !this.#isOpen(at)) hidden = true;
      this.#expanded.add(at);
    }
    if (hidden) this.#fill();
    this.#rows.choose(node.place === -1 ? undefined : node);
    this.#details.show(node, this.#tree);
  }

  #isOpen(node: TreeNode): boolean {
    return this.#isSearching() ? node.children.length > 0 : this.#expanded.has(node);
  }

  #isSearching(): boolean {
    return this.search.value.trim() !== '' || this.#states.size < 4;
  }

  #toggle(node: TreeNode, open: boolean): void {
    if (open) this.#expanded.add(node);
    else this.#expanded.delete(node);
    this.#fill();
  }

  #fill(): void {
    const [root, tree] = [this.#root, this.#tree];
    if (root === undefined || tree === undefined) return;
    const text = nameBytes(this.search.value.trim().toLowerCase());
    const matches = this.#isSearching() ? findNodes(root, { text, states: this.#states }, FOUND_MAX) : undefined;
    const measure = measureOf(tree);
    const rows = visibleRows(root, { expanded: this.#expanded, order: this.#order, measure, matches });
    this.#rows.fill(rows, { whole: Math.max(1, measure(root)), measure, showsState: tree !== 'merged' });
    const more = matches?.size === FOUND_MAX ? ', the first ones' : '';
    this.#status.textContent =
      matches === undefined ? summary(root, tree) : `${countOf(matches.size, 'match', 'matches')}${more}`;
  }

  #orderSwitch(): HTMLElement {
    const choice = button('by size', () => {
      this.#order = this.#order === 'size' ? 'name' : 'size';
      choice.textContent = `by ${this.#order}`;
      this.#fill();
    });
    choice.title = 'Order by size or by name';
    return choice;
  }

  #showFilters(): void {
    const tree = this.#tree ?? 'merged';
    const layer = layerOf(tree);
    if (layer === undefined) return replace(this.#filters);
    const states = (tree.startsWith('state') ? ['+', '~', '-', '='] : ['+', '~', '-']).map((state) => {
      const choice = button(STATE_WORDS[state], () => {
        if (this.#states.has(state)) this.#states.delete(state);
        else this.#states.add(state);
        choice.setAttribute('aria-pressed', String(this.#states.has(state)));
        this.#fill();
      });
      choice.className = `state-filter state-${STATE_WORDS[state] ?? ''}`;
      choice.setAttribute('aria-pressed', String(this.#states.has(state)));
      return choice;
    });
    const isWhole = tree.startsWith('state');
    const whole = this.#app.source.isServed
      ? button('whole tree', () => this.#app.go({ tree: isWhole ? `changes-${layer}` : `state-${layer}` }), {
          'aria-pressed': String(isWhole),
          title: 'Also show what this layer leaves as it was',
        })
      : undefined;
    replace(this.#filters, ...states, whole);
  }
}

/** `12 added, 3 changed, 1 removed`. */
function summary(root: TreeNode, tree: TreeName): string {
  if (!tree.startsWith('changes')) return countOf(root.files, 'file');
  const counts: Record<string, number> = {};
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.kind !== 'd') counts[node.state] = (counts[node.state] ?? 0) + 1;
    for (const child of node.children) stack.push(child);
  }
  const words = Object.entries(counts).map(([state, count]) => `${countText(count)} ${STATE_WORDS[state] ?? ''}`);
  return words.length === 0 ? 'This layer changes no files.' : words.join(', ');
}
