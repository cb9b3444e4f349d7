import { humanSize } from '../output/human.ts';
import { cutToWidth, textWidth } from '../output/text-width.ts';
import type { Frame, Line, Span } from '../terminal/screen.ts';
import { shownText } from '../terminal/shown-text.ts';
import { counted } from './details.ts';
import { type Layout, layoutOf } from './layout.ts';
import { apart, fitLine, headingLine, restyle } from './lines.ts';
import { entryNote, mainLines } from './main-view.ts';
import { pageView, pageWindow } from './pages.ts';
import type { PageView } from './pages/page-view.ts';
import type { ExplorerModel, ExplorerState, Prompt } from './state.ts';
import { textOf } from './text-input.ts';
import { percent, span, THEME } from './theme.ts';
import { selectedRow } from './tree.ts';

/** What is to be seen: a title, layers and files or a page, and a last row that asks, answers or tells of keys. */
export function frameOf(model: ExplorerModel, state: ExplorerState): Frame {
  const layout = layoutOf(state.size, model.image.report.layers.length);
  const page = state.pages.at(-1);
  const view = page && pageView(model, page, layout.columns);
  const body = view === undefined ? mainLines(model, state, layout) : pageLines(view, layout);
  const lines = [titleLine(model, layout.columns), ...padded(body, layout.bodyRows)];
  if (state.prompt !== undefined) {
    const asked = promptLine(state.prompt, layout.columns);
    return { lines: [...lines, asked.line], cursor: { row: lines.length, column: asked.column } };
  }
  return { lines: [...lines, lastLine(state, view, layout.columns)] };
}

function padded(lines: readonly Line[], rows: number): Line[] {
  return Array.from({ length: rows }, (_, row) => lines[row] ?? []);
}

function titleLine({ image }: ExplorerModel, columns: number): Line {
  const { image: of, layers, scores } = image.report;
  const facts = [shownText(of.name), shownText(of.platform), counted(layers.length, 'layer'), humanSize(of.tarBytes)];
  const text = apart(` ${facts.join(' · ')}`, ` efficiency ${percent(scores.shale.efficiency)} `, columns);
  return [span(text, THEME.title)];
}

function pageLines(view: PageView, layout: Layout): Line[] {
  const window = pageWindow(view, layout);
  const { top, selected, rows } = view;
  const seen = Math.max(0, Math.min(window, rows.count - top));
  const lines = Array.from({ length: seen }, (_, index) => {
    const line = rows.row(top + index);
    return top + index === selected ? restyle(line, THEME.chosen, layout.columns) : line;
  });
  const place = rows.count > window ? ` ${Math.min(100, Math.round(((top + seen) / rows.count) * 100))} % ` : '';
  const heading = headingLine(view.heading, layout.columns - textWidth(place), THEME.title);
  const nothing: Line[] = rows.count === 0 ? [[span('  nothing to show', THEME.dim)]] : [];
  return [[...heading, span(place, THEME.dim)], ...view.head, ...lines, ...nothing];
}

const QUESTIONS: Readonly<Record<Prompt['purpose']['kind'], string>> = {
  search: 'search: ',
  filter: 'only: ',
  'find-in-file': 'find: ',
  export: 'write to: ',
};

/** The end of what is typed stays in sight. */
function promptLine({ purpose, input }: Prompt, columns: number): { readonly line: Line; readonly column: number } {
  const question = cutToWidth(QUESTIONS[purpose.kind], columns);
  const room = Math.max(1, columns - textWidth(question) - 1);
  let first = 0;
  while (textWidth(input.characters.slice(first, input.cursor).join('')) > room) first++;
  const before = input.characters.slice(first, input.cursor).join('');
  const shown = textOf({ ...input, characters: input.characters.slice(first) });
  return {
    line: fitLine([span(question, THEME.heading), span(shown)], columns),
    column: Math.min(columns - 1, textWidth(question) + textWidth(before)),
  };
}

const LAYER_HINTS = [
  ['?', 'help'],
  ['q', 'quit'],
  ['Tab', 'files'],
  ['Enter', 'details'],
  ['w', 'waste'],
  ['i', 'inventory'],
  ['/', 'search'],
  ['^A', 'all'],
  ['^L', 'layer'],
] as const;

const TREE_HINTS = [
  ['/', 'search'],
  ['?', 'help'],
  ['q', 'quit'],
] as const;

function lastLine(state: ExplorerState, view: PageView | undefined, columns: number): Line {
  const { message } = state;
  if (message !== undefined) {
    return fitLine([span(` ${shownText(message.text)}`, message.isError ? THEME.bad : THEME.good)], columns);
  }
  if (view !== undefined) return hintLine(view.hints);
  if (state.focus === 'layers') return hintLine(LAYER_HINTS);
  const { filter } = state.tree;
  const entry = selectedRow(state.tree)?.entry;
  const filtered =
    filter === undefined
      ? ''
      : `only ${shownText(filter.text)}: ${filter.isCut ? 'the first ' : ''}${filter.matches} · `;
  const hints = hintLine(TREE_HINTS);
  const room = columns - hints.reduce((sum, one) => sum + textWidth(one.text), 0);
  return [...fitLine([span(` ${filtered}${entry === undefined ? '' : entryNote(entry)}`)], room), ...hints];
}

function hintLine(hints: PageView['hints']): Span[] {
  return hints.flatMap(([key, does]) => [span(' '), span(key, THEME.key), span(` ${does} `, THEME.dim)]);
}
