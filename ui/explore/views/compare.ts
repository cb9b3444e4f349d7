import type { ComparedPackage, ComparedPath, ExplorationComparison } from '../../../src/explore/index.ts';
import type { App, View } from '../app.ts';
import { el, panel } from '../dom.ts';
import { badge, type Column, nothing, pathLabel, table } from '../parts.ts';
import { countOf, countText, differenceText, shareText, sizeText, visibleName } from '../text.ts';

/** Two images side by side. */
export function compare(app: App, comparison: ExplorationComparison): View {
  const { files, moreFiles, packages, config, privileged } = comparison;
  const rights = [
    ...privileged.added.map(({ path }) => ({ path, change: 'only after' })),
    ...privileged.removed.map(({ path }) => ({ path, change: 'only before' })),
  ];
  return {
    element: el(
      'div',
      { class: 'stack' },
      panel('Two images', {}, sides(comparison)),
      panel(
        'Files that differ',
        {},
        files.length === 0 ? nothing('All files are the same.') : filesTable(files),
        moreFiles > 0 ? el('p', { class: 'dim' }, `${countText(moreFiles)} more are left out.`) : undefined,
      ),
      panel(
        'Packages that differ',
        {},
        packages.length === 0 ? nothing('All packages are the same.') : packagesTable(packages),
      ),
      panel(
        'Settings that differ',
        {},
        config.length === 0 ? nothing('All settings are the same.') : configTable(config),
      ),
      rights.length === 0
        ? undefined
        : panel(
            'Files that run with other rights',
            {},
            table({
              label: 'Setuid and setgid files and those with capabilities that are in one image only',
              rows: rights,
              columns: [
                { title: 'path', class: 'grow', cell: ({ path }) => pathLabel(path) },
                { title: 'where', cell: ({ change }) => change },
              ],
            }),
          ),
    ),
  };
}

function sides({ before, after, sharedLayers, totals }: ExplorationComparison): HTMLElement {
  const rows: readonly (readonly [what: string, before: string, after: string, difference: string])[] = [
    [
      'containers see',
      sizeText(before.visibleBytes),
      sizeText(after.visibleBytes),
      differenceText(after.visibleBytes - before.visibleBytes),
    ],
    [
      'tars of all layers',
      sizeText(before.tarBytes),
      sizeText(after.tarBytes),
      differenceText(after.tarBytes - before.tarBytes),
    ],
    ['layers', String(before.layers), String(after.layers), `${countOf(sharedLayers, 'layer')} shared`],
    ['efficiency', shareText(before.efficiency, 1), shareText(after.efficiency, 1), ''],
    [
      'files',
      `${countOf(totals.removed.files, 'file')} only here`,
      `${countOf(totals.added.files, 'file')} only here`,
      `${countText(totals.changed.files)} changed`,
    ],
  ];
  return el(
    'div',
    { class: 'scroll-x', tabindex: 0, role: 'region', 'aria-label': 'The two images' },
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          el('td'),
          ...[before.name, after.name, 'difference'].map((name) =>
            el('th', { scope: 'col', class: 'number' }, visibleName(name)),
          ),
        ),
      ),
      el(
        'tbody',
        {},
        ...rows.map(([what, ...cells]) =>
          el('tr', {}, el('th', { scope: 'row' }, what), ...cells.map((cell) => el('td', { class: 'number' }, cell))),
        ),
      ),
    ),
  );
}

function filesTable(files: readonly ComparedPath[]): HTMLElement {
  const columns: Column<ComparedPath>[] = [
    {
      title: 'difference',
      isNumber: true,
      key: ({ beforeBytes, afterBytes }) => afterBytes - beforeBytes,
      cell: ({ beforeBytes, afterBytes }) => differenceText(afterBytes - beforeBytes),
    },
    { title: 'path', class: 'grow', key: ({ path }) => path, cell: ({ path }) => pathLabel(path) },
    {
      title: 'what',
      key: ({ state }) => state,
      cell: ({ state, differs }) =>
        badge(
          `${state === 'modified' ? 'changed' : state}${differs.length > 0 && state === 'modified' ? ` (${differs.join(', ')})` : ''}`,
          `state-${state === 'modified' ? 'changed' : state}`,
        ),
    },
    {
      title: 'before',
      isNumber: true,
      key: ({ beforeBytes }) => beforeBytes,
      cell: ({ state, beforeBytes }) => (state === 'added' ? '–' : sizeText(beforeBytes)),
    },
    {
      title: 'after',
      isNumber: true,
      key: ({ afterBytes }) => afterBytes,
      cell: ({ state, afterBytes }) => (state === 'removed' ? '–' : sizeText(afterBytes)),
    },
  ];
  return table({ label: 'Files that differ', rows: files, columns });
}

function packagesTable(packages: readonly ComparedPackage[]): HTMLElement {
  return table<ComparedPackage>({
    label: 'Packages that differ',
    rows: packages,
    columns: [
      {
        title: 'package',
        class: 'grow',
        key: ({ name }) => name,
        cell: ({ name, type }) => el('span', {}, visibleName(name), ' ', badge(type)),
      },
      { title: 'before', cell: ({ before }) => el('code', {}, visibleName(before?.version ?? '–')) },
      { title: 'after', cell: ({ after }) => el('code', {}, visibleName(after?.version ?? '–')) },
      {
        title: 'difference',
        isNumber: true,
        key: ({ before, after }) => (after?.bytes ?? 0) - (before?.bytes ?? 0),
        cell: ({ before, after }) => differenceText((after?.bytes ?? 0) - (before?.bytes ?? 0)),
      },
    ],
  });
}

function configTable(config: ExplorationComparison['config']): HTMLElement {
  return table({
    label: 'Settings that differ',
    rows: config,
    columns: [
      { title: 'setting', cell: ({ field }) => visibleName(field) },
      { title: 'before', class: 'grow', cell: ({ before }) => el('code', {}, visibleName(before ?? '–')) },
      { title: 'after', class: 'grow', cell: ({ after }) => el('code', {}, visibleName(after ?? '–')) },
    ],
  });
}
