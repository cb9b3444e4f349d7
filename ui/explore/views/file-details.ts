import type { FileComparison } from '../../../src/explore/index.ts';
import type { PageElf, PageLook, TreeName } from '../../../src/web/index.ts';
import { type App, layerOf, measureOf } from '../app.ts';
import { button, type Child, el, replace } from '../dom.ts';
import { nameText } from '../names.ts';
import { badge, bar, layerColour, layerMark, nothing, pathLabel, STATE_WORDS } from '../parts.ts';
import { countOf, hexRows, modeText, shortId, sizeText, visibleName } from '../text.ts';
import { pathOf, type TreeNode } from '../tree.ts';
import { layerFacts } from './layer-facts.ts';

const KIND_WORDS: Readonly<Record<string, string>> = {
  d: 'directory',
  f: 'file',
  l: 'symbolic link',
  c: 'character device',
  b: 'block device',
  p: 'fifo',
};

/** Entries of a directory that are told at its side. */
const LARGEST_MAX = 14;
/** Lines of a text that are put into the document. */
const LINES_MAX = 5000;
/** Bytes that are shown as digits. */
const HEX_MAX_BYTES = 8192;

/** What is known of one entry, and what it holds. */
export class FileDetails {
  readonly element: HTMLElement = el('aside', { class: 'panel details', 'aria-label': 'The chosen entry' });
  readonly #app: App;
  /** Counts what was asked for, so that a late answer is not shown. */
  #shown = 0;

  constructor(app: App) {
    this.#app = app;
    replace(this.element, nothing('Choose an entry.'));
  }

  show(node: TreeNode, tree: TreeName): void {
    const mine = ++this.#shown;
    const path = pathOf(node);
    const isFile = node.kind === 'f' && node.state !== '-';
    const last = this.#app.source.data.report.layers.length - 1;
    const layer = layerOf(tree) ?? last;
    const content = el('div', { class: 'content' });
    const served = this.#app.source.isServed;
    replace(
      this.element,
      ...this.#about(node, tree, path),
      isFile && served
        ? el(
            'p',
            {},
            el(
              'a',
              { class: 'save', href: this.#app.source.fileAddress(layer, path), download: true },
              `Save (${sizeText(node.bytes)})`,
            ),
          )
        : undefined,
      content,
    );
    if (node.kind === 'd') replace(content, this.#largest(node, tree));
    if (!isFile) return;
    replace(content, nothing('Reading …'));
    void this.#load(node, { layer, path, tree }).then(
      (parts) => {
        if (mine === this.#shown) replace(content, ...parts);
      },
      (error: unknown) => {
        if (mine === this.#shown) replace(content, nothing(error instanceof Error ? error.message : String(error)));
      },
    );
  }

  /** Of the root of a layer’s changes it is the layer that is told. */
  #about(node: TreeNode, tree: TreeName, path: string): Child[] {
    const { report } = this.#app.source.data;
    const layer = node.place === -1 ? report.layers[layerOf(tree) ?? -1] : undefined;
    return layer === undefined
      ? [el('h2', { class: 'entry-path' }, pathLabel(path)), facts(node, tree)]
      : [el('h2', {}, `Layer ${layer.number}`), layerFacts(report, layer)];
  }

  /** What of a directory takes the most. */
  #largest(node: TreeNode, tree: TreeName): Child {
    const measure = measureOf(tree);
    const parts = node.children.filter((child) => measure(child) > 0).toSorted((a, b) => measure(b) - measure(a));
    if (parts.length === 0) return undefined;
    const whole = Math.max(measure(node), 1);
    return el(
      'div',
      {},
      el('h3', {}, 'Largest inside'),
      el(
        'div',
        { class: 'largest' },
        ...parts.slice(0, LARGEST_MAX).map((child) => {
          const row = button(
            el('span', { class: 'cut path' }, nameText(child.name) + (child.kind === 'd' ? '/' : '')),
            () => this.#app.go({ path: pathOf(child) }),
          );
          row.append(
            bar(measure(child), whole, layerColour(child.layer)),
            el('span', { class: 'number' }, sizeText(measure(child))),
          );
          return row;
        }),
      ),
    );
  }

  async #load(node: TreeNode, place: { layer: number; path: string; tree: TreeName }): Promise<Child[]> {
    const { source } = this.#app;
    const own = place.tree === 'merged' ? node.layer : place.layer;
    const isChanged = place.tree !== 'merged' && node.state === '~';
    if (!source.isServed) {
      const diff = await source.diff(own, place.path);
      if (diff !== undefined) return [el('h3', {}, 'Against the layers below'), comparison(diff)];
      return [nothing('Contents are not in this file. "shale explore IMAGE --web" shows them.')];
    }
    const look = await source.look(place.layer, place.path);
    const canDiffer = look.history.length > 1 || isChanged;
    return [
      this.#history(look, place.path),
      ...this.#contents(look, canDiffer ? { layer: place.layer, path: place.path } : undefined, isChanged),
    ];
  }

