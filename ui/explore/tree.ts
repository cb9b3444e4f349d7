import type { EntryExtras, PageTree } from '../../src/web/index.ts';

/** An entry of a tree, or the root. Names are bytes, a character each. */
export interface TreeNode {
  /** In the columns; -1 for the root. */
  readonly place: number;
  readonly name: string;
  readonly depth: number;
  readonly parent: TreeNode | undefined;
  /** By name. */
  readonly children: TreeNode[];
  readonly kind: string;
  readonly state: string;
  readonly bytes: number;
  readonly newBytes: number;
  /** Of a directory: of all that was removed below it. */
  removedBytes: number;
  readonly files: number;
  readonly layer: number;
  readonly mode: number;
  readonly owner: string;
  readonly extras: EntryExtras;
  /** What the page was not given of a directory. */
  readonly left: { readonly files: number; readonly bytes: number } | undefined;
}

const NO_EXTRAS: EntryExtras = {};

/** The columns as nodes. */
export function buildTree(tree: PageTree): TreeNode {
  const root = makeRoot(tree);
  const open: TreeNode[] = [root];
  for (const [place, name] of tree.names.entries()) {
    const depth = tree.depths[place] ?? 1;
    const parent = open[depth - 1] ?? root;
    const node: TreeNode = {
      place,
      name,
      depth,
      parent,
      children: [],
      kind: tree.kinds[place] ?? 'f',
      state: tree.states[place] ?? '=',
      bytes: tree.sizes[place] ?? 0,
      newBytes: tree.newBytes[place] ?? 0,
      removedBytes: 0,
      files: tree.files[place] ?? 1,
      layer: tree.layers[place] ?? 0,
      mode: tree.modes[place] ?? 0,
      owner: tree.ownerNames[tree.owners[place] ?? 0] ?? '',
      extras: tree.extras[place] ?? NO_EXTRAS,
      left: tree.left[place],
    };
    parent.children.push(node);
    open[depth] = node;
    if (node.state === '-') {
      node.removedBytes = node.bytes;
      // A removed directory counts what it held.
      if (parent.state !== '-')
        for (let at: TreeNode | undefined = parent; at !== undefined; at = at.parent) at.removedBytes += node.bytes;
    }
  }
  return root;
}

function makeRoot({ total, left }: PageTree): TreeNode {
  return {
    place: -1,
    name: '',
    depth: 0,
    parent: undefined,
    children: [],
    kind: 'd',
    state: '=',
    bytes: total.bytes,
    newBytes: total.newBytes,
    removedBytes: 0,
    files: total.files,
    layer: 0,
    mode: 0o755,
    owner: '0:0',
    extras: NO_EXTRAS,
    left: left[-1],
  };
}

/** `usr/bin/env`; empty for the root. */
export function pathOf(node: TreeNode): string {
  const parts: string[] = [];
  for (let at: TreeNode | undefined = node; at?.parent !== undefined; at = at.parent) parts.push(at.name);
  return parts.toReversed().join('/');
}

/** The entry at a path; where there is none, the nearest one above. */
export function nearestNode(root: TreeNode, path: string): TreeNode {
  let node = root;
  for (const name of path.split('/')) {
    const next = node.children.find((child) => child.name === name);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

export interface RowOptions {
  readonly expanded: ReadonlySet<TreeNode>;
  readonly order: 'name' | 'size';
  /** Bytes to order by. */
  readonly measure: (node: TreeNode) => number;
  /** Entries to show with the directories above them; all when absent. */
  readonly matches?: ReadonlySet<TreeNode> | undefined;
}

/** The entries that are to be seen, in their order. Where entries were looked for, directories on the way to them are open. */
export function visibleRows(root: TreeNode, options: RowOptions): TreeNode[] {
  const { expanded, order, measure, matches } = options;
  const above = matches === undefined ? undefined : nodesAbove(matches);
  const rows: TreeNode[] = [];
  const stack: TreeNode[] = [];
  const push = (node: TreeNode): void => {
    const children =
      matches === undefined ? node.children : node.children.filter((one) => matches.has(one) || above?.has(one));
    const sorted = order === 'name' ? children : children.toSorted((a, b) => measure(b) - measure(a));
    for (const child of sorted.toReversed()) stack.push(child);
  };
  push(root);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    rows.push(node);
    if (above === undefined ? expanded.has(node) : above.has(node)) push(node);
  }
  return rows;
}

function nodesAbove(nodes: ReadonlySet<TreeNode>): ReadonlySet<TreeNode> {
  const above = new Set<TreeNode>();
  for (const node of nodes) {
    for (let at = node.parent; at !== undefined && !above.has(at); at = at.parent) above.add(at);
  }
  return above;
}

export interface NodeQuery {
  /** Bytes in lower case; a part of the path where it has a slash, else of the name. Empty finds all. */
  readonly text: string;
  readonly states: ReadonlySet<string>;
}

/** The entries that a query finds, at most `max`, in the tree's order. */
export function findNodes(root: TreeNode, { text, states }: NodeQuery, max: number): Set<TreeNode> {
  const found = new Set<TreeNode>();
  const stack: TreeNode[] = [...root.children].toReversed();
  const byPath = text.includes('/');
  const pattern = text.replace(/^\/+/, '');
  for (let node = stack.pop(); node !== undefined && found.size < max; node = stack.pop()) {
    for (const child of node.children.toReversed()) stack.push(child);
    const isPlainFolder = node.kind === 'd' && node.state === '~' && node.extras.differs === undefined;
    if (!states.has(node.state) || (isPlainFolder && text === '')) continue;
    const against = byPath ? pathOf(node) : node.name;
    if (pattern === '' || against.toLowerCase().includes(pattern)) found.add(node);
  }
  return found;
}

/** What a map is drawn of: an entry with its parts by size. The parts are made when they are asked for. */
export class MapItem {
  readonly node: TreeNode;
  readonly bytes: number;
  /** Of a part that stands for what the page was not given. */
  readonly left: { readonly files: number; readonly bytes: number } | undefined;
  readonly #measure: (node: TreeNode) => number;
  #children: readonly MapItem[] | undefined;

  constructor(node: TreeNode, measure: (node: TreeNode) => number, left?: MapItem['left']) {
    this.node = node;
    this.bytes = left?.bytes ?? measure(node);
    this.left = left;
    this.#measure = measure;
  }

  get children(): readonly MapItem[] {
    return (this.#children ??= this.#parts());
  }

  #parts(): readonly MapItem[] {
    if (this.left !== undefined) return [];
    const { children, left } = this.node;
    const parts = children.map((child) => new MapItem(child, this.#measure)).filter(({ bytes }) => bytes > 0);
    if (left !== undefined && left.bytes > 0) parts.push(new MapItem(this.node, this.#measure, left));
    return parts.toSorted((a, b) => b.bytes - a.bytes);
  }
}
