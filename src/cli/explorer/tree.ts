import type { ByteString } from '../../base/index.ts';
import type { EntryState, Exploration, TreeEntry, TreeScope } from '../../explore/index.ts';
import { type ListPosition, LIST_START, select } from './scrolling.ts';

/** What the tree asks of an image. */
export type TreeSource = Pick<Exploration, 'list' | 'search'>;

/** One line of the tree. */
export interface TreeRow {
  readonly entry: TreeEntry;
  /** From 0. */
  readonly depth: number;
  /** What stands before the name: `│  ├─ `. */
  readonly guide: string;
  /** Of a directory whether what is in it is shown. */
  readonly isOpen: boolean;
}

/** Only what matches and the directories above it. */
export interface TreeFilter {
  readonly text: string;
  /** Paths of both. */
  readonly shown: ReadonlySet<ByteString>;
  readonly matches: number;
  /** There are more matches. */
  readonly isCut: boolean;
  /** Directories that were closed by hand. */
  readonly closed: ReadonlySet<ByteString>;
}

/** Rows are laid out when they are drawn; here they are one short record each, of what is open only. */
export interface TreeState {
  readonly scope: TreeScope;
  readonly open: ReadonlySet<ByteString>;
  readonly hidden: ReadonlySet<EntryState>;
  readonly filter: TreeFilter | undefined;
  readonly isBySize: boolean;
  readonly rows: readonly TreeRow[];
  readonly list: ListPosition;
}

const INNER = '├─ ';
const LAST = '└─ ';

/** So many matches are shown of a filter. */
export const FILTER_MATCHES_MAX = 20_000;

export function openTree(source: TreeSource, scope: TreeScope): TreeState {
  const tree: TreeState = {
    scope,
    open: new Set(),
    hidden: new Set(),
    filter: undefined,
    isBySize: false,
    rows: [],
    list: LIST_START,
  };
  return { ...tree, rows: rowsBelow(source, tree, '', 0, '') };
}

export function selectedRow(tree: TreeState): TreeRow | undefined {
  return tree.rows[tree.list.selected];
}

type TreeChange = Partial<Pick<TreeState, 'scope' | 'open' | 'hidden' | 'filter' | 'isBySize'>>;

/** The tree shown otherwise; what was chosen stays so, or else the nearest directory above it that is still there. */
export function changeTree(source: TreeSource, tree: TreeState, change: TreeChange, window: number): TreeState {
  const changed = { ...tree, ...change };
  const refiltered =
    changed.filter === undefined || (change.scope === undefined && change.hidden === undefined)
      ? changed
      : { ...changed, filter: filterOf(source, changed, changed.filter.text, changed.filter.closed) };
  const rows = rowsBelow(source, refiltered, '', 0, '');
  const kept = selectedRow(tree)?.entry.path;
  return withSelected({ ...refiltered, rows }, kept === undefined ? 0 : rowOf(rows, kept), window);
}

/** Opens what is above a path and chooses it; undefined where it is not shown. */
export function goTo(source: TreeSource, tree: TreeState, path: ByteString, window: number): TreeState | undefined {
  const open = new Set([...tree.open, ...foldersAbove(path)]);
  const changed = { ...tree, open };
  const rows = rowsBelow(source, changed, '', 0, '');
  const index = rows.findIndex((row) => row.entry.path === path);
  return index === -1 ? undefined : withSelected({ ...changed, rows }, index, window);
}

export function withSelected(tree: TreeState, selected: number, window: number): TreeState {
  return { ...tree, list: select(tree.list, selected, tree.rows.length, window) };
}

/** Opens or closes the directory of a row; only the rows below it are made anew. */
export function toggleRow(source: TreeSource, tree: TreeState, index: number): TreeState {
  const row = tree.rows[index];
  if (row === undefined || row.entry.kind !== 'directory') return tree;
  const { path } = row.entry;
  const { filter } = tree;
  const changed: TreeState =
    filter === undefined
      ? { ...tree, open: toggled(tree.open, path) }
      : { ...tree, filter: { ...filter, closed: toggled(filter.closed, path) } };
  const next = { ...row, isOpen: !row.isOpen };
  const below = next.isOpen ? rowsBelow(source, changed, path, row.depth + 1, indentOf(row)) : [];
  let end = index + 1;
  while (end < tree.rows.length && (tree.rows[end]?.depth ?? 0) > row.depth) end++;
  return { ...changed, rows: [...tree.rows.slice(0, index), next, ...below, ...tree.rows.slice(end)] };
}

/** Opens all directories, or closes all where one is open. */
export function toggleAll(source: TreeSource, tree: TreeState, window: number): TreeState {
  const { filter } = tree;
  const isAnyOpen = tree.rows.some((row) => row.isOpen);
  if (filter !== undefined) {
    const closed = isAnyOpen ? filter.shown : new Set<ByteString>();
    return changeTree(source, tree, { filter: { ...filter, closed } }, window);
  }
  return changeTree(source, tree, { open: isAnyOpen ? new Set() : allFolders(source, tree.scope) }, window);
}

