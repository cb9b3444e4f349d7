import type { ExplorationReport, WasteCause, WasteEntry } from '../../../explore/index.ts';
import { humanSize } from '../../output/human.ts';
import type { Line } from '../../terminal/screen.ts';
import { shownText } from '../../terminal/shown-text.ts';
import { counted, entryPath } from '../details.ts';
import { padLeft, rowsFor } from '../lines.ts';
import { isMove, type ListPosition, LIST_START, moveInList } from '../scrolling.ts';
import type { Action, ExplorerModel } from '../state.ts';
import { percent, span, THEME } from '../theme.ts';
import type { PageView } from './page-view.ts';

/** What is wasted, the most bytes first. */
export interface WastePage {
  readonly kind: 'waste';
  /** All of them when absent. */
  readonly cause: WasteCause | undefined;
  readonly list: ListPosition;
}

const WEIGHT_STYLE = { lost: THEME.removed, avoidable: THEME.modified, optional: THEME.dim } as const;
const CAUSE_COLUMNS = 16;

export function wasteEntries({ waste }: ExplorationReport, cause: WasteCause | undefined): readonly WasteEntry[] {
  return cause === undefined ? waste.entries : waste.entries.filter((entry) => entry.cause === cause);
}

export function wasteView(model: ExplorerModel, page: WastePage): PageView {
  const { report } = model.image;
  const entries = wasteEntries(report, page.cause);
  return {
    heading: page.cause === undefined ? 'Waste' : `Waste: ${page.cause}`,
    head: [
      ...summary(report, page.cause),
      [span(`${padLeft('Bytes', 9)} ${'Cause'.padEnd(CAUSE_COLUMNS)} ${'Layer'.padEnd(9)} Path`, THEME.label)],
    ],
    rows: rowsFor(entries, wasteRow),
    top: page.list.top,
    selected: page.list.selected,
    hints: [
      ['Enter', 'show'],
      ['Tab', 'next cause'],
      ['q', 'back'],
    ],
  };
}

function summary({ waste, scores }: ExplorationReport, cause: WasteCause | undefined): Line[] {
  const sum = waste.causes.find((one) => one.cause === cause);
  if (sum === undefined) {
    const { efficiency, lostBytes, avoidableBytes, optionalBytes } = scores.shale;
    return [
      [
        span(`  ${humanSize(lostBytes)} lost`, WEIGHT_STYLE.lost),
        span(', '),
        span(`${humanSize(avoidableBytes)} avoidable`, WEIGHT_STYLE.avoidable),
        span(`: efficiency ${percent(efficiency)}; ${humanSize(optionalBytes)} optional are not counted`),
      ],
    ];
  }
  const rules = sum.rules.map((rule) => rule.id).join(', ');
  return [
    [span(`  ${humanSize(sum.bytes)} in ${counted(sum.files, 'file')}: ${shownText(sum.meaning)}`)],
    ...(rules === '' ? [] : [[span('  shale lint: ', THEME.label), span(rules)]]),
  ];
}

function wasteRow(entry: WasteEntry): Line {
  const layers = entry.by === undefined ? `${entry.layer}` : `${entry.layer} by ${entry.by}`;
  const path = `${entryPath(entry.path)}${entry.isFolder ? '/' : ''}`;
  return [
    span(`${padLeft(humanSize(entry.bytes), 9)} `),
    span(entry.cause.padEnd(CAUSE_COLUMNS), WEIGHT_STYLE[entry.weight]),
    span(` ${layers.padEnd(9)} ${path}`),
    ...(entry.rule === undefined ? [] : [span(`  ${entry.rule.id}`, THEME.dim)]),
  ];
}

export function wasteKeys(
  model: ExplorerModel,
  page: WastePage,
  key: string,
  window: number,
): readonly Action[] | undefined {
  const { report } = model.image;
  const entries = wasteEntries(report, page.cause);
  if (isMove(key)) {
    const list = moveInList(page.list, key, entries.length, window);
    return [{ kind: 'page', page: { ...page, list } }];
  }
  const causes = [undefined, ...report.waste.causes.map((one) => one.cause)];
  const turn = { tab: 1, right: 1, l: 1, 'shift+tab': -1, left: -1, h: -1 }[key];
  if (turn !== undefined) {
    const cause = causes[(causes.indexOf(page.cause) + turn + causes.length) % causes.length];
    return [{ kind: 'page', page: { ...page, cause, list: LIST_START } }];
  }
  const entry = entries[page.list.selected];
  if (key === 'enter' && entry !== undefined) {
    return [{ kind: 'close' }, { kind: 'go-to', path: entry.path, layer: entry.layer }];
  }
  return undefined;
}
