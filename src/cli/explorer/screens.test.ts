import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { fromText } from '../../base/index.ts';
import type { Size } from '../terminal/screen.ts';
import type { FileLook } from '../../explore/index.ts';
import { Driver } from './driver.fixture.ts';
import { madeImage, WEB, WEB_COMPARISON, WEB_INVENTORY, WEB_WASTE } from './image.fixture.ts';

/** Rewritten with `node --test --test-update-snapshots`; read them in review. */
const SCREENS = join(import.meta.dirname, 'screens');

const MODEL = { image: madeImage(WEB, { waste: WEB_WASTE }), comparison: undefined };

function open(size?: Size): Driver {
  return new Driver(MODEL, size);
}

function expectScreen(context: TestContext, name: string, driver: Driver): void {
  const { cursor } = driver;
  const text = [
    ...driver.screen(),
    `-- reversed rows: ${driver.reversed().join(' ')}${cursor === undefined ? '' : `; cursor: ${cursor.row} ${cursor.column}`}`,
    '',
  ].join('\n');
  context.assert.fileSnapshot(text, join(SCREENS, `${name}.txt`), { serializers: [(value: string) => value] });
}

function lookOf(driver: Driver, look: Partial<FileLook>): void {
  const page = driver.state.pages.at(-1);
  assert.ok(page?.kind === 'file');
  const { place, entry } = page;
  const whole: FileLook = {
    entry,
    sha256: 'ab'.repeat(32),
    type: 'text',
    text: undefined,
    isCut: false,
    head: undefined,
    elf: undefined,
    history: [],
    ...look,
  };
  driver.event({ kind: 'looked', place, look: whole });
}

describe('screens', () => {
  test('the first screen shows the layers and what the last one changes', (context) => {
    expectScreen(context, 'first', open());
  });

  test('a wide terminal shows modes and owners', (context) => {
    expectScreen(context, 'wide', open({ columns: 160, rows: 30 }).press('tab down right'));
  });

  test('a narrow terminal shows one of the two', (context) => {
    expectScreen(context, 'narrow-layers', open({ columns: 40, rows: 12 }));
    expectScreen(context, 'narrow-files', open({ columns: 40, rows: 12 }).press('tab'));
  });

  test('a terminal of one column and one row is no trouble', () => {
    const driver = open({ columns: 1, rows: 1 });
    for (const keys of [
      'tab',
      'w',
      'q',
      '?',
      'q',
      '/',
      'a',
      'enter',
      'escape',
      'ctrl+space',
      'page-down',
      'enter',
      'c',
    ]) {
      assert.equal(driver.press(keys).screen().length, 1);
    }
  });

  test('all changes since the lowest layer, everything open', (context) => {
    expectScreen(context, 'aggregated', open().press('ctrl+a tab ctrl+space'));
  });

  test('names that a terminal would act upon are escaped', (context) => {
    expectScreen(context, 'hostile-names', open().press('up tab ctrl+space ctrl+u'));
  });

  test('details, waste and help', (context) => {
    expectScreen(context, 'details', open().press('up up enter'));
    expectScreen(context, 'waste', open().press('w down'));
    expectScreen(context, 'waste-of-a-cause', open().press('w tab'));
    expectScreen(context, 'help', open().press('?'));
  });

  test('what is typed stands in the last row', (context) => {
    expectScreen(context, 'search', open().press('/').type('usr/bin'));
    expectScreen(context, 'found', open().press('/').type('bin').press('enter down'));
    expectScreen(context, 'filter', open().press('tab ctrl+f').type('bin'));
  });

  test('a text, its line numbers and what was found in it', (context) => {
    const driver = open().press('up tab down down right down down enter');
    assert.deepEqual(driver.effects, [{ kind: 'look', place: { path: 'srv/index.html', layer: 2 } }]);
    expectScreen(context, 'file-reading', driver);
    lookOf(driver, { text: `<h1>\tone</h1>\n\u001B[2J\n${fromText('x')}\nTwo ones\n`, isCut: true });
    expectScreen(context, 'file-text', driver.press('/').type('ONE').press('enter n'));
  });

  test('an ELF file: what it needs, its bytes, its layers', (context) => {
    const driver = open().press('/').type('bin/bash').press('enter enter');
    lookOf(driver, {
      type: 'binary',
      head: Uint8Array.from({ length: 65_536 }, (_, index) => index % 256),
      elf: {
        bits: 64,
        machine: 'amd64',
        kind: 'program',
        interpreter: '/lib64/ld-linux-x86-64.so.2',
        needed: ['libtinfo.so.6', 'libc.so.6'],
        soname: undefined,
        runPath: [],
        versions: new Map([['libc.so.6', ['GLIBC_2.2.5', 'GLIBC_2.36']]]),
        defines: [],
      },
      history: [{ layer: 0, kind: 'file', sizeBytes: 1_265_648, mode: 0o755, sha256: undefined }],
    });
    expectScreen(context, 'file-elf', driver);
    expectScreen(context, 'file-hex', driver.press('tab page-down'));
    expectScreen(context, 'file-layers', driver.press('tab'));
  });

  test('the difference to the layers below', (context) => {
    const driver = open().press('up up tab down right down d');
    const [effect] = driver.effects;
    assert.deepEqual(effect, { kind: 'compare', place: { path: 'etc/motd', layer: 1 } });
    const diff = '--- etc/motd\n+++ etc/motd\n@@ -1,2 +1,2 @@\n same\n-old\u0007\n+new\n';
    const place = { path: 'etc/motd', layer: 1 };
    driver.event({ kind: 'compared', place, comparison: { kind: 'text', diff, isCut: false, below: 0 } });
    expectScreen(context, 'diff', driver);
  });

  test('packages, files with rights, equal files, config', (context) => {
    const image = madeImage(WEB, { waste: WEB_WASTE, ...WEB_INVENTORY });
    const driver = new Driver({ image, comparison: undefined }).press('i');
    for (const tab of ['packages', 'privileged', 'duplicates', 'build', 'config']) {
      expectScreen(context, `inventory-${tab}`, driver);
      driver.press('tab');
    }
    driver.press('right down enter');
    assert.equal(driver.state.tree.rows[driver.state.tree.list.selected]?.entry.path, 'usr/bin/su');
  });

  test('two images', (context) => {
    const model = { image: MODEL.image, comparison: WEB_COMPARISON };
    expectScreen(context, 'compare-files', new Driver(model));
    expectScreen(context, 'compare-packages', new Driver(model).press('tab'));
    expectScreen(context, 'compare-config', new Driver(model).press('right right'));
    expectScreen(context, 'compare-privileged', new Driver(model).press('shift+tab'));
  });

  test('states are told by marks and by colours', () => {
    const driver = open().press('up up tab ctrl+space');
    const row = driver.screen().findIndex((line) => line.includes('curl  ') || line.endsWith('├─ curl'));
    assert.match(driver.screen()[row] ?? '', /│\+ +260kB/);
    assert.ok(driver.renditions(row).includes('0;32'));
  });
});