  /** The views of a content as tabs; the difference is asked for when it is chosen. */
  #contents(look: PageLook, diff: { layer: number; path: string } | undefined, isDiffFirst: boolean): Child[] {
    const parts: [string, () => Child | Promise<Child>][] = [];
    if (look.elf !== undefined) {
      const { elf } = look;
      parts.push(['ELF', () => elfFacts(elf)]);
    }
    const { text, head } = look;
    if (text !== undefined) parts.push(['Text', () => textView(text, look.isCut)]);
    if (head !== undefined) parts.push(['Bytes', () => hexView(head, look.sizeBytes)]);
    if (diff !== undefined) {
      const show = async (): Promise<Child> => {
        const found = await this.#app.source.diff(diff.layer, diff.path);
        return found === undefined ? nothing('Nothing lies below it.') : comparison(found);
      };
      if (isDiffFirst) parts.unshift(['Changes', show]);
      else parts.push(['Changes', show]);
    }
    if (look.type === 'empty' && parts.length === 0) return [nothing('The file is empty.')];
    return tabs(parts);
  }

  #history({ history, sha256 }: PageLook, path: string): Child {
    return el(
      'div',
      {},
      sha256 === undefined
        ? undefined
        : el('p', { class: 'dim' }, 'sha256 ', el('code', { title: sha256 }, shortId(sha256))),
      history.length < 2
        ? undefined
        : el(
            'ul',
            { class: 'history', 'aria-label': 'Layers that have this path' },
            ...history.map((one) =>
              el(
                'li',
                {},
                button(layerMark(one.layer), () => this.#app.go({ tree: `changes-${one.layer}`, path }), {
                  class: 'link',
                  'aria-label': `layer ${one.layer}`,
                }),
                one.kind === 'absent' ? 'removed here' : `${one.kind}, ${sizeText(one.sizeBytes)}`,
              ),
            ),
          ),
    );
  }
}

