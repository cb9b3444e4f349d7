import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { explore } from '../../explore/index.ts';
import { partsOf } from '../../explore/parts.fixture.ts';
import { Driver, keyOf } from './driver.fixture.ts';
import { madeImage, WEB, WEB_COMPARISON, WEB_WASTE } from './image.fixture.ts';
import type { FilePage } from './pages/file.ts';
import { selectedRow } from './tree.ts';

const IMAGE = madeImage(WEB, { waste: WEB_WASTE });
const open = (): Driver => new Driver({ image: IMAGE, comparison: undefined });
const chosenPath = (driver: Driver): string | undefined => selectedRow(driver.state.tree)?.entry.path;
const pages = (driver: Driver): string[] => driver.state.pages.map((page) => page.kind);

describe('keys', () => {
  test('q goes back and, where there is nothing to go back to, ends; Ctrl-C ends everywhere', () => {
    assert.deepEqual(open().press('q').effects, [{ kind: 'quit' }]);
    const driver = open().press('w ?');
    assert.deepEqual(pages(driver), ['waste', 'help']);
    assert.deepEqual(pages(driver.press('q escape')), []);
    assert.deepEqual(driver.press('escape').effects, []);
    for (const keys of ['ctrl+c', '/ x ctrl+c', 'w ctrl+c', 'tab ctrl+c']) {
      assert.deepEqual(open().press(keys).effects, [{ kind: 'quit' }]);
    }
    assert.deepEqual(open().press('ctrl+z').effects, [{ kind: 'suspend' }]);
  });

  test('Tab goes from layers to files and back', () => {
    const driver = open();
    assert.equal(driver.press('tab').state.focus, 'tree');
    assert.equal(driver.press('tab').state.focus, 'layers');
  });

  test('Ctrl-A and Ctrl-L on layers: all changes, and those of the layer', () => {
    const driver = open();
    assert.deepEqual(driver.state.tree.scope, { from: 3, to: 3 });
    assert.deepEqual(driver.press('ctrl+a').state.tree.scope, { from: 1, to: 3 });
    assert.deepEqual(driver.press('up').state.tree.scope, { from: 1, to: 2 });
    assert.deepEqual(driver.press('home').state.tree.scope, { from: 0, to: 0 });
    assert.deepEqual(driver.press('end ctrl+l').state.tree.scope, { from: 3, to: 3 });
  });

  test('keys that come faster than a layer is looked at look at the last one only, and other keys see it', () => {
    const asked: number[] = [];
    const image = {
      ...IMAGE,
      list: (...[scope, path]: Parameters<typeof IMAGE.list>) => (asked.push(scope.to), IMAGE.list(scope, path)),
    };
    const driver = new Driver({ image, comparison: undefined }).press('up up up');
    assert.deepEqual([...new Set(asked)], [3, 0]);
    driver.press('down down tab down right down');
    assert.deepEqual([...new Set(asked)], [3, 0, 2]);
    assert.equal(chosenPath(driver), 'etc/motd');
  });

  test('Ctrl-A, Ctrl-R, Ctrl-M and Ctrl-U on files hide states, and show them again', () => {
    const driver = open().press('tab ctrl+a ctrl+r m ctrl+u');
    assert.deepEqual([...driver.state.tree.hidden], ['added', 'removed', 'modified', 'unmodified']);
    assert.deepEqual([...driver.press('ctrl+a ctrl+r ctrl+m ctrl+u').state.tree.hidden], []);
    assert.deepEqual([...driver.press('tab ctrl+u').state.tree.hidden], []);
  });

  test('Ctrl-B shows and hides modes, Ctrl-O sorts by size, Ctrl-Space opens all', () => {
    const driver = open().press('tab ctrl+b ctrl+o ctrl+space');
    assert.deepEqual([driver.state.showsAttributes, driver.state.tree.isBySize], [true, true]);
    assert.ok(driver.state.tree.rows.length > 10);
  });

  test('arrows and Space open and close directories', () => {
    const driver = open().press('tab down');
    assert.equal(chosenPath(driver), 'etc');
    assert.equal(driver.press('right').state.tree.rows.length, 7);
    assert.equal(chosenPath(driver.press('down down')), 'etc/passwd');
    assert.equal(chosenPath(driver.press('left')), 'etc');
    assert.equal(driver.press('left').state.tree.rows.length, 5);
    assert.equal(driver.press('space').state.tree.rows.length, 7);
    assert.equal(chosenPath(driver.press('left left left')), 'etc');
  });

  test('Enter looks at a file, follows a link, and says where a link leads nowhere', () => {
    const driver = open().press('/').type('nowhere').press('enter');
    assert.equal(chosenPath(driver), 'srv/nowhere');
    assert.deepEqual(driver.press('enter').state.message, { text: 'the link leads nowhere: /missing', isError: true });
    assert.equal(chosenPath(driver.press('home enter')), 'usr/bin');
    assert.deepEqual(driver.press('right down enter').effects, [
      { kind: 'look', place: { path: 'usr/bin/bash', layer: 3 } },
    ]);
  });

  test('what was removed is looked at where it still is', () => {
    const driver = open().press('/').type('logo').press('enter enter');
    assert.deepEqual(driver.effects, [{ kind: 'look', place: { path: 'srv/img/logo.png', layer: 2 } }]);
  });

  test('d asks for the difference, only of files', () => {
    const driver = open().press('/').type('motd').press('enter d');
    assert.deepEqual(driver.effects, [{ kind: 'compare', place: { path: 'etc/motd', layer: 3 } }]);
    assert.deepEqual(pages(driver.press('q left d')), []);
    assert.equal(driver.state.message?.isError, true);
  });

  test('x asks where to, and writes there; the name it proposes is harmless', () => {
    const driver = open().press('/').type('[2J').press('enter x');
    assert.equal(driver.screen().at(-1), 'write to: ./_[2Jx_');
    driver.press('ctrl+u').type('out.bin').press('enter');
    assert.deepEqual(driver.effects, [
      { kind: 'export', place: { path: 'srv/img/\u001B[2Jx\n', layer: 2 }, to: 'out.bin' },
    ]);
    driver.event({ kind: 'exported', to: 'out.bin', sizeBytes: 5 });
    assert.equal(driver.screen().at(-1), ' written: out.bin (5 bytes)');
    assert.equal(driver.press('up').state.message, undefined);
    assert.deepEqual(open().press('tab down x').state.prompt, undefined);
  });

  test('what fails is told: on the page that waits for it, else in the last row', () => {
    const driver = open().press('/').type('motd').press('enter enter');
    const [effect] = driver.effects;
    assert.ok(effect !== undefined);
    driver.event({ kind: 'failed', effect, message: 'gone\u001B[2J' });
    assert.ok(driver.screen().includes(String.raw`  gone\x1B[2J`));
    const exporting = { kind: 'export', place: { path: 'a', layer: 0 }, to: 'b' } as const;
    assert.deepEqual(driver.event({ kind: 'failed', effect: exporting, message: 'EEXIST' }).state.message, {
      text: 'EEXIST',
      isError: true,
    });
  });

  test('a search goes to what it found, and n and N go on', () => {
    const driver = open().press('/').type('usr/bin').press('enter');
    assert.deepEqual(pages(driver), ['found']);
    assert.equal(chosenPath(driver.press('down enter')), 'usr/bin/bash');
    assert.equal(chosenPath(driver.press('n')), 'usr/bin/curl');
    assert.equal(chosenPath(driver.press('N N')), 'usr/bin');
    assert.equal(chosenPath(driver.press('N')), 'usr/bin/su');
    assert.equal(driver.press('/').type('nothing at all').press('enter').state.message?.isError, true);
    assert.deepEqual(pages(driver.press('/ enter')), []);
  });

  test('a filter is applied while it is typed; Escape brings the one before back', () => {
    const driver = open().press('tab ctrl+f').type('etc');
    assert.equal(driver.state.tree.rows.length, 3);
    driver.press('enter ctrl+f').type('/pass');
    assert.equal(driver.state.tree.rows.length, 2);
    assert.equal(driver.press('escape').state.tree.rows.length, 3);
    assert.equal(driver.press('escape').state.tree.filter, undefined);
  });

  test('Enter on waste shows it in the layer that it lies in, whatever was hidden', () => {
    const driver = open().press('tab ctrl+f').type('motd').press('enter w down enter');
    assert.deepEqual([chosenPath(driver), driver.state.layers.selected, driver.state.focus], ['srv/img', 2, 'tree']);
    assert.equal(driver.state.tree.filter, undefined);
  });

  test('Tab on waste shows one cause after the other', () => {
    const driver = open().press('w');
    const causes = [1, 2, 3, 4].map(() => {
      const page = driver.press('tab').state.pages[0];
      return page?.kind === 'waste' && page.cause;
    });
    assert.deepEqual(causes, ['deleted', 'metadata', 'documentation', undefined]);
  });

  test('c says how to compare where one image was named', () => {
    assert.ok(
      open()
        .press('c')
        .screen()
        .some((line) => line.includes('shale explore BEFORE AFTER')),
    );
    const two = new Driver({ image: IMAGE, comparison: WEB_COMPARISON });
    assert.deepEqual(pages(two), ['compare']);
    assert.deepEqual(pages(two.press('c')), []);
  });
});

