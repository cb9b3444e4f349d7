import type { Key } from '../terminal/keys.ts';
import type { PaneStep } from './layer-keys.ts';
import type { Layout } from './layout.ts';
import { pageView, pageWindow } from './pages.ts';
import { found as findInFile } from './pages/file.ts';
import { LIST_START } from './scrolling.ts';
import type { Action, ExplorerModel, ExplorerState, Prompt } from './state.ts';
import { editText, textOf } from './text-input.ts';
import { filterTree } from './tree.ts';

/** So many paths are listed of what a search finds. */
export const FOUND_MAX = 1000;

type PromptingState = ExplorerState & { readonly prompt: Prompt };

/** A key while something is typed: Enter takes it, Escape does not, all else edits. */
export function promptKeys(model: ExplorerModel, state: PromptingState, key: Key, layout: Layout): PaneStep {
  const { prompt } = state;
  if (key.kind === 'named' && key.name === 'escape') return canceled(model, state, layout);
  if (key.kind === 'named' && key.name === 'enter') {
    return submitted(model, { ...state, prompt: undefined }, prompt, layout);
  }
  const input = editText(prompt.input, key);
  if (input === undefined) return { state, actions: [] };
  return { state: { ...state, prompt: { ...prompt, input } }, actions: [] };
}

/** The tree as the filter that is being typed wants it. */
export function filteredByPrompt(model: ExplorerModel, state: ExplorerState, layout: Layout): ExplorerState {
  const { prompt } = state;
  return prompt?.purpose.kind === 'filter' ? filtered(model, state, textOf(prompt.input), layout) : state;
}

function canceled(model: ExplorerModel, state: PromptingState, layout: Layout): PaneStep {
  const { purpose } = state.prompt;
  const closed: ExplorerState = { ...state, prompt: undefined };
  return { state: purpose.kind === 'filter' ? filtered(model, closed, purpose.before, layout) : closed, actions: [] };
}

function filtered({ image }: ExplorerModel, state: ExplorerState, text: string, layout: Layout): ExplorerState {
  if (text === (state.tree.filter?.text ?? '')) return state;
  return { ...state, tree: filterTree(image, state.tree, text, layout.treeRows) };
}

function submitted(model: ExplorerModel, state: ExplorerState, { purpose, input }: Prompt, layout: Layout): PaneStep {
  const text = textOf(input);
  switch (purpose.kind) {
    case 'filter':
      return { state: filtered(model, state, text, layout), actions: [] };
    case 'search':
      return text === '' ? { state, actions: [] } : searched(model, state, text);
    case 'export':
      if (text === '') return { state, actions: [] };
      return { state, actions: [{ kind: 'effect', effect: { kind: 'export', place: purpose.place, to: text } }] };
    case 'find-in-file': {
      const page = state.pages.at(-1);
      if (page?.kind !== 'file') return { state, actions: [] };
      const window = pageWindow(pageView(model, page, layout.columns), layout);
      return { state, actions: findInFile(page, text, 1, window) };
    }
  }
}

function searched({ image }: ExplorerModel, state: ExplorerState, text: string): PaneStep {
  const all = image.search({ scope: state.tree.scope, text, max: FOUND_MAX + 1 });
  const entries = all.slice(0, FOUND_MAX);
  const [first] = entries;
  if (first === undefined) return { state, actions: [{ kind: 'say', text: `not found: ${text}`, isError: true }] };
  const found: ExplorerState = { ...state, found: { text, paths: entries.map((entry) => entry.path) } };
  if (entries.length === 1) return { state: found, actions: [{ kind: 'go-to', path: first.path, layer: undefined }] };
  const isSearchAgain = state.pages.at(-1)?.kind === 'found';
  const page = { kind: 'found', text, entries, isCut: all.length > FOUND_MAX, list: LIST_START } as const;
  const actions: readonly Action[] = [{ kind: isSearchAgain ? 'page' : 'open', page }];
  return { state: found, actions };
}