function facts(node: TreeNode, tree: TreeName): HTMLElement {
  const { extras } = node;
  const rows: [string, Child][] = [
    ['What', KIND_WORDS[node.kind] ?? node.kind],
    ['Size', node.kind === 'd' ? `${sizeText(node.bytes)} in ${countOf(node.files, 'file')}` : sizeText(node.bytes)],
  ];
  if (node.place !== -1) {
    rows.push(
      ['Mode', el('code', {}, `${modeText(node.mode)} ${node.mode.toString(8).padStart(4, '0')}`)],
      ['Owner', el('code', {}, node.owner)],
    );
    rows.push(['Layer', layerMark(node.layer)]);
    if (tree !== 'merged') {
      const words = [
        STATE_WORDS[node.state] ?? '',
        ...(extras.differs === undefined ? [] : [`(${extras.differs.join(', ')})`]),
      ];
      rows.push(['Here', badge(words.join(' '), `state-${STATE_WORDS[node.state] ?? ''}`)]);
    }
  }
  if (extras.target !== undefined) rows.push(['Leads to', el('code', {}, nameText(extras.target))]);
  if (extras.device !== undefined) rows.push(['Device', extras.device]);
  if (extras.links !== undefined) rows.push(['Names', String(extras.links)]);
  if (extras.package !== undefined) rows.push(['Package', visibleName(extras.package)]);
  if (extras.capabilities !== undefined) rows.push(['Capabilities', el('code', {}, visibleName(extras.capabilities))]);
  if (extras.xattrs !== undefined) rows.push(['Attributes', el('code', {}, extras.xattrs.map(nameText).join(', '))]);
  if ((node.mode & 0o6000) !== 0 && node.kind === 'f')
    rows.push(['Note', badge('runs with rights of its owner', 'lost')]);
  return el('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

/** Buttons, of which one is pressed, over what it shows. */
function tabs(parts: readonly (readonly [string, () => Child | Promise<Child>])[]): Child[] {
  const body = el('div', { class: 'content-body' });
  const choices = parts.map(([name, show], place) => {
    const choice = button(name, () => choose(place, show), { 'aria-pressed': 'false' });
    return choice;
  });
  let chosen = -1;
  const choose = (place: number, show: () => Child | Promise<Child>): void => {
    chosen = place;
    for (const [at, choice] of choices.entries()) choice.setAttribute('aria-pressed', String(at === place));
    Promise.resolve(show()).then(
      (shown) => {
        if (chosen === place) replace(body, shown);
      },
      (error: unknown) => replace(body, nothing(error instanceof Error ? error.message : String(error))),
    );
  };
  const [first] = parts;
  if (first !== undefined) choose(0, first[1]);
  return [el('div', { class: 'content-tabs', role: 'group', 'aria-label': 'How to show it' }, ...choices), body];
}

function textView(text: string, isCut: boolean): HTMLElement {
  const lines = text.split('\n');
  const shown = lines
    .slice(0, LINES_MAX)
    .map((line) => visibleName(line.replaceAll('\t', '    ')))
    .join('\n');
  const rest = isCut || lines.length > LINES_MAX;
  return el(
    'div',
    {},
    el('pre', { tabindex: 0, 'aria-label': 'Text of the file' }, shown),
    rest ? el('p', { class: 'dim' }, 'It goes on; save the file to see all of it.') : undefined,
  );
}

function hexView(head: string, sizeBytes: number): HTMLElement {
  const bytes = Uint8Array.from(atob(head), (character) => character.charCodeAt(0)).subarray(0, HEX_MAX_BYTES);
  return el(
    'div',
    {},
    el('pre', { class: 'hex', tabindex: 0, 'aria-label': 'Bytes of the file' }, hexRows(bytes).join('\n')),
    sizeBytes > bytes.length
      ? el('p', { class: 'dim' }, `The first ${sizeText(bytes.length)} of ${sizeText(sizeBytes)}.`)
      : undefined,
  );
}

function elfFacts(elf: PageElf): HTMLElement {
  const rows: [string, Child][] = [
    ['Kind', `${elf.kind}, ${elf.bits} bits, ${elf.machine}`],
    [
      'Interpreter',
      elf.interpreter === undefined ? 'none: it is static or a library' : el('code', {}, visibleName(elf.interpreter)),
    ],
  ];
  if (elf.soname !== undefined) rows.push(['Name', el('code', {}, visibleName(elf.soname))]);
  if (elf.needed.length > 0) rows.push(['Needs', lines(elf.needed)]);
  if (elf.runPath.length > 0) rows.push(['Looks in', lines(elf.runPath)]);
  const newest = Object.entries(elf.versions).map(
    ([library, versions]) => `${library}: up to ${versions.at(-1) ?? ''}`,
  );
  if (newest.length > 0) rows.push(['Symbols', lines(newest)]);
  return el('dl', { class: 'facts' }, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

function lines(texts: readonly string[]): HTMLElement {
  return el('span', { class: 'lines' }, ...texts.map((text) => el('code', {}, visibleName(text))));
}

function comparison(found: FileComparison): HTMLElement {
  switch (found.kind) {
    case 'equal':
      return nothing(`The content is that of layer ${found.below}.`);
    case 'binary':
      return nothing(
        found.below === undefined
          ? `New, ${sizeText(found.afterBytes)}.`
          : `Not text: ${sizeText(found.beforeBytes)} in layer ${found.below}, ${sizeText(found.afterBytes)} here.`,
      );
    case 'text': {
      if (found.diff === '') return nothing('There is no difference.');
      // The names at its head are known here.
      const rows = found.diff
        .slice(Math.max(0, found.diff.search(/^@@/m)))
        .replace(/\n$/, '')
        .split('\n')
        .slice(0, LINES_MAX);
      const kinds: Readonly<Record<string, string>> = { '+': 'ins', '-': 'del', '@': 'hunk', '\\': 'hunk' };
      const body = rows.map((row) =>
        el('span', { class: `line ${kinds[row.charAt(0)] ?? ''}` }, `${visibleName(row.replaceAll('\t', '    '))}\n`),
      );
      return el(
        'div',
        {},
        el('pre', { class: 'diff', tabindex: 0, 'aria-label': 'Differences to the layers below' }, ...body),
        found.isCut || rows.length === LINES_MAX ? el('p', { class: 'dim' }, 'It goes on.') : undefined,
      );
    }
  }
}
