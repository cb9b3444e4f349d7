import type { ExploredLayer } from '../../../src/explore/index.ts';
import type { App, View } from '../app.ts';
import { button, type Child, el, panel, style } from '../dom.ts';
import {
  badge,
  bar,
  type Column,
  instruction,
  layerColour,
  layerMark,
  layerTitle,
  nothing,
  ring,
  sum,
  table,
} from '../parts.ts';
import { countOf, countText, shareText, shortId, sizeText, timeText, visibleName } from '../text.ts';
import { causeTitle } from './waste.ts';

export function overview(app: App): View {
  const { report } = app.source.data;
  return {
    element: el(
      'div',
      { class: 'overview' },
      figures(app),
      panel('Layers', { class: 'wide' }, layerBand(app), layerTable(app)),
      panel('Where bytes are lost', {}, wasteSummary(app)),
      panel('What containers get', {}, configuration(app)),
      report.problems.length === 0
        ? undefined
        : panel(
            'What could not be read',
            {},
            el('ul', {}, ...report.problems.map((one) => el('li', {}, visibleName(one)))),
          ),
    ),
  };
}

function figures(app: App): HTMLElement {
  const { image, totals, scores, layers, packages } = app.source.data.report;
  const { shale, dive } = scores;
  const count = Object.values(packages.counts).reduce((all, one) => all + one, 0);
  return el(
    'div',
    { class: 'figures' },
    el(
      'div',
      { class: 'figure score' },
      ring(shale.efficiency, `efficiency ${shareText(shale.efficiency, 1)}`),
      el(
        'div',
        {},
        el('strong', {}, shareText(shale.efficiency, 1)),
        el('span', {}, 'efficiency'),
        el('small', {}, `dive’s score: ${shareText(dive.efficiency, 1)}`),
      ),
    ),
    figure('containers see', sizeText(totals.visible.bytes), countOf(totals.visible.files, 'file')),
    figure(
      'in all layers',
      sizeText(totals.stored.bytes),
      image.compressedBytes === undefined ? countOf(layers.length, 'layer') : `${sizeText(image.compressedBytes)} sent`,
    ),
    figure('lost in layers', sizeText(shale.lostBytes), shareText(shale.lostBytes, shale.totalBytes)),
    figure('could be avoided', sizeText(shale.avoidableBytes), shareText(shale.avoidableBytes, shale.totalBytes)),
    figure('packages', countText(count), image.distribution ?? 'no package manager'),
  );
}

function figure(what: string, value: string, more: string): HTMLElement {
  return el(
    'div',
    { class: 'figure' },
    el('strong', {}, value),
    el('span', {}, what),
    el('small', {}, visibleName(more)),
  );
}

/** All layers as one band, each as long as its content. */
function layerBand(app: App): HTMLElement {
  const { report } = app.source.data;
  const whole = report.layers.reduce((all, { content }) => all + content.bytes, 0);
  const parts = report.layers
    .filter(({ content }) => content.bytes > 0)
    .map((layer) => {
      const label = `layer ${layer.number}, ${sizeText(layer.content.bytes)}, ${shareText(layer.content.bytes, whole)}: ${layerTitle(report, layer)}`;
      const part = button(undefined, () => app.go({ tab: 'files', tree: `changes-${layer.number}`, path: '' }), {
        class: 'band-part',
        title: label,
        'aria-label': label,
      });
      if (layer.content.bytes / whole > 0.06) part.append(sizeText(layer.content.bytes));
      return style(part, { 'flex-grow': layer.content.bytes / whole, '--colour': layerColour(layer.number) });
    });
  return el('div', { class: 'band', role: 'group', 'aria-label': 'layers by size' }, ...parts);
}

