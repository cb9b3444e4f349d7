import type { ExploredPackage, PrivilegedFile } from '../../../src/explore/index.ts';
import type { App, View } from '../app.ts';
import { button, el, on, panel, replace } from '../dom.ts';
import { badge, bar, layerMark, nothing, pathLabel, table } from '../parts.ts';
import { countOf, countText, modeText, sizeText, visibleName } from '../text.ts';

/** Rows that are put into the document at once. */
const ROWS_MAX = 1000;

export function packages(app: App): View {
  const { packages: all, privileged } = app.source.data.report;
  const list = el('div', {});
  const status = el('p', { class: 'dim', role: 'status' });
  const search = el('input', {
    type: 'search',
    placeholder: 'Search packages',
    'aria-label': 'Search packages',
    spellcheck: 'false',
  });
  const fill = (): void => {
    const text = search.value.trim().toLowerCase();
    const found = all.packages.filter(({ name, version }) => `${name} ${version}`.toLowerCase().includes(text));
    replace(list, found.length === 0 ? nothing('There is no such package.') : packageTable(found.slice(0, ROWS_MAX)));
    status.textContent = `${countOf(found.length, 'package')}${found.length > ROWS_MAX ? `, the first ${countText(ROWS_MAX)}` : ''}`;
  };
  on(search, 'input', fill);
  fill();
  const counts = Object.entries(all.counts).map(([type, count]) => badge(`${type} ${countText(count)}`));
  return {
    element: el(
      'div',
      { class: 'stack' },
      panel(
        'Packages',
        {},
        el('div', { class: 'toolbar' }, search, ...counts, status),
        el(
          'p',
          { class: 'dim' },
          `${countOf(all.unowned.files, 'file')} of ${sizeText(all.unowned.bytes)} belong to no package.`,
        ),
        list,
      ),
      panel('Files that run with other rights', {}, privilegedTable(app, privileged)),
    ),
  };
}

function packageTable(rows: readonly ExploredPackage[]): HTMLElement {
  const largest = Math.max(...rows.map(({ bytes }) => bytes), 1);
  return table<ExploredPackage>({
    label: 'Packages, the largest first',
    rows,
    ordered: 'bytes',
    columns: [
      {
        title: 'package',
        class: 'grow',
        key: ({ name }) => name,
        cell: ({ name, purl }) => el('span', { title: visibleName(purl) }, visibleName(name)),
      },
      { title: 'version', cell: ({ version }) => el('code', {}, visibleName(version)) },
      { title: 'type', key: ({ type }) => type, cell: ({ type }) => type },
      { title: 'layer', key: ({ layer }) => layer, cell: ({ layer }) => layerMark(layer) },
      { title: 'files', isNumber: true, key: ({ files }) => files, cell: ({ files }) => countText(files) },
      {
        title: 'bytes',
        isNumber: true,
        key: ({ bytes }) => bytes,
        cell: ({ bytes }) => el('span', { class: 'with-bar' }, bar(bytes, largest, 'var(--accent)'), sizeText(bytes)),
      },
    ],
  });
}

function privilegedTable(app: App, rows: readonly PrivilegedFile[]): HTMLElement {
  if (rows.length === 0) return nothing('No file is setuid or setgid or has capabilities.');
  return table<PrivilegedFile>({
    label: 'Setuid and setgid files and those with capabilities',
    rows,
    columns: [
      {
        title: 'path',
        class: 'grow',
        key: ({ path }) => path,
        cell: ({ path }) =>
          button(pathLabel(path), () => app.go({ tab: 'files', tree: 'merged', path }), { class: 'link' }),
      },
      { title: 'mode', cell: ({ mode }) => el('code', {}, modeText(mode)) },
      { title: 'owner', cell: ({ uid, gid }) => el('code', {}, `${uid}:${gid}`) },
      { title: 'capabilities', cell: ({ capabilities }) => visibleName(capabilities ?? '–') },
      { title: 'package', cell: (row) => visibleName(row.package ?? '–') },
      { title: 'layer', key: ({ layer }) => layer, cell: ({ layer }) => layerMark(layer) },
    ],
  });
}
