import type { TreeScope } from '../../explore/index.ts';
import type { Layout } from './layout.ts';
import { isMove, moveInList, select } from './scrolling.ts';
import type { Action, ExplorerModel, ExplorerState } from './state.ts';
import { changeTree } from './tree.ts';

/** What a key in a pane does: another state, and actions. */
export interface PaneStep {
  readonly state: ExplorerState;
  readonly actions: readonly Action[];
}

/** Keys of the layers; undefined for those that have no meaning of their own there. */
export function layerKeys(
  model: ExplorerModel,
  state: ExplorerState,
  key: string,
  layout: Layout,
): PaneStep | undefined {
  const count = model.image.report.layers.length;
  if (isMove(key)) {
    return { state: { ...state, layers: moveInList(state.layers, key, count, layout.layerRows) }, actions: [] };
  }
  switch (key) {
    case 'ctrl+a':
      return { state: rescoped(model, { ...state, changes: 'aggregated' }, layout), actions: [] };
    case 'ctrl+l':
      return { state: rescoped(model, { ...state, changes: 'layer' }, layout), actions: [] };
    case 'enter': {
      const page = { kind: 'details', layer: state.layers.selected, top: 0 } as const;
      return { state, actions: [{ kind: 'open', page }] };
    }
    default:
      return undefined;
  }
}

export function selectLayer(model: ExplorerModel, state: ExplorerState, layer: number, layout: Layout): ExplorerState {
  const layers = select(state.layers, layer, model.image.report.layers.length, layout.layerRows);
  return rescoped(model, { ...state, layers }, layout);
}

/** The tree of the chosen layer. The first look at a layer takes a while. */
export function rescoped({ image }: ExplorerModel, state: ExplorerState, layout: Layout): ExplorerState {
  const to = state.layers.selected;
  // dive's: everything since the lowest layer, which is what all else is compared with.
  const scope: TreeScope = { from: state.changes === 'layer' ? to : Math.min(1, to), to };
  const { scope: before } = state.tree;
  if (before.from === scope.from && before.to === scope.to) return state;
  return { ...state, tree: changeTree(image, state.tree, { scope }, layout.treeRows) };
}