test('an image without layers, and one without files, show so', async () => {
  for (const layers of [[], [[]]]) {
    await using image = explore(partsOf(layers));
    const driver = new Driver({ image, comparison: undefined });
    driver.press('down ctrl+a tab ctrl+space enter d x / a enter n ctrl+f a enter w q i tab q');
    assert.ok(driver.screen().some((line) => line.includes('nothing to show')));
  }
});

describe('a file', () => {
  test('its bytes are read where they are looked at', () => {
    const driver = open().press('up up up /').type('lists/big').press('enter enter');
    const page = driver.state.pages[0];
    assert.ok(page?.kind === 'file');
    const { entry, place } = page;
    const head = new Uint8Array(65_536);
    const look = {
      entry,
      sha256: undefined,
      type: 'binary',
      text: undefined,
      isCut: false,
      head,
      elf: undefined,
      history: [],
    } as const;
    driver.event({ kind: 'looked', place, look });
    assert.equal((driver.state.pages[0] as FilePage).tab, 'hex'); // It is the page from above.
    assert.deepEqual(driver.press('page-down').effects, []);
    driver.press('end');
    const [effect] = driver.effects;
    assert.ok(
      effect?.kind === 'read' && effect.offset <= 18_000_000 - 300 && effect.offset + effect.lengthBytes >= 18_000_000,
    );
    assert.equal(effect.offset % 16, 0);
    assert.ok(driver.screen().some((line) => line === '  …'));
    const bytes = new Uint8Array(18_000_000 - effect.offset).fill(0x41);
    driver.event({ kind: 'read', place, offset: effect.offset, bytes });
    assert.match(driver.screen().at(-2) ?? '', /^0112a87\d  41 41/);
  });

  test('an answer for a page that was left is not shown anywhere', () => {
    const driver = open().press('/').type('motd').press('enter enter');
    const place = { path: 'etc/passwd', layer: 3 };
    const before = driver.state.pages;
    driver.event({ kind: 'compared', place, comparison: { kind: 'equal', below: 0 } });
    assert.deepEqual(driver.state.pages, before);
  });

  test('finding goes round, and says when there is nothing', () => {
    const driver = open().press('/').type('motd').press('enter enter');
    const page = driver.state.pages[0];
    assert.ok(page?.kind === 'file');
    const text = Array.from({ length: 100 }, (_, line) => (line % 40 === 7 ? 'a Needle' : 'hay')).join('\n');
    const { entry, place } = page;
    const look = {
      entry,
      sha256: undefined,
      type: 'text',
      text,
      isCut: false,
      head: undefined,
      elf: undefined,
      history: [],
    } as const;
    driver.event({ kind: 'looked', place, look }).press('/').type('needle').press('enter');
    const line = (): number | undefined => (driver.state.pages[0] as FilePage).find?.line; // As above.
    const lines = [line(), ...['n', 'n', 'n', 'N'].map((key) => (driver.press(key), line()))];
    assert.deepEqual(lines, [7, 47, 87, 7, 87]);
    assert.equal(driver.press('/').type('gold').press('enter').state.message?.text, 'not found: gold');
  });
});

test('the same keys give the same screen, in any order of them and at any size', () => {
  const words =
    'tab up down left right space enter escape q w c d x n N / ? m ctrl+a ctrl+l ctrl+f ctrl+r ctrl+u ctrl+b ctrl+o ctrl+space page-down end home a bin'.split(
      ' ',
    );
  const size = fc.record({ columns: fc.integer({ min: 1, max: 130 }), rows: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 25 }), size, size, (keys, first, second) => {
      const run = (): string[] => {
        const driver = new Driver({ image: IMAGE, comparison: WEB_COMPARISON }, first);
        for (const [index, word] of keys.entries()) {
          if (index === 10) driver.resize(second);
          driver.event({ kind: 'key', key: word === 'bin' ? { kind: 'paste', text: word } : keyOf(word) });
        }
        const screen = driver.screen();
        assert.equal(screen.length, (keys.length > 10 ? second : first).rows);
        const { selected } = driver.state.tree.list;
        assert.ok(selected === 0 || selected < driver.state.tree.rows.length);
        return screen;
      };
      assert.deepEqual(run(), run());
    }),
    { numRuns: 60 },
  );
});