function layerTable(app: App): HTMLElement {
  const { report } = app.source.data;
  const largest = Math.max(...report.layers.map(({ content }) => content.bytes), 1);
  const took = report.build === undefined ? undefined : stepTimes(app);
  const columns: Column<ExploredLayer>[] = [
    { title: '#', cell: ({ number }) => layerMark(number), key: ({ number }) => number, isNumber: true },
    { title: 'instruction', class: 'grow', cell: (layer) => layerName(app, layer) },
    {
      title: 'content',
      isNumber: true,
      key: ({ content }) => content.bytes,
      cell: ({ content, number }) =>
        el('span', { class: 'with-bar' }, bar(content.bytes, largest, layerColour(number)), sizeText(content.bytes)),
    },
    { title: 'new', isNumber: true, key: ({ added }) => added.bytes, cell: ({ added }) => sum('+', added) },
    { title: 'changed', isNumber: true, key: ({ changed }) => changed.bytes, cell: ({ changed }) => sum('~', changed) },
    {
      title: 'chmod, chown',
      isNumber: true,
      key: ({ metadataOnly }) => metadataOnly.bytes,
      cell: ({ metadataOnly }) => sum('', metadataOnly),
    },
    { title: 'removed', isNumber: true, key: ({ removed }) => removed.bytes, cell: ({ removed }) => sum('−', removed) },
    {
      title: 'hidden later',
      isNumber: true,
      key: ({ hiddenLater }) => hiddenLater.bytes,
      cell: ({ hiddenLater }) => sum('', hiddenLater),
    },
    {
      title: 'sent',
      isNumber: true,
      key: ({ compressedBytes }) => compressedBytes ?? 0,
      cell: ({ compressedBytes }) => (compressedBytes === undefined ? '–' : sizeText(compressedBytes)),
    },
  ];
  if (took !== undefined) {
    columns.push({
      title: 'time',
      isNumber: true,
      key: ({ number }) => took.get(number) ?? 0,
      cell: ({ number }) => timeOf(took.get(number)),
    });
  }
  return table({ label: 'Layers, the lowest first', columns, rows: report.layers });
}

function timeOf(seconds: number | undefined): string {
  return seconds === undefined ? '–' : seconds === 0 ? 'cached' : timeText(seconds * 1000);
}

function stepTimes(app: App): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (const { layer, seconds, outcome } of app.source.data.report.build?.steps ?? []) {
    if (layer !== undefined && outcome !== 'base') times.set(layer, outcome === 'cached' ? 0 : seconds);
  }
  return times;
}

function layerName(app: App, layer: ExploredLayer): HTMLElement {
  const { report } = app.source.data;
  const own = layer.instruction === undefined ? undefined : report.instructions[layer.instruction];
  const base = layer.base === undefined ? undefined : report.image.bases[layer.base];
  return el(
    'span',
    { class: 'layer-name' },
    button(
      instruction(layerTitle(report, layer)),
      () => app.go({ tab: 'files', tree: `changes-${layer.number}`, path: '' }),
      {
        class: 'link',
        title: layerTitle(report, layer),
      },
    ),
    base === undefined ? undefined : badge(`from ${visibleName(base.name)}`, 'base'),
    own?.line === undefined ? undefined : badge(`line ${own.line.first}`),
  );
}

function wasteSummary(app: App): HTMLElement {
  const { waste, scores } = app.source.data.report;
  if (waste.causes.length === 0) return nothing('Nothing: every byte of every layer is seen by containers.');
  return el(
    'div',
    {},
    el(
      'ul',
      { class: 'causes' },
      ...waste.causes
        .slice(0, 6)
        .map((cause) =>
          el(
            'li',
            {},
            el('span', { class: 'name' }, causeTitle(cause.cause)),
            bar(cause.bytes, waste.causes[0]?.bytes ?? 1, `var(--${cause.weight})`),
            el('span', { class: 'number' }, sizeText(cause.bytes)),
            el('span', { class: 'dim number' }, shareText(cause.bytes, scores.shale.totalBytes)),
          ),
        ),
    ),
    button('All waste, with what mends it', () => app.go({ tab: 'waste' }), { class: 'more' }),
  );
}

function configuration(app: App): HTMLElement {
  const { image } = app.source.data.report;
  const rows: [string, Child][] = [
    ['Image id', el('code', { title: image.id }, shortId(image.id))],
    ...(image.digest === undefined
      ? []
      : [['Manifest', el('code', { title: image.digest }, shortId(image.digest))] as [string, Child]]),
    ['Read from', sourceText(image.source)],
    ...(image.created === undefined ? [] : [['Created', visibleName(image.created)] as [string, Child]]),
    ...(image.tags.length === 0 ? [] : [['Tags', visibleName(image.tags.join(', '))] as [string, Child]]),
    ...image.bases.map((base): [string, Child] => [
      'Stands on',
      `${visibleName(base.name)}${base.layers > 0 ? ` (${countOf(base.layers, 'layer')})` : ''}`,
    ]),
    ...Object.entries(image.config).flatMap(([name, value]): [string, Child][] =>
      isEmpty(value) ? [] : [[visibleName(name), configValue(value)]],
    ),
  ];
  return el('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

function sourceText(source: string): string {
  return source === 'store' ? 'the store' : source.replaceAll('-', ' ');
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function configValue(value: unknown): Child {
  if (typeof value === 'string') return el('code', {}, visibleName(value));
  const lines = Array.isArray(value)
    ? value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).map(
          ([name, one]) => `${name}${isEmpty(one) ? '' : `=${typeof one === 'string' ? one : JSON.stringify(one)}`}`,
        )
      : [JSON.stringify(value)];
  return el('span', { class: 'lines' }, ...lines.map((line) => el('code', {}, visibleName(line))));
}
