import type {
  DuplicateGroup,
  ExploredPackage,
  ExploredStep,
  ExplorationReport,
  PrivilegedFile,
} from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import type { Line } from '../../terminal/screen.ts';
import { shownText } from '../../terminal/shown-text.ts';
import { counted, entryPath } from '../details.ts';
import { field, padLeft, type Rows, rowsFor, rowsOf } from '../lines.ts';
import { isMove, type ListPosition, LIST_START, moveInList } from '../scrolling.ts';
import type { Action, ExplorerModel } from '../state.ts';
import { span, THEME } from '../theme.ts';
import type { PageView } from './page-view.ts';

/** What is told of the image besides its files: packages, files with rights of their own, equal files, the build, the config. */
export interface InventoryPage {
  readonly kind: 'inventory';
  readonly tab: InventoryTab;
  readonly list: ListPosition;
}

const TABS = ['packages', 'privileged', 'duplicates', 'build', 'config'] as const;
export type InventoryTab = (typeof TABS)[number];

export function inventoryView({ image }: ExplorerModel, page: InventoryPage, columns: number): PageView {
  const { report } = image;
  return {
    heading: 'Inventory',
    head: [tabLine(report, page.tab), [span(COLUMN_NAMES[page.tab], THEME.label)]],
    rows: inventoryRows(report, page.tab, columns),
    top: page.list.top,
    selected: page.list.selected,
    hints: [
      ...(pathAt(report, page) === undefined ? [] : [['Enter', 'show'] as const]),
      ['Tab', 'next view'],
      ['q', 'back'],
    ],
  };
}

const COLUMN_NAMES: Readonly<Record<InventoryTab, string>> = {
  packages: '    Bytes  Files  Layer  Package',
  privileged: '  Mode  UID:GID    Layer  Path',
  duplicates: '    Saved  Times  Path, the first of them',
  build: ' Step   Seconds            Layer  What it does, and why it ran or did not',
  config: '',
};

function tabLine({ packages, privileged, duplicates, build, image }: ExplorationReport, tab: InventoryTab): Line {
  const counts: Readonly<Record<InventoryTab, number>> = {
    packages: packages.packages.length,
    privileged: privileged.length,
    duplicates: duplicates.length,
    build: build?.steps.length ?? 0,
    config: Object.keys(image.config).length,
  };
  return [
    span('  '),
    ...TABS.flatMap((one) => [span(` ${one} ${counts[one]} `, one === tab ? THEME.chosen : THEME.dim), span(' ')]),
  ];
}

function inventoryRows(report: ExplorationReport, tab: InventoryTab, columns: number): Rows {
  switch (tab) {
    case 'packages':
      return rowsFor(report.packages.packages, packageRow);
    case 'privileged':
      return rowsFor(report.privileged, privilegedRow);
    case 'duplicates':
      return rowsFor(report.duplicates, duplicateRow);
    case 'build':
      return rowsFor(report.build?.steps ?? [], stepRow);
    case 'config':
      return rowsOf(
        Object.entries(report.image.config).flatMap(([name, value]) =>
          field(shownText(name), shownText(JSON.stringify(value) ?? ''), columns),
        ),
      );
  }
}

function packageRow({ name, version, type, bytes, files, layer }: ExploredPackage): Line {
  return [
    span(`${padLeft(humanSize(bytes), 9)} ${padLeft(String(files), 6)} ${padLeft(String(layer), 6)}  `),
    span(shownText(name)),
    span(` ${shownText(version)}  ${type}`, THEME.dim),
  ];
}

function privilegedRow(file: PrivilegedFile): Line {
  const { path, mode, uid, gid, layer, capabilities } = file;
  return [
    span(
      `  ${mode.toString(8).padStart(4, '0')}  ${`${uid}:${gid}`.padEnd(9)} ${padLeft(String(layer), 6)}  ${entryPath(path)}`,
    ),
    span(capabilities === undefined ? '' : `  ${shownText(capabilities)}`, THEME.modified),
    span(file.package === undefined ? '' : `  ${shownText(file.package)}`, THEME.dim),
  ];
}

const OUTCOME_STYLE = {
  ran: undefined,
  cached: THEME.good,
  base: THEME.dim,
  failed: THEME.bad,
  canceled: THEME.fair,
} as const;

/** Steps that the whole build had to wait for have a star. */
function stepRow({ number, seconds, outcome, isCritical, layer, stage, name, reason }: ExploredStep): Line {
  return [
    span(
      `${padLeft(String(number), 5)} ${padLeft(seconds === 0 ? '' : seconds.toFixed(1), 8)}${isCritical ? '*' : ' '} `,
    ),
    span(outcome.padEnd(8), OUTCOME_STYLE[outcome]),
    span(`${padLeft(layer === undefined ? '' : String(layer), 7)}  `),
    span(stage === undefined ? '' : `[${shownText(stage)}] `, THEME.dim),
    span(shownText(name)),
    span(reason === '' ? '' : `  ${shownText(reason)}`, THEME.dim),
  ];
}

function duplicateRow({ wastedBytes, count, fileBytes, places }: DuplicateGroup): Line {
  return [
    span(`${padLeft(humanSize(wastedBytes), 9)} ${padLeft(String(count), 6)}  ${entryPath(places[0]?.path ?? '')}`),
    span(`  ${counted(count, 'file')} of ${humanSize(fileBytes)}`, THEME.dim),
  ];
}

function pathAt({ privileged, duplicates }: ExplorationReport, { tab, list }: InventoryPage): string | undefined {
  if (tab === 'privileged') return privileged[list.selected]?.path;
  return tab === 'duplicates' ? duplicates[list.selected]?.places[0]?.path : undefined;
}

export function inventoryKeys(
  { image }: ExplorerModel,
  page: InventoryPage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (isMove(key)) return [{ kind: 'page', page: { ...page, list: moveInList(page.list, key, count, window) } }];
  const turn = { tab: 1, right: 1, l: 1, 'shift+tab': -1, left: -1, h: -1 }[key];
  if (turn !== undefined) {
    const tab = TABS[(TABS.indexOf(page.tab) + turn + TABS.length) % TABS.length] ?? page.tab;
    return [{ kind: 'page', page: { ...page, tab, list: LIST_START } }];
  }
  const path = key === 'enter' ? pathAt(image.report, page) : undefined;
  if (path === undefined) return undefined;
  return [{ kind: 'go-to', path, layer: image.report.layers.length - 1 }];
}
