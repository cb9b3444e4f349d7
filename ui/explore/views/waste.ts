import type { DuplicateGroup, LintRuleLink, WasteCause, WasteEntry, WasteOfCause } from '../../../src/explore/index.ts';
import type { App, View } from '../app.ts';
import { button, type Child, el, panel } from '../dom.ts';
import { badge, bar, layerMark, nothing, pathLabel, table } from '../parts.ts';
import { countOf, countText, shareText, sizeText, visibleName } from '../text.ts';

const TITLES: Readonly<Record<WasteCause, string>> = {
  deleted: 'deleted later',
  overwritten: 'overwritten later',
  metadata: 'copied for a chmod or chown',
  rewritten: 'written again, the same',
  duplicate: 'the same content twice',
  'package-cache': 'caches of package managers',
  temporary: 'temporary files and logs',
  'version-control': 'version control',
  documentation: 'documentation',
  locales: 'translations and locales',
  development: 'debug symbols, headers',
};

const WEIGHTS: Readonly<Record<string, string>> = {
  lost: 'no container sees it',
  avoidable: 'nobody misses it',
  optional: 'only people read it',
};

export function causeTitle(cause: WasteCause): string {
  return TITLES[cause] ?? cause;
}

export function waste(app: App): View {
  const { report } = app.source.data;
  const { causes, entries, moreEntries } = report.waste;
  let chosen: WasteCause | undefined;
  const list = el('div', {});
  const cards = causes.map((cause) => causeCard(app, cause));
  const choose = (cause: WasteCause | undefined): void => {
    chosen = chosen === cause ? undefined : cause;
    for (const card of cards) card.button.setAttribute('aria-pressed', String(card.cause === chosen));
    const shown = chosen === undefined ? entries : entries.filter((entry) => entry.cause === chosen);
    list.replaceChildren(shown.length === 0 ? nothing('No entry of this cause.') : wasteTable(app, shown));
    app.announce(countOf(shown.length, 'entry', 'entries'));
  };
  for (const card of cards) card.button.addEventListener('click', () => choose(card.cause));
  list.replaceChildren(entries.length === 0 ? nothing('Nothing is wasted.') : wasteTable(app, entries));
  return {
    element: el(
      'div',
      { class: 'stack' },
      panel(
        'Causes',
        {},
        causes.length === 0
          ? nothing('Nothing is wasted.')
          : el('div', { class: 'cards' }, ...cards.map(({ card }) => card)),
      ),
      panel(
        'Entries',
        {},
        list,
        moreEntries > 0 ? el('p', { class: 'dim' }, `${countText(moreEntries)} smaller ones are left out.`) : undefined,
      ),
      panel('Files with the same content', {}, duplicates(app, report.duplicates)),
      panel('Dive’s list', {}, diveList(app)),
    ),
  };
}

interface CauseCard {
  readonly cause: WasteCause;
  readonly card: HTMLElement;
  readonly button: HTMLButtonElement;
}

function causeCard(app: App, cause: WasteOfCause): CauseCard {
  const { scores, waste: all } = app.source.data.report;
  const choice = el(
    'button',
    { type: 'button', 'aria-pressed': 'false', class: 'card-choice' },
    el('span', { class: 'card-title' }, causeTitle(cause.cause)),
    el('strong', {}, sizeText(cause.bytes)),
    bar(cause.bytes, all.causes[0]?.bytes ?? 1, `var(--${cause.weight})`),
    el(
      'small',
      {},
      `${countOf(cause.files, 'file')} · ${shareText(cause.bytes, scores.shale.totalBytes)} of all bytes`,
    ),
  );
  const card = el(
    'div',
    { class: `card ${cause.weight}` },
    choice,
    el('p', {}, visibleName(cause.meaning)),
    el(
      'p',
      { class: 'rules' },
      badge(WEIGHTS[cause.weight] ?? cause.weight, cause.weight),
      ...cause.rules.map(ruleMark),
    ),
  );
  return { cause: cause.cause, card, button: choice };
}

/** The rule of the linter; its page is told by the command line, since this page has no network. */
function ruleMark({ id, title }: LintRuleLink): HTMLElement {
  return el('span', { class: 'badge rule', title: `shale lint: ${title}` }, id);
}

