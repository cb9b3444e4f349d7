import type { TreeName } from '../../src/web/index.ts';
import type { Source } from './source.ts';
import { buildTree, type TreeNode } from './tree.ts';

export type TabName = 'overview' | 'files' | 'map' | 'waste' | 'build' | 'packages' | 'compare';

/** What is looked at: it is in the address, so that a link leads there. */
export interface Place {
  readonly tab: TabName;
  readonly tree: TreeName;
  /** Bytes, a character each. */
  readonly path: string;
}

/** What the parts of the page share. */
export interface App {
  readonly source: Source;
  readonly place: Place;
  go(place: Partial<Place>): void;
  /** The nodes of a tree; made once. */
  tree(name: TreeName): Promise<TreeNode>;
  /** Tells what happened to people who do not see it. */
  announce(text: string): void;
}

/** One tab of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Called when the place is another and this tab is in sight. */
  show?(place: Place): void;
}

const TABS: ReadonlySet<string> = new Set<TabName>([
  'overview',
  'files',
  'map',
  'waste',
  'build',
  'packages',
  'compare',
]);

export function parsePlace(hash: string): Place {
  const [tab = '', tree = '', ...path] = hash.replace(/^#/, '').split('/');
  return {
    tab: isTab(tab) ? tab : 'overview',
    tree: isTreeName(tree) ? tree : 'merged',
    path: path.map(decoded).join('/'),
  };
}

export function formatPlace({ tab, tree, path }: Place): string {
  if (tab !== 'files' && tab !== 'map') return `#${tab}`;
  return `#${[tab, tree, ...(path === '' ? [] : path.split('/').map(encodeURIComponent))].join('/')}`;
}

function isTab(text: string): text is TabName {
  return TABS.has(text);
}

function isTreeName(text: string): text is TreeName {
  return /^(?:merged|(?:changes|state)-\d{1,5})$/.test(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The layer that a tree is of; undefined for the merged one. */
export function layerOf(tree: TreeName): number | undefined {
  return tree === 'merged' ? undefined : Number(tree.slice(tree.indexOf('-') + 1));
}

/** Bytes that entries of a tree are drawn and ordered by: of what one layer changes, those that it adds and that it removes. */
export function measureOf(tree: TreeName): (node: TreeNode) => number {
  return tree.startsWith('changes') ? ({ newBytes, removedBytes }) => newBytes + removedBytes : ({ bytes }) => bytes;
}

/** Trees by name, each asked for once. */
export function treeCache(source: Source): App['tree'] {
  const trees = new Map<TreeName, Promise<TreeNode>>();
  return (name) => {
    const known = trees.get(name);
    if (known !== undefined) return known;
    const made = source.tree(name).then(buildTree);
    trees.set(name, made);
    made.catch(() => trees.delete(name));
    return made;
  };
}
