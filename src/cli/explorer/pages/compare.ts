import type { ComparedPackage, ComparedPath, ExplorationComparison, PrivilegedFile } from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import type { Line } from '../../terminal/screen.ts';
import { shownText } from '../../terminal/shown-text.ts';
import { counted, entryPath } from '../details.ts';
import { padLeft, type Rows, rowsFor, rowsOf } from '../lines.ts';
import { isMove, moveInText } from '../scrolling.ts';
import type { Action } from '../state.ts';
import { percent, span, STATE_MARK, STATE_STYLE, THEME } from '../theme.ts';
import type { PageView } from './page-view.ts';

/** What differs between two images. */
export interface ComparePage {
  readonly kind: 'compare';
  readonly tab: CompareTab;
  readonly top: number;
}

const TABS = ['files', 'packages', 'config', 'privileged'] as const;
export type CompareTab = (typeof TABS)[number];

export function compareView(comparison: ExplorationComparison | undefined, page: ComparePage): PageView {
  const hints = [
    ['Tab', 'next view'],
    ['q', 'back'],
  ] as const;
  if (comparison === undefined) {
    const rows = rowsOf([[span('  name two images to compare them: shale explore BEFORE AFTER')]]);
    return { heading: 'Comparison', head: [], rows, top: 0, selected: undefined, hints };
  }
  const { before, after } = comparison;
  return {
    heading: `${shownText(before.name)} → ${shownText(after.name)}`,
    head: [...sides(comparison), tabLine(comparison, page.tab)],
    rows: compareRows(comparison, page.tab),
    top: page.top,
    selected: undefined,
    hints,
  };
}

function sides({ before, after, sharedLayers, totals }: ExplorationComparison): Line[] {
  const { added, removed, changed, growth } = totals;
  return [
    [
      span(`  ${counted(before.layers, 'layer')} → ${after.layers}, the lowest ${sharedLayers} the same; `),
      span(`${humanSize(before.visibleBytes)} → ${humanSize(after.visibleBytes)} (${signed(growth)}), `),
      span(`efficiency ${percent(before.efficiency)} → ${percent(after.efficiency)}`),
    ],
    [
      span('  '),
      span(`+ ${counted(added.files, 'file')}, ${humanSize(added.bytes)}   `, THEME.added),
      span(`- ${counted(removed.files, 'file')}, ${humanSize(removed.bytes)}   `, THEME.removed),
      span(`~ ${counted(changed.files, 'file')}, ${humanSize(changed.bytes)}`, THEME.modified),
    ],
  ];
}

function tabLine(comparison: ExplorationComparison, tab: CompareTab): Line {
  const { files, moreFiles, packages, config, privileged } = comparison;
  const counts: Readonly<Record<CompareTab, number>> = {
    files: files.length + moreFiles,
    packages: packages.length,
    config: config.length,
    privileged: privileged.added.length + privileged.removed.length,
  };
  return [
    span('  '),
    ...TABS.flatMap((one) => [span(` ${one} ${counts[one]} `, one === tab ? THEME.chosen : THEME.dim), span(' ')]),
  ];
}

export function compareRows(comparison: ExplorationComparison, tab: CompareTab): Rows {
  if (tab === 'files') return rowsFor(comparison.files, fileRow);
  if (tab === 'packages') return rowsFor(comparison.packages, packageRow);
  if (tab === 'config') return rowsOf(comparison.config.flatMap(configLines));
  const { added, removed } = comparison.privileged;
  return rowsOf([...added.map(privilegedRow('added')), ...removed.map(privilegedRow('removed'))]);
}

function fileRow(file: ComparedPath): Line {
  const why = file.differs.length === 0 ? '' : `  ${file.differs.join(', ')}`;
  return [
    span(`${padLeft(signed(file.afterBytes - file.beforeBytes), 10)} `),
    span(`${STATE_MARK[file.state]} ${entryPath(file.path)}`, STATE_STYLE[file.state]),
    span(why, THEME.dim),
  ];
}

function packageRow({ type, name, before, after }: ComparedPackage): Line {
  const state = before === undefined ? 'added' : after === undefined ? 'removed' : 'modified';
  const versions = [before?.version, after?.version].filter((one) => one !== undefined).join(' → ');
  return [
    span(`${padLeft(signed((after?.bytes ?? 0) - (before?.bytes ?? 0)), 10)} `),
    span(`${STATE_MARK[state]} ${shownText(name)}`, STATE_STYLE[state]),
    span(` ${shownText(versions)}`),
    span(`  ${type}`, THEME.dim),
  ];
}

function configLines(change: ExplorationComparison['config'][number]): Line[] {
  return [
    [span(`  ${shownText(change.field)}`, THEME.heading)],
    ...(change.before === undefined ? [] : [[span(`    - ${shownText(change.before)}`, THEME.removed)]]),
    ...(change.after === undefined ? [] : [[span(`    + ${shownText(change.after)}`, THEME.added)]]),
  ];
}

function privilegedRow(state: 'added' | 'removed'): (file: PrivilegedFile) => Line {
  return ({ path, mode, uid, gid, capabilities }) => [
    span(
      `  ${STATE_MARK[state]} ${mode.toString(8).padStart(4, '0')} ${uid}:${gid} ${entryPath(path)}`,
      STATE_STYLE[state],
    ),
    span(capabilities === undefined ? '' : `  ${shownText(capabilities)}`, THEME.dim),
  ];
}

function signed(bytes: number): string {
  return `${bytes < 0 ? '-' : '+'}${humanSize(Math.abs(bytes))}`;
}

export function compareKeys(
  page: ComparePage,
  key: string,
  { count, window }: { readonly count: number; readonly window: number },
): readonly Action[] | undefined {
  if (isMove(key)) return [{ kind: 'page', page: { ...page, top: moveInText(page.top, key, count, window) } }];
  const turn = { tab: 1, right: 1, l: 1, 'shift+tab': -1, left: -1, h: -1 }[key];
  if (turn === undefined) return undefined;
  const tab = TABS[(TABS.indexOf(page.tab) + turn + TABS.length) % TABS.length] ?? page.tab;
  return [{ kind: 'page', page: { ...page, tab, top: 0 } }];
}
