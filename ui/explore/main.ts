import { type App, formatPlace, layerOf, parsePlace, type Place, type TabName, treeCache, type View } from './app.ts';
import { button, el, on, replace, svg } from './dom.ts';
import { nothing } from './parts.ts';
import { openSource, type Source } from './source.ts';
import { shortId, sizeText, visibleName } from './text.ts';
import { themeSwitch } from './theme.ts';
import { build } from './views/build.ts';
import { compare } from './views/compare.ts';
import { FilesView } from './views/files.ts';
import { MapView } from './views/map.ts';
import { overview } from './views/overview.ts';
import { packages } from './views/packages.ts';
import { waste } from './views/waste.ts';

const KEYS: readonly (readonly [keys: string, says: string])[] = [
  ['1 … 7', 'the tabs'],
  ['/', 'search files'],
  ['↑ ↓', 'one entry up or down; in the list of layers, another layer'],
  ['→ ←', 'open a folder, close it, go to the one above'],
  ['Enter', 'show an entry; in the map, go into a folder'],
  ['Space', 'open or close a folder'],
  ['Backspace', 'in the map, go to the folder above'],
  ['+ −', 'in the map, into a folder’s parts and out of them'],
  ['t', 'light, dark, or as the system has it'],
  ['?', 'this help'],
];

interface Tab {
  readonly name: TabName;
  readonly title: string;
  readonly make: () => View;
}

const page = document.getElementById('page') ?? document.body;
page.append(nothing('Reading …'));
openSource().then(
  (source) => start(source),
  (error: unknown) =>
    replace(page, el('p', { class: 'nothing', role: 'alert' }, error instanceof Error ? error.message : String(error))),
);

function start(source: Source): void {
  let place = parsePlace(location.hash);
  const live = el('p', { class: 'hidden', 'aria-live': 'polite' });
  const app: App = {
    source,
    get place() {
      return place;
    },
    go: (change) => {
      const next = formatPlace({ ...place, ...change });
      if (next !== location.hash) location.hash = next;
      else show(parsePlace(next));
    },
    tree: treeCache(source),
    announce: (text) => (live.textContent = text),
  };
  const files = new FilesView(app);
  const tabs = tabsOf(app, files);
  const views = new Map<TabName, View>();
  const theme = themeSwitch();
  const help = helpDialog();
  const bar = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views' });
  const main = el('main', {});
  const buttons = tabs.map(({ name, title }) =>
    button(title, () => app.go({ tab: name }), {
      role: 'tab',
      id: `tab-${name}`,
      'aria-controls': `view-${name}`,
      'aria-selected': 'false',
    }),
  );
  bar.append(...buttons);
  on(bar, 'keydown', (event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const at = buttons.findIndex((one) => one === document.activeElement);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (step === 0 || at === -1 || next === undefined) return;
    event.preventDefault();
    app.go({ tab: next.name });
    buttons[tabs.indexOf(next)]?.focus();
  });
  const show = (next: Place): void => {
    const tab = tabs.find(({ name }) => name === next.tab) ?? tabs[0];
    if (tab === undefined) return;
    const layer = layerOf(next.tree);
    const isThere = layer === undefined || layer < source.data.report.layers.length;
    place = { ...next, tab: tab.name, tree: isThere ? next.tree : 'merged' };
    let view = views.get(tab.name);
    if (view === undefined) {
      view = tab.make();
      views.set(tab.name, view);
      main.append(
        el(
          'div',
          { role: 'tabpanel', id: `view-${tab.name}`, 'aria-labelledby': `tab-${tab.name}`, class: 'view' },
          view.element,
        ),
      );
    }
    for (const [at, { name }] of tabs.entries()) {
      const isShown = name === tab.name;
      buttons[at]?.setAttribute('aria-selected', String(isShown));
      if (buttons[at] !== undefined) buttons[at].tabIndex = isShown ? 0 : -1;
      const panel = document.getElementById(`view-${name}`);
      if (panel !== null) panel.hidden = !isShown;
    }
    view.show?.(place);
  };
  replace(
    page,
    header(
      source,
      theme,
      button('?', () => help.showModal(), { class: 'icon', 'aria-label': 'Keys', title: 'Keys' }),
    ),
    bar,
    main,
    help,
    live,
  );
  on(document.body, 'keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const numbered = tabs[Number(event.key) - 1];
    if (event.key === '/') {
      app.go({ tab: 'files' });
      show({ ...place, tab: 'files' });
      files.search.focus();
    } else if (event.key === '?') help.showModal();
    else if (event.key === 't') theme.click();
    else if (numbered !== undefined) app.go({ tab: numbered.name });
    else return;
    event.preventDefault();
  });
  addEventListener('hashchange', () => show(parsePlace(location.hash)));
  show(place);
}

function tabsOf(app: App, files: FilesView): readonly Tab[] {
  const { comparison } = app.source.data;
  const tabs: Tab[] = [
    { name: 'overview', title: 'Overview', make: () => overview(app) },
    { name: 'files', title: 'Files', make: () => files },
    { name: 'map', title: 'Map', make: () => new MapView(app) },
    { name: 'waste', title: 'Waste', make: () => waste(app) },
    { name: 'build', title: 'Build', make: () => build(app) },
    { name: 'packages', title: 'Packages', make: () => packages(app) },
  ];
  if (comparison !== undefined)
    tabs.push({ name: 'compare', title: 'Comparison', make: () => compare(app, comparison) });
  return tabs;
}

function header(source: Source, ...controls: readonly HTMLElement[]): HTMLElement {
  const { image, totals } = source.data.report;
  const about = [image.platform, sizeText(totals.visible.bytes), shortId(image.id)];
  return el(
    'header',
    {},
    svg(
      'svg',
      { class: 'logo', viewBox: '0 0 32 32', 'aria-hidden': 'true' },
      svg('path', { class: 'logo-3', d: 'M16 17 30 23 16 29 2 23Z' }),
      svg('path', { class: 'logo-2', d: 'M16 10 30 16 16 22 2 16Z' }),
      svg('path', { class: 'logo-1', d: 'M16 3 30 9 16 15 2 9Z' }),
    ),
    el(
      'div',
      { class: 'title' },
      el('h1', { title: visibleName(image.name) }, visibleName(image.name)),
      el('p', {}, about.map(visibleName).join(' · ')),
    ),
    el('div', { class: 'controls' }, ...controls),
  );
}

function helpDialog(): HTMLDialogElement {
  const dialog = el('dialog', { 'aria-label': 'Keys' });
  dialog.append(
    el('h2', {}, 'Keys'),
    el(
      'dl',
      { class: 'facts' },
      ...KEYS.flatMap(([keys, says]) => [el('dt', {}, el('kbd', {}, keys)), el('dd', {}, says)]),
    ),
    button('Close', () => dialog.close(), { class: 'more' }),
  );
  return dialog;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement
  );
}
