import { humanSize, toText } from '../../base/index.ts';
import type { BudgetResult } from '../budget-types.ts';
import type { ExplorationComparison } from '../comparison-types.ts';
import type { ExplorationReport } from '../types.ts';
import { layerRow, percent, seconds, shortText } from './words.ts';

/** Entries of waste that are shown. */
const WASTE_SHOWN = 15;
const FILES_SHOWN = 40;
const TEXT_MAX = 70;

export interface SummaryOptions {
  readonly score: 'shale' | 'dive';
  readonly budgets?: readonly BudgetResult[];
}

/** The image on a page of text for people. */
export function exploreSummary(report: ExplorationReport, { score, budgets = [] }: SummaryOptions): string {
  const { image, layers } = report;
  const rows = layers.map((layer) => layerRow(report, layer));
  const table = columns([
    ['LAYER', 'SIZE', 'WASTED', 'FILES', 'TIME', 'FROM', 'INSTRUCTION'],
    ...rows.map((row) => [
      String(row.number),
      row.size,
      row.wasted,
      String(row.files),
      row.time,
      shortText(row.from, 24),
      shortText(row.text, TEXT_MAX),
    ]),
  ]);
  return [
    headOf(report),
    `\n${table}\n`,
    score === 'dive' ? diveLines(report) : wasteLines(report),
    image.bases.length === 0
      ? ''
      : `\nstands on ${image.bases.map(({ name, layers: count }) => `${name}${count > 0 ? ` (${plural(count, 'layer')})` : ''}`).join(', ')}\n`,
    report.privileged.length === 0
      ? ''
      : `\n${plural(report.privileged.length, 'file')} with setuid, setgid or capabilities\n`,
    buildLine(report),
    budgetLines(budgets),
    ...report.problems.map((problem) => `note: ${shortText(problem, 200)}\n`),
  ].join('');
}

function headOf({ image, layers, totals, packages }: ExplorationReport): string {
  const { tarBytes, compressedBytes } = image;
  const isSmaller = compressedBytes !== undefined && compressedBytes < tarBytes;
  const sent = isSmaller ? `, ${humanSize(compressedBytes)} compressed` : '';
  const counts = Object.entries(packages.counts).map(([type, count]) => `${count} ${type}`);
  const about = [image.platform, image.distribution, counts.length === 0 ? undefined : `${counts.join(', ')} packages`];
  return [
    `${shortText(image.name, 200)}  ${image.id.replace(/^sha256:/, '').slice(0, 12)}\n`,
    `${about.filter((one) => one !== undefined).join(' · ')}\n`,
    `${humanSize(tarBytes)} in ${plural(layers.length, 'layer')}${sent}; a container sees ${humanSize(totals.visible.bytes)} in ${totals.visible.files} files\n`,
  ].join('');
}

function wasteLines({ waste, scores }: ExplorationReport): string {
  const { efficiency, lostBytes, avoidableBytes } = scores.shale;
  const head = `efficiency ${percent(efficiency)}: ${humanSize(lostBytes)} lost, ${humanSize(avoidableBytes)} avoidable\n`;
  const causes = columns(
    waste.causes.map(({ cause, weight, bytes, files, meaning }) => [
      `  ${cause}`,
      weight,
      humanSize(bytes),
      plural(files, 'file'),
      meaning,
    ]),
  );
  const entries = waste.entries.filter(({ weight }) => weight !== 'optional').slice(0, WASTE_SHOWN);
  const table = columns(
    entries.map(({ path, isFolder, cause, bytes, layer, by, rule }) => [
      `  ${humanSize(bytes)}`,
      cause,
      by === undefined ? `layer ${layer}` : `layer ${layer}, by ${by}`,
      shortText(`/${toText(path)}${isFolder ? '/' : ''}`, TEXT_MAX),
      rule === undefined ? '' : `lint: ${rule.id}`,
    ]),
  );
  return `${head}${causes}${entries.length === 0 ? '' : `\nmost of it\n${table}`}`;
}

