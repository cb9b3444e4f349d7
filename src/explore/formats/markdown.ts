import { humanSize, toText } from '../../base/index.ts';
import type { BudgetResult } from '../budget-types.ts';
import type { ExplorationComparison } from '../comparison-types.ts';
import type { ExplorationReport } from '../types.ts';
import { signed } from './summary.ts';
import { layerRow, percent, shortText } from './words.ts';

const WASTE_SHOWN = 30;
const FILES_SHOWN = 50;
const TEXT_MAX = 120;

/** The image as Markdown, for a comment or the summary of a run in CI. */
export function exploreMarkdown(report: ExplorationReport, budgets: readonly BudgetResult[] = []): string {
  const { image, layers, totals, waste, scores } = report;
  const { shale, dive } = scores;
  return [
    `# ${cell(image.name)}\n\n`,
    table(
      ['', ''],
      [
        ['image', `\`${image.id}\``],
        ['platform', cell([image.platform, image.distribution].filter((one) => one !== undefined).join(', '))],
        ['size', `${humanSize(image.tarBytes)} in ${layers.length} layers`],
        ['a container sees', `${humanSize(totals.visible.bytes)} in ${totals.visible.files} files`],
        ['efficiency', `${percent(shale.efficiency)} (dive: ${percent(dive.efficiency)})`],
        ['lost', humanSize(shale.lostBytes)],
        ['avoidable', humanSize(shale.avoidableBytes)],
      ],
    ),
    budgets.length === 0
      ? ''
      : `\n## Budgets\n\n${table(
          ['', 'budget', 'actual', 'limit', 'by'],
          budgets.map(({ budget, isKept, actual, limit, offenders }) => [
            isKept ? 'kept' : '**broken**',
            budget,
            actual,
            limit,
            offenders.map(cell).join('<br>'),
          ]),
        )}`,
    '\n## Layers\n\n',
    table(
      ['layer', 'size', 'wasted', 'files', 'time', 'from', 'instruction'],
      layers.map((layer) => {
        const row = layerRow(report, layer);
        return [String(row.number), row.size, row.wasted, String(row.files), row.time, cell(row.from), code(row.text)];
      }),
    ),
    waste.causes.length === 0
      ? ''
      : `\n## Waste\n\n${table(
          ['cause', 'weight', 'bytes', 'files', 'meaning', 'rules of shale lint'],
          waste.causes.map(({ cause, weight, bytes, files, meaning, rules }) => [
            cause,
            weight,
            humanSize(bytes),
            String(files),
            cell(meaning),
            rules.map(({ id }) => `\`${id}\``).join(', '),
          ]),
        )}\n${table(
          ['bytes', 'cause', 'layer', 'path', 'rule'],
          waste.entries
            .filter(({ weight }) => weight !== 'optional')
            .slice(0, WASTE_SHOWN)
            .map(({ path, isFolder, cause, bytes, layer, by, rule }) => [
              humanSize(bytes),
              cause,
              by === undefined ? String(layer) : `${layer}, by ${by}`,
              code(`/${toText(path)}${isFolder ? '/' : ''}`),
              rule === undefined ? '' : `\`${rule.id}\``,
            ]),
        )}`,
  ].join('');
}

/** Two images as Markdown. */
export function comparisonMarkdown(comparison: ExplorationComparison): string {
  const { before, after, totals, files, moreFiles, packages, config, privileged } = comparison;
  const shown = files.filter(({ kind }) => kind !== 'directory').slice(0, FILES_SHOWN);
  const more = files.length + moreFiles - shown.length;
  return [
    `# ${cell(before.name)} → ${cell(after.name)}\n\n`,
    table(
      ['', cell(before.name), cell(after.name), 'change'],
      [
        ['size', humanSize(before.tarBytes), humanSize(after.tarBytes), signed(after.tarBytes - before.tarBytes)],
        [
          'visible',
          humanSize(before.visibleBytes),
          humanSize(after.visibleBytes),
          signed(after.visibleBytes - before.visibleBytes),
        ],
        ['layers', String(before.layers), String(after.layers), `${comparison.sharedLayers} shared`],
        ['efficiency', percent(before.efficiency), percent(after.efficiency), ''],
        ['added', '', `${totals.added.files} files`, signed(totals.added.bytes)],
        ['removed', '', `${totals.removed.files} files`, signed(-totals.removed.bytes)],
      ],
    ),
    part(
      'Packages',
      ['package', 'before', 'after', 'change'],
      packages.map(({ name, before: was, after: is }) => [
        cell(name),
        cell(was?.version ?? ''),
        cell(is?.version ?? ''),
        signed((is?.bytes ?? 0) - (was?.bytes ?? 0)),
      ]),
    ),
    part(
      'Config',
      ['field', 'before', 'after'],
      config.map(({ field, before: was = '', after: is = '' }) => [cell(field), code(was), code(is)]),
    ),
    part(
      'Setuid, setgid and capabilities',
      ['', 'path'],
      [
        ...privileged.added.map(({ path }) => ['new', code(`/${toText(path)}`)]),
        ...privileged.removed.map(({ path }) => ['gone', code(`/${toText(path)}`)]),
      ],
    ),
    part(
      'Files',
      ['change', 'state', 'path', 'differs'],
      shown.map(({ path, state, differs, beforeBytes, afterBytes }) => [
        signed(afterBytes - beforeBytes),
        state,
        code(`/${toText(path)}`),
        differs.join(', '),
      ]),
    ),
    more > 0 ? `\nand ${more} more paths\n` : '',
  ].join('');
}

function part(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `\n## ${title}\n\n${table(head, rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('');
}

/** Text in a cell: nothing in it is markup. */
function cell(text: string): string {
  return shortText(text, TEXT_MAX).replace(/[\\`*_{}[\]<>|#!&~]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

/** As code; HTML's element takes any text, a pair of backticks does not. */
function code(text: string): string {
  return text === '' ? '' : `<code>${cell(text)}</code>`;
}
