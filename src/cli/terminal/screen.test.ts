import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { textWidth } from '../output/text-width.ts';
import { Emulator } from './emulator.fixture.ts';
import { type Frame, type Line, Screen, type Size } from './screen.ts';
import { colorDepth, renditionOf } from './style.ts';

const SIZE = { columns: 12, rows: 3 };
const RED = { color: [1, 203] } as const;

const frame = (...lines: readonly string[]): Frame => ({ lines: lines.map((text) => [{ text }]) });

describe('Screen', () => {
  test('Screen draws the first frame whole and of the next ones only what changed', () => {
    const screen = new Screen(0);
    assert.match(screen.draw(frame('hello', 'world'), SIZE), /\u001B\[2J/);
    assert.equal(screen.draw(frame('hello', 'world'), SIZE), '');
    assert.equal(screen.draw(frame('hello', 'wOrld'), SIZE), '\u001B[?25l\u001B[2;2H\u001B[0mO\u001B[0m');
    screen.forget();
    assert.match(screen.draw(frame('hello', 'wOrld'), SIZE), /\u001B\[2J.*hello.*wOrld/);
  });

  test('Screen draws all anew in another size, and cuts what does not fit', () => {
    const screen = new Screen(0);
    const emulator = new Emulator({ columns: 4, rows: 1 });
    screen.draw(frame('hello', 'world'), SIZE);
    emulator.write(screen.draw(frame('hello', 'world'), emulator.size));
    assert.deepEqual(emulator.lines(), ['hell']);
    emulator.write(screen.draw(frame('12漢3'), emulator.size));
    assert.deepEqual(emulator.lines(), ['12漢']);
    emulator.write(screen.draw(frame('123漢'), emulator.size));
    assert.deepEqual(emulator.lines(), ['123']);
  });

  test('Screen shows the cursor where the frame has one', () => {
    const screen = new Screen(0);
    const emulator = new Emulator(SIZE);
    emulator.write(screen.draw({ ...frame('find: x'), cursor: { row: 0, column: 7 } }, SIZE));
    assert.deepEqual([emulator.cursor, emulator.modes.has('?25')], [{ row: 0, column: 7 }, true]);
    emulator.write(screen.draw(frame('found'), SIZE));
    assert.equal(emulator.modes.has('?25'), false);
  });

  test('Screen lets no escape sequence, control or format character through, whatever a view hands on', () => {
    const emulator = new Emulator(SIZE);
    emulator.write(
      new Screen(0).draw(frame('a\u001B[2Jb\u0007', '\u009B1mx\n\r', `x${'\u0301'.repeat(60)}\u202Ey`), SIZE),
    );
    assert.deepEqual(emulator.lines(), ['a[2Jb', '1mx', 'xy']);
    assert.deepEqual(emulator.controls, []);
  });

  test('after any frames one after another, the terminal shows the last one', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', ' ', 'é', 'e\u0301', '漢', '字', '😀', '│', 'xyzxyz'), { maxLength: 12 })
      .map((parts) => parts.join(''));
    const span = fc.record({ text, style: fc.constantFrom(undefined, RED, { reverse: true }) });
    const lines = fc.array(fc.array(span, { maxLength: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(lines, { minLength: 1, maxLength: 5 }), (frames) => {
        const screen = new Screen(16);
        const stepwise = new Emulator(SIZE);
        for (const one of frames) stepwise.write(screen.draw({ lines: one }, SIZE));
        const afresh = new Emulator(SIZE);
        afresh.write(new Screen(16).draw({ lines: frames.at(-1) ?? [] }, SIZE));
        assert.deepEqual(stepwise.lines(), afresh.lines());
        for (let row = 0; row < SIZE.rows; row++) assert.deepEqual(stepwise.renditions(row), afresh.renditions(row));
        assert.deepEqual(
          afresh.lines(),
          (frames.at(-1) ?? []).slice(0, SIZE.rows).map(expected).concat(Array(3).fill('')).slice(0, 3),
        );
      }),
    );
  });

  test('Screen draws 200 columns and 60 rows in a few milliseconds', () => {
    const size: Size = { columns: 200, rows: 60 };
    const screen = new Screen(256);
    const filled = (seed: number): Frame => ({
      lines: Array.from({ length: 60 }, (_, row) => [
        { text: `${seed + row} drwxr-xr-x └── 名前 `.repeat(9), style: RED },
      ]),
    });
    const begun = process.cpuUsage();
    for (let seed = 0; seed < 10; seed++) screen.draw(filled(seed), size);
    const { user, system } = process.cpuUsage(begun);
    assert.ok((user + system) / 1000 / 10 < 100);
  });
});

/** What of a line fits, by the width of its text. */
function expected(line: Line): string {
  let text = '';
  for (const { segment } of new Intl.Segmenter('en').segment(line.map((span) => span.text).join(''))) {
    if (textWidth(text) + textWidth(segment) > SIZE.columns) break;
    text += segment;
  }
  return text.trimEnd();
}

describe('colorDepth() and renditionOf()', () => {
  test('colorDepth() honours NO_COLOR by way of `wanted`, and what TERM can', () => {
    assert.equal(colorDepth({ TERM: 'xterm-256color' }, true), 256);
    assert.equal(colorDepth({ TERM: 'xterm-256color' }, false), 0);
    assert.equal(colorDepth({ TERM: 'xterm', COLORTERM: 'truecolor' }, true), 256);
    assert.equal(colorDepth({ TERM: 'linux' }, true), 16);
    assert.equal(colorDepth({ TERM: 'vt220' }, true), 0);
    assert.equal(colorDepth({}, true), 16);
  });

  test('renditionOf() says colours in the palette that there is, and styles without one', () => {
    const style = { color: [9, 203], background: [0, 236], bold: true, reverse: true } as const;
    assert.equal(renditionOf(style, 256), '0;1;7;38;5;203;48;5;236');
    assert.equal(renditionOf(style, 16), '0;1;7;91;40');
    assert.equal(renditionOf(style, 0), '0;1;7');
    assert.equal(renditionOf(undefined, 256), '0');
  });
});