function diveLines({ scores }: ExplorationReport): string {
  const { efficiency, wastedBytes, wastedUserShare, inefficient } = scores.dive;
  const rows = inefficient
    .slice(0, WASTE_SHOWN)
    .map(({ path, count, bytes }) => [String(count), humanSize(bytes), shortText(`/${toText(path)}`, TEXT_MAX)]);
  return [
    `efficiency ${percent(efficiency)}, wasted ${humanSize(wastedBytes)} (${percent(wastedUserShare)} of what is above the lowest layer), as dive counts\n`,
    rows.length === 0 ? '' : `\n${columns([['COUNT', 'TOTAL', 'PATH'], ...rows])}`,
  ].join('');
}

function buildLine({ build }: ExplorationReport): string {
  if (build === undefined) return '';
  const ran = build.steps.filter(({ outcome }) => outcome === 'ran').length;
  const critical = build.criticalSeconds > 0 ? `, ${seconds(build.criticalSeconds)} of them on the longest path` : '';
  return `\nbuild ${build.id}: ${seconds(build.seconds) || '0s'}, ${ran} of ${build.steps.length} steps ran${critical}\n`;
}

export function budgetLines(budgets: readonly BudgetResult[]): string {
  if (budgets.length === 0) return '';
  const rows = budgets.flatMap(({ budget, isKept, limit, actual, offenders }) => [
    [isKept ? 'kept' : 'BROKEN', budget, actual, limit],
    ...offenders.map((offender) => ['', '', shortText(offender, 100), '']),
  ]);
  return `\n${columns([['BUDGET', 'NAME', 'ACTUAL', 'LIMIT'], ...rows])}`;
}

/** Two images on a page of text for people. */
export function comparisonSummary(comparison: ExplorationComparison): string {
  const { before, after, totals, files, moreFiles, packages, config, privileged, sharedLayers } = comparison;
  const head = columns([
    ['', 'IMAGE', 'SIZE', 'VISIBLE', 'LAYERS', 'EFFICIENCY'],
    ...([before, after] as const).map((side, i) => [
      i === 0 ? 'before' : 'after',
      shortText(side.name, 60),
      humanSize(side.tarBytes),
      humanSize(side.visibleBytes),
      String(side.layers),
      percent(side.efficiency),
    ]),
  ]);
  const sum = ({ files: count, bytes }: { readonly files: number; readonly bytes: number }): string =>
    `${count} files, ${humanSize(bytes)}`;
  const shown = files.filter(({ kind }) => kind !== 'directory').slice(0, FILES_SHOWN);
  const more = files.length + moreFiles - shown.length;
  return [
    head,
    `\n${sharedLayers} layers shared; added ${sum(totals.added)}; changed ${sum(totals.changed)}; removed ${sum(totals.removed)}; ${signed(totals.growth)} in all\n`,
    section(
      `packages: ${packages.length} differ`,
      packages.map(({ name, before: was, after: is }) => [
        `  ${name}`,
        `${was?.version ?? 'none'} → ${is?.version ?? 'none'}`,
        signed((is?.bytes ?? 0) - (was?.bytes ?? 0)),
      ]),
    ),
    section(
      'config',
      config.map(({ field, before: was = 'not set', after: is = 'not set' }) => [
        `  ${shortText(field, 40)}`,
        `${shortText(was, TEXT_MAX)} → ${shortText(is, TEXT_MAX)}`,
      ]),
    ),
    section('setuid, setgid and capabilities', [
      ...privileged.added.map(({ path }) => ['  new', `/${shortText(toText(path), TEXT_MAX)}`]),
      ...privileged.removed.map(({ path }) => ['  gone', `/${shortText(toText(path), TEXT_MAX)}`]),
    ]),
    section(
      'files that differ, by growth',
      shown.map(({ path, state, differs, beforeBytes, afterBytes }) => [
        `  ${signed(afterBytes - beforeBytes)}`,
        state,
        `/${shortText(toText(path), TEXT_MAX)}`,
        differs.join(', '),
      ]),
    ),
    more > 0 ? `  and ${more} more paths\n` : '',
  ].join('');
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `\n${title}\n${columns(rows)}`;
}

export function signed(bytes: number): string {
  return `${bytes < 0 ? '-' : '+'}${humanSize(Math.abs(bytes))}`;
}

/** Rows in columns two blanks apart; the last one is as long as it is. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, Array.from(cell).length);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - Array.from(cell).length));
}