function wasteTable(app: App, entries: readonly WasteEntry[]): HTMLElement {
  const last = Math.max(0, app.source.data.report.layers.length - 1);
  return table<WasteEntry>({
    label: 'Wasted bytes, the most first',
    rows: entries,
    ordered: 'bytes',
    columns: [
      { title: 'bytes', isNumber: true, key: ({ bytes }) => bytes, cell: ({ bytes }) => sizeText(bytes) },
      {
        title: 'path',
        class: 'grow',
        key: ({ path }) => path,
        cell: ({ path, isFolder, layer }) => openPath(app, isFolder ? `${path}/` : path, layer, last),
      },
      { title: 'files', isNumber: true, key: ({ files }) => files, cell: ({ files }) => countText(files) },
      { title: 'cause', key: ({ cause }) => cause, cell: ({ cause }) => causeTitle(cause) },
      { title: 'in layer', key: ({ layer }) => layer, cell: ({ layer }) => layerMark(layer) },
      { title: 'because of', key: ({ by }) => by ?? -1, cell: ({ by }) => (by === undefined ? '–' : layerMark(by)) },
      {
        title: 'mended by',
        cell: ({ rule }) => (rule === undefined ? el('span', { class: 'dim' }, '–') : ruleMark(rule)),
      },
    ],
  });
}

/** A path that leads to what its layer changes there. */
function openPath(app: App, path: string, layer: number, last: number): Child {
  const tree = last === 0 ? 'merged' : (`changes-${layer}` as const);
  return button(pathLabel(path), () => app.go({ tab: 'files', tree, path: path.replace(/\/$/, '') }), {
    class: 'link',
  });
}

function duplicates(app: App, groups: readonly DuplicateGroup[]): HTMLElement {
  if (groups.length === 0) return nothing('No two files have the same content.');
  return table<DuplicateGroup>({
    label: 'Files with the same content, those that cost most first',
    rows: groups,
    ordered: 'could be saved',
    columns: [
      {
        title: 'could be saved',
        isNumber: true,
        key: ({ wastedBytes }) => wastedBytes,
        cell: ({ wastedBytes }) => sizeText(wastedBytes),
      },
      { title: 'copies', isNumber: true, key: ({ count }) => count, cell: ({ count }) => countText(count) },
      {
        title: 'each',
        isNumber: true,
        key: ({ fileBytes }) => fileBytes,
        cell: ({ fileBytes }) => sizeText(fileBytes),
      },
      {
        title: 'paths',
        class: 'grow',
        cell: ({ places, count }) =>
          el(
            'span',
            { class: 'lines' },
            ...places
              .slice(0, 4)
              .map(({ path }) =>
                button(pathLabel(path), () => app.go({ tab: 'files', tree: 'merged', path }), { class: 'link' }),
              ),
            count > 4 ? el('span', { class: 'dim' }, `and ${countText(count - 4)} more`) : undefined,
          ),
      },
    ],
  });
}

function diveList(app: App): HTMLElement {
  const { dive } = app.source.data.report.scores;
  const summary = el(
    'p',
    {},
    `By dive’s definition the image is ${shareText(dive.efficiency, 1)} efficient and wastes ${sizeText(dive.wastedBytes)}, ${shareText(dive.wastedUserShare, 1)} of what lies above its lowest layer.`,
  );
  if (dive.inefficient.length === 0) return summary;
  const rows = table({
    label: 'Paths that are in more than one layer',
    rows: dive.inefficient,
    ordered: 'bytes',
    columns: [
      { title: 'bytes', isNumber: true, key: ({ bytes }) => bytes, cell: ({ bytes }) => sizeText(bytes) },
      { title: 'layers', isNumber: true, key: ({ count }) => count, cell: ({ count }) => countText(count) },
      { title: 'path', class: 'grow', key: ({ path }) => path, cell: ({ path }) => pathLabel(path) },
    ],
  });
  return el('div', {}, summary, el('details', {}, el('summary', {}, countOf(dive.inefficient.length, 'path')), rows));
}
