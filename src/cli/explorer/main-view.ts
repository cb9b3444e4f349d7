import type { ExploredLayer, TreeEntry } from '../../explore/index.ts';
import { humanSize } from '../output/human.ts';
import { modeText } from '../output/mode-text.ts';
import type { Line, Span } from '../terminal/screen.ts';
import { shownName, shownText } from '../terminal/shown-text.ts';
import { imageSummary, layerSummary } from './details.ts';
import type { Layout } from './layout.ts';
import { beside, headingLine, padLeft, restyle } from './lines.ts';
import type { ExplorerModel, ExplorerState } from './state.ts';
import { span, STATE_MARK, STATE_STYLE, THEME } from './theme.ts';
import type { TreeRow } from './tree.ts';

/** Layers with their details at the left, files at the right; on a narrow terminal one of the two. */
export function mainLines(model: ExplorerModel, state: ExplorerState, layout: Layout): Line[] {
  const left = (): Line[] => layerPane(model, state, layout);
  const right = (): Line[] => treePane(state, layout);
  if (layout.isSplit) return beside(left(), right(), layout.leftColumns, layout.bodyRows);
  return state.focus === 'layers' ? left() : right();
}

function layerPane({ image }: ExplorerModel, state: ExplorerState, layout: Layout): Line[] {
  const { report } = image;
  const columns = layout.leftColumns;
  const { top, selected } = state.layers;
  const rows = report.layers.slice(top, top + layout.layerRows).map((layer) => {
    const isIn = layer.number >= state.tree.scope.from && layer.number <= state.tree.scope.to;
    const line = layerRow(layer, report.instructions[layer.instruction ?? -1]?.text ?? '', isIn);
    return chosen(line, layer.number === selected, state.focus === 'layers', columns);
  });
  const details = [
    headingLine('Layer', columns),
    ...layerSummary(report, selected, columns),
    headingLine('Image', columns),
    ...imageSummary(report, columns),
  ];
  const head = headingLine(countedLayers(report.layers.length), columns, headingStyle(state.focus === 'layers'));
  return [head, ...rows, ...details].slice(0, layout.bodyRows);
}

function countedLayers(count: number): string {
  return `Layers (${count})`;
}

const headingStyle = (hasFocus: boolean) => (hasFocus ? THEME.title : THEME.heading);

function layerRow(layer: ExploredLayer, instruction: string, isIn: boolean): Line {
  return [
    span(isIn ? '▌' : ' ', THEME.added),
    span(`${padLeft(String(layer.number), 2)} ${padLeft(humanSize(layer.content.bytes), 8)}  `),
    span(shownText(instruction) || layer.diffId, layer.base === undefined ? undefined : THEME.dim),
  ];
}

function chosen(line: Line, isChosen: boolean, hasFocus: boolean, columns: number): Line {
  if (!isChosen) return line;
  return restyle(line, hasFocus ? THEME.chosen : THEME.chosenAside, columns);
}

function treePane(state: ExplorerState, layout: Layout): Line[] {
  const { tree } = state;
  const columns = layout.treeColumns;
  const hasFocus = state.focus === 'tree';
  const { top, selected } = tree.list;
  const rows = tree.rows
    .slice(top, top + layout.treeRows)
    .map((row, index) => chosen(treeRow(row, state.showsAttributes), top + index === selected, hasFocus, columns));
  return [
    headingLine(treeHeading(state), columns, headingStyle(hasFocus)),
    [span(columnNames(state.showsAttributes), THEME.label)],
    ...(rows.length === 0 ? [[span('  nothing to show', THEME.dim)]] : rows),
  ];
}

function treeHeading({ tree, changes }: ExplorerState): string {
  const { from, to } = tree.scope;
  const what =
    from === to || changes === 'layer'
      ? `Files: what layer ${to} changes`
      : `Files: what layers ${from} to ${to} change`;
  const hidden = tree.hidden.size === 0 ? '' : `, without ${[...tree.hidden].join(', ')}`;
  return `${what}${hidden}${tree.isBySize ? ', by size' : ''}`;
}

const MODE_COLUMNS = 10;
const OWNER_COLUMNS = 9;
const SIZE_COLUMNS = 8;

function columnNames(showsAttributes: boolean): string {
  const attributes = `${'Mode'.padEnd(MODE_COLUMNS)} ${'UID:GID'.padStart(OWNER_COLUMNS)} `;
  return `  ${showsAttributes ? attributes : ''}${'Size'.padStart(SIZE_COLUMNS)}  Name`;
}

function treeRow(row: TreeRow, showsAttributes: boolean): Line {
  const { entry, guide } = row;
  const style = STATE_STYLE[entry.state];
  const attributes = showsAttributes
    ? [span(`${modeText(entry)} ${padLeft(`${entry.uid}:${entry.gid}`, OWNER_COLUMNS)} `, THEME.dim)]
    : [];
  return [
    span(`${STATE_MARK[entry.state]} `, style),
    ...attributes,
    span(`${padLeft(sizeText(entry), SIZE_COLUMNS)}  `),
    span(guide, THEME.dim),
    ...nameSpans(row),
  ];
}

function sizeText(entry: TreeEntry): string {
  return entry.kind === 'file' || entry.kind === 'directory' ? humanSize(entry.sizeBytes) : (entry.device ?? '-');
}

function nameSpans({ entry, isOpen }: TreeRow): Span[] {
  const name = shownName(entry.name);
  const state = STATE_STYLE[entry.state];
  if (entry.kind === 'directory') {
    const folded = isOpen ? '' : ` ⊕ ${entry.files}`;
    return [span(`${name}/`, state === undefined ? THEME.folder : { ...state, bold: true }), span(folded, THEME.dim)];
  }
  if (entry.kind === 'symlink') {
    return [span(name, state ?? THEME.link), span(` → ${shownName(entry.linkTarget ?? '')}`, THEME.dim)];
  }
  const notes = entry.state === 'modified' && entry.differs.length > 0 ? `  ${entry.differs.join(', ')}` : '';
  return [span(name, state), span(notes, THEME.dim)];
}

/** What is told of the chosen entry on the last row. */
export function entryNote(entry: TreeEntry): string {
  const facts = [
    `/${shownName(entry.path)}`,
    ...(entry.package === undefined ? [] : [shownText(entry.package)]),
    ...(entry.state === 'added' ? [] : [`from layer ${entry.layer}`]),
    ...(entry.linkCount > 1 && entry.kind !== 'directory' ? [`${entry.linkCount} names`] : []),
    ...(entry.capabilities === undefined ? [] : [shownText(entry.capabilities)]),
  ];
  return facts.join(' · ');
}
