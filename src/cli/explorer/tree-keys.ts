import { type ByteString, toText } from '../../base/index.ts';
import type { EntryState, FilePlace, TreeEntry } from '../../explore/index.ts';
import type { PaneStep } from './layer-keys.ts';
import type { Layout } from './layout.ts';
import { filePage } from './pages/file.ts';
import { isMove, moveInList } from './scrolling.ts';
import type { Action, ExplorerModel, ExplorerState } from './state.ts';
import { inputOf } from './text-input.ts';
import {
  changeTree,
  filterTree,
  selectedRow,
  toggleAll,
  toggleRow,
  toggleState,
  type TreeState,
  withSelected,
} from './tree.ts';

const STATE_KEYS: Readonly<Record<string, EntryState>> = {
  'ctrl+a': 'added',
  'ctrl+r': 'removed',
  'ctrl+m': 'modified',
  m: 'modified',
  'ctrl+u': 'unmodified',
};

/** Keys of the files; undefined for those that have no meaning of their own there. */
export function treeKeys(
  model: ExplorerModel,
  state: ExplorerState,
  key: string,
  layout: Layout,
): PaneStep | undefined {
  const tree = treeAfter(model, state.tree, key, layout.treeRows);
  if (tree !== undefined) return { state: { ...state, tree }, actions: [] };
  if (key === 'ctrl+b') return { state: { ...state, showsAttributes: !state.showsAttributes }, actions: [] };
  if (key === 'ctrl+f') {
    const before = state.tree.filter?.text ?? '';
    const prompt = { purpose: { kind: 'filter', before }, input: inputOf(before) } as const;
    return { state, actions: [{ kind: 'prompt', prompt }] };
  }
  const entry = selectedRow(state.tree)?.entry;
  if (entry === undefined) return undefined;
  switch (key) {
    case 'enter':
      if (entry.kind === 'directory') return { state: { ...state, tree: toggled(model, state.tree) }, actions: [] };
      return { state, actions: viewActions(model, state, entry) };
    case 'd':
      return { state, actions: withFile(model, state, entry, ({ place }) => diffActions(place)) };
    case 'x':
    case 'ctrl+e':
      return { state, actions: withFile(model, state, entry, ({ place }) => exportActions(place)) };
    default:
      return undefined;
  }
}

/** The tree after a key that changes it. */
function treeAfter({ image }: ExplorerModel, tree: TreeState, key: string, window: number): TreeState | undefined {
  if (isMove(key)) return { ...tree, list: moveInList(tree.list, key, tree.rows.length, window) };
  const state = STATE_KEYS[key];
  if (state !== undefined) return toggleState(image, tree, state, window);
  const row = selectedRow(tree);
  switch (key) {
    case 'space':
      return toggleRow(image, tree, tree.list.selected);
    case 'ctrl+space':
      return toggleAll(image, tree, window);
    case 'right':
    case 'l':
      return row?.isOpen === false ? toggleRow(image, tree, tree.list.selected) : tree;
    case 'left':
    case 'h':
      return row?.isOpen === true ? toggleRow(image, tree, tree.list.selected) : toParent(tree, window);
    case 'ctrl+o':
      return changeTree(image, tree, { isBySize: !tree.isBySize }, window);
    case 'escape':
      return tree.filter === undefined ? undefined : filterTree(image, tree, '', window);
    default:
      return undefined;
  }
}

function toggled({ image }: ExplorerModel, tree: TreeState): TreeState {
  return toggleRow(image, tree, tree.list.selected);
}

function toParent(tree: TreeState, window: number): TreeState {
  const depth = selectedRow(tree)?.depth ?? 0;
  let index = tree.list.selected;
  while (index > 0 && (tree.rows[index]?.depth ?? 0) >= depth) index--;
  return depth === 0 ? tree : withSelected(tree, index, window);
}

interface FoundFile {
  readonly place: FilePlace;
  readonly entry: TreeEntry;
}

/** Where an entry's bytes are: what was removed is in the layers below. */
function placeOf(tree: TreeState, entry: TreeEntry): FilePlace {
  return { path: entry.path, layer: entry.state === 'removed' ? tree.scope.from - 1 : tree.scope.to };
}

/** The entry, or what a link leads to; undefined where that is nowhere. */
function followed({ image }: ExplorerModel, tree: TreeState, entry: TreeEntry): FoundFile | undefined {
  const place = placeOf(tree, entry);
  if (entry.kind !== 'symlink') return { place, entry };
  const path = image.resolve(place);
  const target = path === undefined ? undefined : image.find({ from: place.layer, to: place.layer }, path);
  return target === undefined ? undefined : { place: { path: target.path, layer: place.layer }, entry: target };
}

const say = (text: string): readonly Action[] => [{ kind: 'say', text, isError: true }];

function viewActions(model: ExplorerModel, state: ExplorerState, entry: TreeEntry): readonly Action[] {
  const found = followed(model, state.tree, entry);
  if (found === undefined) return say(`the link leads nowhere: ${toText(entry.linkTarget ?? '')}`);
  if (found.entry.kind === 'directory') return [{ kind: 'go-to', path: found.entry.path, layer: undefined }];
  return [
    { kind: 'open', page: filePage(found.place, found.entry) },
    { kind: 'effect', effect: { kind: 'look', place: found.place } },
  ];
}

function withFile(
  model: ExplorerModel,
  state: ExplorerState,
  entry: TreeEntry,
  actions: (found: FoundFile) => readonly Action[],
): readonly Action[] {
  const found = followed(model, state.tree, entry);
  if (found === undefined) return say(`the link leads nowhere: ${toText(entry.linkTarget ?? '')}`);
  return found.entry.kind === 'file' ? actions(found) : say('only files can be compared and written');
}

/** A file against the one that it hides. */
export function diffActions(place: FilePlace): readonly Action[] {
  return [
    { kind: 'open', page: { kind: 'diff', place, content: { kind: 'loading' }, top: 0, left: 0 } },
    { kind: 'effect', effect: { kind: 'compare', place } },
  ];
}

/** Asks where to write a file to. */
export function exportActions(place: FilePlace): readonly Action[] {
  return [
    { kind: 'prompt', prompt: { purpose: { kind: 'export', place }, input: inputOf(`./${plainName(place.path)}`) } },
  ];
}

/** A name for this machine that is like the one in the image, and harmless. */
function plainName(path: ByteString): string {
  const name = toText(path.slice(path.lastIndexOf('/') + 1));
  return name.replaceAll(/[\p{C}\p{Zl}\p{Zp}\uFFFD]/gu, '_');
}
