import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { TreeEntry } from '../../explore/index.ts';
import { Screen } from '../terminal/screen.ts';
import { frameOf } from './frame.ts';
import { madeImage, type MadeEntry, WEB } from './image.fixture.ts';
import { initialState, reduce } from './reduce.ts';
import type { ExplorerState } from './state.ts';
import {
  changeTree,
  filterTree,
  goTo,
  openTree,
  selectedRow,
  toggleAll,
  toggleRow,
  toggleState,
  type TreeSource,
  type TreeState,
} from './tree.ts';

const WINDOW = 10;
const IMAGE = madeImage(WEB);
const LAYER_1 = { from: 1, to: 1 };

const paths = (tree: TreeState): string[] => tree.rows.map((row) => row.entry.path);
const rowOf = (tree: TreeState, path: string): number => tree.rows.findIndex((row) => row.entry.path === path);
const toggle = (tree: TreeState, path: string): TreeState => toggleRow(IMAGE, tree, rowOf(tree, path));

describe('the tree', () => {
  test('the tree shows what is in open directories only', () => {
    const tree = openTree(IMAGE, LAYER_1);
    assert.deepEqual(paths(tree), ['bin', 'etc', 'usr', 'var']);
    const open = toggle(tree, 'etc');
    assert.deepEqual(paths(open), ['bin', 'etc', 'etc/motd', 'etc/passwd', 'usr', 'var']);
    assert.deepEqual(
      open.rows.map((row) => row.guide),
      ['├─ ', '├─ ', '│  ├─ ', '│  └─ ', '├─ ', '└─ '],
    );
    assert.deepEqual(toggle(open, 'etc').rows, tree.rows);
    assert.equal(toggle(tree, 'bin'), tree);
  });

  test('a closed directory keeps what was open below it', () => {
    const open = toggle(toggle(openTree(IMAGE, LAYER_1), 'usr'), 'usr/share');
    assert.ok(paths(toggle(toggle(open, 'usr'), 'usr')).includes('usr/share/doc'));
  });

  test('toggleAll() opens everything, and closes everything where something is open', () => {
    const all = toggleAll(IMAGE, openTree(IMAGE, LAYER_1), WINDOW);
    assert.deepEqual(
      paths(all),
      [...IMAGE.walk(LAYER_1, '')].map((entry) => entry.path),
    );
    assert.deepEqual(paths(toggleAll(IMAGE, all, WINDOW)), ['bin', 'etc', 'usr', 'var']);
  });

  test('hidden states take directories with them in which nothing else changed', () => {
    const all = toggleAll(IMAGE, openTree(IMAGE, LAYER_1), WINDOW);
    const without = (...states: readonly ('added' | 'modified' | 'removed' | 'unmodified')[]) =>
      paths(states.reduce((tree, state) => toggleState(IMAGE, tree, state, WINDOW), all));
    assert.deepEqual(
      without('unmodified'),
      'etc etc/passwd usr usr/bin usr/bin/curl usr/bin/su var var/lib var/lib/apt var/lib/apt/lists var/lib/apt/lists/big'.split(
        ' ',
      ),
    );
    assert.deepEqual(without('unmodified', 'modified', 'removed'), ['usr', 'usr/bin', 'usr/bin/curl']);
    assert.deepEqual(without('added', 'modified', 'removed', 'unmodified'), []);
    assert.deepEqual(without('added', 'added'), paths(all));
  });

  test('a filter shows what matches and the directories above it, open', () => {
    const filtered = filterTree(IMAGE, openTree(IMAGE, LAYER_1), 'PASS', WINDOW);
    assert.deepEqual(paths(filtered), ['etc', 'etc/passwd']);
    assert.equal(selectedRow(filtered)?.entry.path, 'etc/passwd');
    assert.deepEqual(paths(toggle(filtered, 'etc')), ['etc']);
    assert.deepEqual(paths(filterTree(IMAGE, filtered, 'nothing like it', WINDOW)), []);
    assert.deepEqual(paths(filterTree(IMAGE, filtered, '', WINDOW)), ['bin', 'etc', 'usr', 'var']);
    const inLayer2 = changeTree(
      IMAGE,
      filterTree(IMAGE, filtered, 'srv', WINDOW),
      { scope: { from: 2, to: 2 } },
      WINDOW,
    );
    assert.equal(paths(inLayer2).length, 7);
  });

  test('goTo() opens what is above a path; it finds nothing that is not shown', () => {
    const tree = goTo(IMAGE, openTree(IMAGE, LAYER_1), 'usr/share/doc/bash', WINDOW);
    assert.ok(tree !== undefined);
    assert.equal(selectedRow(tree)?.entry.path, 'usr/share/doc/bash');
    assert.equal(goTo(IMAGE, tree, 'usr/nothing', WINDOW), undefined);
    assert.equal(goTo(IMAGE, filterTree(IMAGE, tree, 'etc', WINDOW), 'usr/bin/bash', WINDOW), undefined);
  });

  test('what was chosen stays chosen in another layer, or the directory above it', () => {
    const tree = goTo(IMAGE, openTree(IMAGE, { from: 2, to: 2 }), 'srv/img/logo.png', WINDOW);
    assert.ok(tree !== undefined);
    const removed = changeTree(IMAGE, tree, { scope: { from: 3, to: 3 } }, WINDOW);
    assert.equal(selectedRow(removed)?.entry.state, 'removed');
    const before = changeTree(IMAGE, tree, { scope: LAYER_1 }, WINDOW);
    assert.equal(selectedRow(before)?.entry.path, 'bin');
    const closed = changeTree(IMAGE, tree, { open: new Set() }, WINDOW);
    assert.equal(selectedRow(closed)?.entry.path, 'srv');
  });

  test('by size the largest comes first', () => {
    const tree = changeTree(IMAGE, openTree(IMAGE, LAYER_1), { isBySize: true }, WINDOW);
    assert.deepEqual(paths(tree), ['usr', 'etc', 'bin', 'var']);
  });

  test('rows after any toggles are those that are made anew', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
      .map((names) => names.join('/x'));
    fc.assert(
      fc.property(
        fc.uniqueArray(path, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(20), { maxLength: 10 }),
        (files, toggles) => {
          const entries: Record<string, MadeEntry> = Object.fromEntries(files.map((file) => [`${file}/file`, 1]));
          const image = madeImage([{ instruction: 'COPY', entries }]);
          let tree = openTree(image, { from: 0, to: 0 });
          for (const index of toggles) tree = toggleRow(image, tree, index % tree.rows.length);
          assert.deepEqual(changeTree(image, tree, {}, WINDOW).rows, tree.rows);
        },
      ),
    );
  });
});

