import type { ExplorationReport, ExploredLayer, ExploredStep, FileSum } from '../../explore/index.ts';
import { humanSize } from '../output/human.ts';
import type { Line, Span } from '../terminal/screen.ts';
import { shownName, shownText } from '../terminal/shown-text.ts';
import { field, padLeft, wrapText } from './lines.ts';
import { percent, shareStyle, span, THEME } from './theme.ts';

const UNKNOWN = 'its instruction is not known';

/** What a layer is and does. */
export function layerSummary(report: ExplorationReport, number: number, columns: number): Line[] {
  const layer = report.layers[number];
  if (layer === undefined) return [[span('  the image has no layers')]];
  const instruction = layer.instruction === undefined ? undefined : report.instructions[layer.instruction];
  const step =
    instruction?.step === undefined ? undefined : report.build?.steps.find((one) => one.number === instruction.step);
  const text = shownText(instruction?.text ?? '') || UNKNOWN;
  return [
    ...wrapText(text, columns - 4).map((line) => [span(`  ${line}`)]),
    ...originFields(report, layer, columns),
    ...changeFields(layer),
    ...field('Size', sizes(layer), columns),
    ...stepFields(step, columns),
    ...packageFields(layer, columns),
  ];
}

/** All that is known of a layer. */
export function layerDetails(report: ExplorationReport, number: number, columns: number): Line[] {
  const layer = report.layers[number];
  const instruction = report.instructions[layer?.instruction ?? -1];
  const optional: readonly (readonly [label: string, value: string | undefined])[] = [
    ['Created', instruction?.created],
    ['Comment', instruction?.comment],
    ['DiffId', layer?.diffId],
    ['Digest', layer?.digest],
    ['Type', layer?.mediaType],
  ];
  return [
    ...layerSummary(report, number, columns),
    ...optional.flatMap(([label, value = '']) => (value === '' ? [] : field(label, shownText(value), columns))),
  ];
}

function originFields(report: ExplorationReport, layer: ExploredLayer, columns: number): Line[] {
  const lines: Line[] = [];
  const base = layer.base === undefined ? undefined : report.image.bases[layer.base];
  if (base !== undefined) lines.push(...field('From', shownText(base.name), columns));
  const line = layer.instruction === undefined ? undefined : report.instructions[layer.instruction]?.line;
  if (line !== undefined) {
    const numbers = line.first === line.last ? `${line.first}` : `${line.first}-${line.last}`;
    lines.push(...field('Line', `${shownText(line.file)}:${numbers}`, columns));
  }
  return lines;
}

function changeFields(layer: ExploredLayer): Line[] {
  const rows: readonly (readonly [label: string, sum: FileSum, style: Span['style']])[] = [
    ['Added', layer.added, THEME.added],
    ['Changed', layer.changed, THEME.modified],
    ['Mode only', layer.metadataOnly, THEME.modified],
    ['Rewritten', layer.rewritten, THEME.modified],
    ['Deleted', layer.removed, THEME.removed],
    ['Lost later', layer.hiddenLater, THEME.removed],
  ];
  return rows
    .filter(([, sum]) => sum.files > 0)
    .map(([label, sum, style]) => [
      span(`  ${label.padEnd(11)}`, THEME.label),
      span(`${padLeft(humanSize(sum.bytes), 8)} `, style),
      span(`in ${counted(sum.files, 'file')}`),
    ]);
}

function sizes(layer: ExploredLayer): string {
  const sent = layer.compressedBytes === undefined ? '' : `, ${humanSize(layer.compressedBytes)} compressed`;
  return `${humanSize(layer.tarBytes)} as a tar${sent}`;
}