function allFolders(source: TreeSource, scope: TreeScope): Set<ByteString> {
  const folders = new Set<ByteString>();
  const pending: ByteString[] = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const entry of source.list(scope, path)) {
      if (entry.kind !== 'directory') continue;
      folders.add(entry.path);
      pending.push(entry.path);
    }
  }
  return folders;
}

/** Shows or hides entries of a state, as dive does. */
export function toggleState(source: TreeSource, tree: TreeState, state: EntryState, window: number): TreeState {
  return changeTree(source, tree, { hidden: toggled(tree.hidden, state) }, window);
}

/** An empty text shows all. */
export function filterTree(source: TreeSource, tree: TreeState, text: string, window: number): TreeState {
  const filter = text === '' ? undefined : filterOf(source, tree, text, new Set());
  const filtered = changeTree(source, tree, { filter }, window);
  // What was chosen may be far from anything that matches.
  const first = filter === undefined ? -1 : filtered.rows.findIndex((row) => row.entry.kind !== 'directory');
  return selectedRow(filtered)?.entry.path === selectedRow(tree)?.entry.path || first === -1
    ? filtered
    : withSelected(filtered, first, window);
}

function filterOf(
  source: TreeSource,
  { scope, hidden }: TreeState,
  text: string,
  closed: ReadonlySet<ByteString>,
): TreeFilter {
  const states = (['added', 'modified', 'removed', 'unmodified'] as const).filter((state) => !hidden.has(state));
  const found = source.search({ scope, text, states, max: FILTER_MATCHES_MAX + 1 });
  const matches = found.slice(0, FILTER_MATCHES_MAX);
  const shown = new Set<ByteString>();
  for (const { path } of matches) {
    shown.add(path);
    for (const folder of foldersAbove(path)) shown.add(folder);
  }
  return { text, shown, matches: matches.length, isCut: found.length > matches.length, closed };
}

function rowsBelow(source: TreeSource, tree: TreeState, path: ByteString, depth: number, indent: string): TreeRow[] {
  const rows: TreeRow[] = [];
  collectRows({ source, tree, rows }, path, depth, indent);
  return rows;
}

interface Collecting {
  readonly source: TreeSource;
  readonly tree: TreeState;
  readonly rows: TreeRow[];
}

function collectRows(to: Collecting, path: ByteString, depth: number, indent: string): void {
  const { source, tree, rows } = to;
  const shown = source.list(tree.scope, path).filter((entry) => isShown(source, tree, entry));
  const entries = tree.isBySize ? shown.toSorted((a, b) => b.sizeBytes - a.sizeBytes) : shown;
  for (const [index, entry] of entries.entries()) {
    const guide = `${indent}${index === entries.length - 1 ? LAST : INNER}`;
    const isOpen = entry.kind === 'directory' && isFolderOpen(tree, entry.path);
    const row = { entry, depth, guide, isOpen };
    rows.push(row);
    if (isOpen) collectRows(to, entry.path, depth + 1, indentOf(row));
  }
}

/** What stands before the guides of the rows below. */
function indentOf({ guide }: TreeRow): string {
  return guide.slice(0, -INNER.length) + (guide.endsWith(INNER) ? '│  ' : '   ');
}

function isFolderOpen({ filter, open }: TreeState, path: ByteString): boolean {
  return filter === undefined ? open.has(path) : !filter.closed.has(path);
}

/** A directory in which something changed is shown for what is shown below it. */
function isShown(source: TreeSource, tree: TreeState, entry: TreeEntry): boolean {
  if (tree.filter !== undefined) return tree.filter.shown.has(entry.path);
  if (tree.hidden.size === 0) return true;
  const isForItself = entry.kind !== 'directory' || entry.state !== 'modified' || entry.differs.length > 0;
  if (isForItself && !tree.hidden.has(entry.state)) return true;
  if (entry.kind !== 'directory' || entry.state !== 'modified') return false;
  return source.list(tree.scope, entry.path).some((child) => isShown(source, tree, child));
}

/** The row of a path, or of the nearest directory above it that has one; 0 where there is none. */
function rowOf(rows: readonly TreeRow[], path: ByteString): number {
  const indexes = new Map<ByteString, number>([path, ...foldersAbove(path)].map((one) => [one, -1]));
  for (const [index, row] of rows.entries()) if (indexes.has(row.entry.path)) indexes.set(row.entry.path, index);
  return [...indexes.values()].find((index) => index !== -1) ?? 0;
}

/** `a/b`, `a` of `a/b/c`. */
function foldersAbove(path: ByteString): ByteString[] {
  const folders: ByteString[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) folders.push(path.slice(0, end));
  return folders;
}

function toggled<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}