const FOLDERS = 2000;
const FILES = 99;

/** 200,000 entries that are made when they are asked for. */
const LARGE: TreeSource = {
  list: (_, path) => {
    if (path === '') return Array.from({ length: FOLDERS }, (_, index) => madeEntry(`d${index}`, 'directory'));
    return path.includes('/')
      ? []
      : Array.from({ length: FILES }, (_, index) => madeEntry(`${path}/f${index}`, 'file'));
  },
  search: () => [],
};

const [ANY] = IMAGE.list(LAYER_1, '');

function madeEntry(path: string, kind: 'file' | 'directory'): TreeEntry {
  assert.ok(ANY !== undefined);
  return { ...ANY, path, name: path.slice(path.lastIndexOf('/') + 1), kind };
}

/** Of this process: others on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const LAST = { from: WEB.length - 1, to: WEB.length - 1 };

test('a tree of 200,000 entries opens at once, and what is drawn does not depend on its size', () => {
  const closed = openTree(LARGE, LAST);
  const begun = cpuMs();
  const tree = toggleAll(LARGE, closed, WINDOW);
  const opened = cpuMs() - begun;
  assert.equal(tree.rows.length, FOLDERS * (FILES + 1));
  const model = { image: IMAGE, comparison: undefined };
  let state: ExplorerState = { ...initialState(model, { columns: 120, rows: 40 }), focus: 'tree', tree };
  const screen = new Screen(256);
  const moved = cpuMs();
  for (let step = 0; step < 100; step++) {
    state = reduce(model, state, { kind: 'key', key: { kind: 'named', name: 'page-down' } }).state;
    screen.draw(frameOf(model, state), state.size);
  }
  const perKey = (cpuMs() - moved) / 100;
  assert.equal(state.tree.list.selected, 100 * 35);
  // About 500 and 3; the machine may be a slow one.
  assert.ok(opened < 5000, `${opened} ms to open all`);
  assert.ok(perKey < 50, `${perKey} ms a key`);
});