function stepFields(step: ExploredStep | undefined, columns: number): Line[] {
  if (step === undefined) return [];
  const time =
    step.outcome === 'ran'
      ? `${step.seconds.toFixed(1)} s${step.isCritical ? ', on the critical path' : ''}`
      : step.outcome;
  return [
    ...field('Time', time, columns),
    ...(step.reason === '' ? [] : field('Because', shownText(step.reason), columns)),
    ...step.changes.flatMap(({ input, before, after }) =>
      field('', shownText(`${input}: ${before ?? 'nothing'} is now ${after ?? 'nothing'}`), columns),
    ),
  ];
}

const PACKAGES_SHOWN = 8;

function packageFields({ packages }: ExploredLayer, columns: number): Line[] {
  if (packages.length === 0) return [];
  const shown = packages.slice(0, PACKAGES_SHOWN).map((one) => shownText(`${one.name} ${humanSize(one.bytes)}`));
  const more = packages.length > shown.length ? [`${packages.length - shown.length} more`] : [];
  return field('Packages', [...shown, ...more].join(', '), columns);
}

/** All instructions, those that made no layer too: layer, bytes of its files, seconds, text. */
export function instructionLines({ instructions, layers, build }: ExplorationReport): Line[] {
  const seconds = new Map(
    build?.steps.map((step) => [step.number, step.outcome === 'ran' ? `${step.seconds.toFixed(1)} s` : step.outcome]),
  );
  return instructions.map(({ layer, step, text, base }) => {
    const bytes = layer === undefined ? undefined : layers[layer]?.content.bytes;
    return [
      span(
        `${padLeft(layer === undefined ? '' : String(layer), 4)} ${padLeft(bytes === undefined ? '' : humanSize(bytes), 8)}`,
      ),
      span(build === undefined ? '' : padLeft(seconds.get(step ?? -1) ?? '', 9), THEME.label),
      span(`  ${shownText(text) || UNKNOWN}`, base === undefined ? undefined : THEME.dim),
    ];
  });
}

/** The image as a whole, in short. */
export function imageSummary({ image, totals, scores, waste, build }: ExplorationReport, columns: number): Line[] {
  const { shale, dive } = scores;
  const sent = image.compressedBytes === undefined ? '' : `, ${humanSize(image.compressedBytes)} compressed`;
  return [
    ...field('Image', `${shownText(image.name)} (${shownText(image.platform)})`, columns),
    ...(image.distribution === undefined ? [] : field('System', shownText(image.distribution), columns)),
    ...field('Size', `${humanSize(image.tarBytes)}${sent}`, columns),
    ...field('Visible', `${humanSize(totals.visible.bytes)} in ${counted(totals.visible.files, 'file')}`, columns),
    ...field(
      'Efficiency',
      [span(percent(shale.efficiency), shareStyle(shale.efficiency)), span(`  (dive: ${percent(dive.efficiency)})`)],
      columns,
    ),
    ...field(
      'Wasted',
      `${humanSize(shale.lostBytes + shale.avoidableBytes)}  (dive: ${humanSize(dive.wastedBytes)})`,
      columns,
    ),
    ...waste.causes
      .filter((one) => one.weight !== 'optional')
      .map((one) => [span(`    ${padLeft(humanSize(one.bytes), 8)} `), span(one.cause, THEME.label)]),
    ...(build === undefined ? [] : field('Build', `${build.id}, ${build.seconds.toFixed(1)} s`, columns)),
  ];
}

/** All that is known of the image as a whole. */
export function imageDetails(report: ExplorationReport, columns: number): Line[] {
  const { id, digest, created, source, tags } = report.image;
  const optional: readonly (readonly [label: string, value: string | undefined])[] = [
    ['Read from', source],
    ['Tags', tags.join(' ')],
    ['Created', created],
    ['Id', id],
    ['Digest', digest],
  ];
  return [
    ...imageSummary(report, columns),
    ...optional.flatMap(([label, value = '']) => (value === '' ? [] : field(label, shownText(value), columns))),
  ];
}

/** What is chosen in the tree, on one line. */
export function entryPath(path: string): string {
  return `/${shownName(path)}`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
