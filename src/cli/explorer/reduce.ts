import type { ByteString } from '../../base/index.ts';
import { nameOfKey } from '../terminal/keys.ts';
import type { Size } from '../terminal/screen.ts';
import { layoutOf, type Layout } from './layout.ts';
import { layerKeys, rescoped, selectLayer } from './layer-keys.ts';
import { pageKeys, pageView, pageWindow } from './pages.ts';
import { withComparison } from './pages/diff.ts';
import { withLook } from './pages/file.ts';
import { filteredByPrompt, promptKeys } from './prompt-keys.ts';
import { isMove, LIST_START, select } from './scrolling.ts';
import {
  type Action,
  type Effect,
  type ExplorerEvent,
  type ExplorerModel,
  type ExplorerState,
  isSamePlace,
  type Page,
} from './state.ts';
import { inputOf } from './text-input.ts';
import { changeTree, goTo, openTree, withSelected } from './tree.ts';
import { diffActions, exportActions, treeKeys } from './tree-keys.ts';

/** The next state, and what else has to be done. */
export interface Step {
  readonly state: ExplorerState;
  readonly effects: readonly Effect[];
}

/** In narrower trees names have the room. */
const ATTRIBUTES_COLUMNS = 60;

/** The last layer's changes are what is seen first; of two images what differs. */
export function initialState(model: ExplorerModel, size: Size): ExplorerState {
  const { layers } = model.image.report;
  const last = Math.max(0, layers.length - 1);
  const { layerRows, treeColumns } = layoutOf(size, layers.length);
  return {
    size,
    focus: 'layers',
    changes: 'layer',
    layers: select(LIST_START, last, layers.length, layerRows),
    tree: openTree(model.image, { from: last, to: last }),
    showsAttributes: treeColumns >= ATTRIBUTES_COLUMNS,
    pages: model.comparison === undefined ? [] : [{ kind: 'compare', tab: 'files', top: 0 }],
    prompt: undefined,
    found: undefined,
    message: undefined,
  };
}

/** What comes of an event. A pure function: the same model, state and event give the same step. */
export function reduce(model: ExplorerModel, state: ExplorerState, event: ExplorerEvent): Step {
  switch (event.kind) {
    case 'key':
      return keyStep(model, { ...state, message: undefined }, event);
    case 'resized':
      return { state: resized(model, state, event.size), effects: [] };
    case 'settled':
      return { state: settled(model, state), effects: [] };
    case 'looked':
      return pageStep(state, (page) =>
        page.kind === 'file' && isSamePlace(page.place, event.place) ? withLook(page, event.look) : page,
      );
    case 'read':
      return pageStep(state, (page) =>
        page.kind === 'file' && isSamePlace(page.place, event.place)
          ? { ...page, part: { offset: event.offset, bytes: event.bytes } }
          : page,
      );
    case 'compared':
      return pageStep(state, (page) =>
        page.kind === 'diff' && isSamePlace(page.place, event.place) ? withComparison(page, event.comparison) : page,
      );
    case 'exported':
      return { state: say(state, `written: ${event.to} (${event.sizeBytes} bytes)`, false), effects: [] };
    case 'failed':
      return failedStep(state, event.effect, event.message);
  }
}

function say(state: ExplorerState, text: string, isError: boolean): ExplorerState {
  return { ...state, message: { text, isError } };
}

function pageStep(state: ExplorerState, change: (page: Page) => Page): Step {
  return { state: { ...state, pages: state.pages.map(change) }, effects: [] };
}

function failedStep(state: ExplorerState, effect: Effect, message: string): Step {
  const content = { kind: 'failed', message } as const;
  if (effect.kind === 'look') {
    return pageStep(state, (page) =>
      page.kind === 'file' && isSamePlace(page.place, effect.place) ? { ...page, content } : page,
    );
  }
  if (effect.kind === 'compare') {
    return pageStep(state, (page) =>
      page.kind === 'diff' && isSamePlace(page.place, effect.place) ? { ...page, content } : page,
    );
  }
  return { state: say(state, message, true), effects: [] };
}

/** Lists stay where they are; what was chosen stays in sight. */
function resized(model: ExplorerModel, before: ExplorerState, size: Size): ExplorerState {
  const count = model.image.report.layers.length;
  const layout = layoutOf(size, count);
  const state: ExplorerState = {
    ...before,
    size,
    layers: select(before.layers, before.layers.selected, count, layout.layerRows),
    tree: withSelected(before.tree, before.tree.list.selected, layout.treeRows),
  };
  return { ...state, pages: state.pages.map((page) => resizedPage(model, page, layout)) };
}

function resizedPage(model: ExplorerModel, page: Page, layout: Layout): Page {
  const view = pageView(model, page, layout.columns);
  const window = pageWindow(view, layout);
  if ('list' in page) return { ...page, list: select(page.list, page.list.selected, view.rows.count, window) };
  return { ...page, top: Math.max(0, Math.min(page.top, view.rows.count - window)) };
}

/** The tree of the layer that was moved to, as the filter that is typed has it. */
function settled(model: ExplorerModel, state: ExplorerState): ExplorerState {
  const layout = layoutOf(state.size, model.image.report.layers.length);
  return filteredByPrompt(model, rescoped(model, state, layout), layout);
}

/** Keys that only move through layers or edit a filter wait with what follows from it. */
function isDeferred(state: ExplorerState, key: string): boolean {
  if (state.prompt !== undefined) return state.prompt.purpose.kind === 'filter' && key !== 'enter' && key !== 'escape';
  return state.pages.length === 0 && state.focus === 'layers' && isMove(key);
}

function keyStep(model: ExplorerModel, before: ExplorerState, { key }: Extract<ExplorerEvent, { kind: 'key' }>): Step {
  const name = nameOfKey(key);
  const state = isDeferred(before, name) ? before : settled(model, before);
  const layout = layoutOf(state.size, model.image.report.layers.length);
  if (name === 'ctrl+c') return { state, effects: [{ kind: 'quit' }] };
  if (name === 'ctrl+z') return { state, effects: [{ kind: 'suspend' }] };
  if (state.prompt !== undefined) {
    const next = promptKeys(model, { ...state, prompt: state.prompt }, key, layout);
    return perform(model, next.state, next.actions, layout);
  }
  const page = state.pages.at(-1);
  if (page !== undefined) {
    const actions = pageKeys(model, page, name, layout) ?? commonKeys(state, name) ?? [];
    return perform(model, state, actions, layout);
  }
  const next = state.focus === 'layers' ? layerKeys(model, state, name, layout) : treeKeys(model, state, name, layout);
  if (next !== undefined) return perform(model, next.state, next.actions, layout);
  if (name === 'tab' || name === 'shift+tab') {
    return { state: { ...state, focus: state.focus === 'layers' ? 'tree' : 'layers' }, effects: [] };
  }
  return perform(model, state, commonKeys(state, name) ?? [], layout);
}

/** Keys that mean the same wherever they have no meaning of their own. */
function commonKeys(state: ExplorerState, key: string): readonly Action[] | undefined {
  const page = state.pages.at(-1);
  switch (key) {
    case 'q':
      return [page === undefined ? { kind: 'effect', effect: { kind: 'quit' } } : { kind: 'close' }];
    case 'escape':
      return page === undefined ? undefined : [{ kind: 'close' }];
    case '?':
    case 'f1':
      return page?.kind === 'help' ? [{ kind: 'close' }] : [{ kind: 'open', page: { kind: 'help', top: 0 } }];
    case 'w':
      return page?.kind === 'waste'
        ? [{ kind: 'close' }]
        : [{ kind: 'open', page: { kind: 'waste', cause: undefined, list: LIST_START } }];
    case 'i':
      return page?.kind === 'inventory'
        ? [{ kind: 'close' }]
        : [{ kind: 'open', page: { kind: 'inventory', tab: 'packages', list: LIST_START } }];
    case 'c':
      return page?.kind === 'compare'
        ? [{ kind: 'close' }]
        : [{ kind: 'open', page: { kind: 'compare', tab: 'files', top: 0 } }];
    case '/': {
      const purpose = { kind: page?.kind === 'file' ? 'find-in-file' : 'search' } as const;
      return [{ kind: 'prompt', prompt: { purpose, input: inputOf('') } }];
    }
    case 'd':
      return page?.kind === 'file' ? diffActions(page.place) : undefined;
    case 'x':
    case 'ctrl+e':
      return page?.kind === 'file' || page?.kind === 'diff' ? exportActions(page.place) : undefined;
    case 'n':
    case 'N':
      return nextFound(state, key === 'n' ? 1 : -1);
    case 'ctrl+l':
      return [{ kind: 'effect', effect: { kind: 'redraw' } }];
    default:
      return undefined;
  }
}

function nextFound(state: ExplorerState, direction: 1 | -1): readonly Action[] | undefined {
  const { found } = state;
  if (found === undefined) return undefined;
  const here = state.tree.rows[state.tree.list.selected]?.entry.path ?? '';
  const at = found.paths.indexOf(here);
  const { length } = found.paths;
  const next = at === -1 ? (direction === 1 ? 0 : length - 1) : (at + direction + length) % length;
  const path = found.paths[next];
  return path === undefined ? undefined : [{ kind: 'go-to', path, layer: undefined }];
}

function perform(model: ExplorerModel, start: ExplorerState, actions: readonly Action[], layout: Layout): Step {
  let state = start;
  const effects: Effect[] = [];
  for (const action of actions) {
    switch (action.kind) {
      case 'page':
        state = { ...state, pages: [...state.pages.slice(0, -1), action.page] };
        break;
      case 'open':
        state = { ...state, pages: [...state.pages, action.page] };
        break;
      case 'close':
        state = { ...state, pages: state.pages.slice(0, -1) };
        break;
      case 'prompt':
        state = { ...state, prompt: action.prompt };
        break;
      case 'say':
        state = say(state, action.text, action.isError);
        break;
      case 'effect':
        effects.push(action.effect);
        break;
      case 'go-to':
        state = gone(model, state, action, layout);
        break;
    }
  }
  return { state, effects };
}

/** The path in the tree, with all that is above it open; what hides it is taken away. */
function gone(
  model: ExplorerModel,
  before: ExplorerState,
  { path, layer }: { readonly path: ByteString; readonly layer: number | undefined },
  layout: Layout,
): ExplorerState {
  const state = layer === undefined ? before : selectLayer(model, before, layer, layout);
  const shown: ExplorerState = { ...state, focus: 'tree', pages: [] };
  const tree =
    goTo(model.image, state.tree, path, layout.treeRows) ??
    goTo(
      model.image,
      changeTree(model.image, state.tree, { filter: undefined, hidden: new Set() }, layout.treeRows),
      path,
      layout.treeRows,
    );
  return tree === undefined ? say(shown, 'it is not in what these layers make', true) : { ...shown, tree };
}
