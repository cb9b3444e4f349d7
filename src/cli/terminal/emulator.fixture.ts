import { graphemes, graphemeWidth } from '../output/text-width.ts';
import type { Size } from './screen.ts';

/** What is still to be read may be the begin of a sequence. */
const UNFINISHED = /^\u001B(?:\[[0-?]*)?$/;
const SEQUENCE = /^\u001B(?:\[([0-?]*)([@-~])|([=>78]))/;

interface Cell {
  text: string;
  rendition: string;
}

/**
 * A terminal for tests: takes what a program writes and knows what is to be seen. Sequences that it does not know make it
 * throw, so that nothing gets through to a terminal unseen.
 */
export class Emulator {
  size: Size;
  readonly modes: Set<string> = new Set(['?7', '?25']);
  cursor: { row: number; column: number } = { row: 0, column: 0 };
  /** Bells and the like. */
  readonly controls: string[] = [];
  #main: Cell[][];
  #alternate: Cell[][];
  #saved: { row: number; column: number } = { row: 0, column: 0 };
  #rendition = '0';
  #rest = '';

  constructor(size: Size) {
    this.size = size;
    this.#main = blank(size);
    this.#alternate = blank(size);
  }

  get isAlternate(): boolean {
    return this.modes.has('?1049');
  }

  resize(size: Size): void {
    this.size = size;
    this.#main = blank(size);
    this.#alternate = blank(size);
  }

  /** The rows as text, without blanks at their ends. */
  lines(): string[] {
    return this.#cells().map((row) =>
      row
        .map((cell) => cell.text)
        .join('')
        .trimEnd(),
    );
  }

  /** The rendition of each cell of a row. */
  renditions(row: number): string[] {
    return (this.#cells()[row] ?? []).map((cell) => cell.rendition);
  }

  write(text: string): void {
    let left = this.#rest + text;
    this.#rest = '';
    while (left !== '') {
      if (left.startsWith('\u001B')) {
        if (UNFINISHED.test(left)) {
          this.#rest = left;
          return;
        }
        const [whole, parameters = '', final, short] = SEQUENCE.exec(left) ?? [];
        if (whole === undefined)
          throw new Error(`a sequence that the emulator does not know: ${JSON.stringify(left.slice(0, 20))}`);
        if (short === undefined) this.#sequence(parameters, final ?? '');
        left = left.slice(whole.length);
      } else {
        const end = left.search(/[\u0000-\u001F\u007F-\u009F]/);
        if (end === 0) {
          this.#control(left[0] ?? '');
          left = left.slice(1);
        } else {
          const run = end === -1 ? left : left.slice(0, end);
          for (const grapheme of graphemes(run)) this.#put(grapheme);
          left = left.slice(run.length);
        }
      }
    }
  }

  #cells(): Cell[][] {
    return this.isAlternate ? this.#alternate : this.#main;
  }

  #control(character: string): void {
    if (character === '\r') this.cursor.column = 0;
    else if (character === '\n') this.cursor.row = Math.min(this.size.rows - 1, this.cursor.row + 1);
    else this.controls.push(character);
  }

  #put(grapheme: string): void {
    const width = graphemeWidth(grapheme);
    const row = this.#cells()[this.cursor.row];
    if (row === undefined || width === 0) return;
    const at = Math.min(this.cursor.column, this.size.columns - width);
    for (let cell = at; cell < at + width; cell++) this.#clearWide(row, cell);
    for (let cell = 0; cell < width; cell++) {
      row[at + cell] = { text: cell === 0 ? grapheme : '', rendition: this.#rendition };
    }
    this.cursor.column = Math.min(this.size.columns, at + width);
  }

  /** Overwriting one half of a wide character takes the other half away. */
  #clearWide(row: Cell[], at: number): void {
    const isHalf = row[at]?.text === '';
    const other = isHalf ? at - 1 : row[at + 1]?.text === '' ? at + 1 : undefined;
    if (other !== undefined) row[other] = { text: ' ', rendition: '0' };
  }

  #sequence(parameters: string, final: string): void {
    const numbers = parameters.split(';').map((one) => Number.parseInt(one, 10) || 0);
    const [first = 0, second = 0] = numbers;
    if (final === 'm') this.#rendition = parameters === '' ? '0' : parameters.replace(/^0;(?=.)/, '0;');
    else if (final === 'H') this.cursor = { row: Math.max(1, first) - 1, column: Math.max(1, second) - 1 };
    else if (final === 'G') this.cursor.column = Math.max(1, first) - 1;
    else if (final === 'J' && first === 2) this.#erase();
    else if (final === 'h' || final === 'l') this.#mode(parameters, final === 'h');
    else throw new Error(`a sequence that the emulator does not know: ESC [ ${parameters} ${final}`);
  }

  #erase(): void {
    const cells = blank(this.size);
    if (this.isAlternate) this.#alternate = cells;
    else this.#main = cells;
  }

  #mode(mode: string, isOn: boolean): void {
    if (mode === '?1049' && isOn !== this.isAlternate) {
      if (isOn) this.#saved = { ...this.cursor };
      else this.cursor = { ...this.#saved };
      this.#alternate = blank(this.size);
    }
    if (isOn) this.modes.add(mode);
    else this.modes.delete(mode);
  }
}

function blank({ columns, rows }: Size): Cell[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => ({ text: ' ', rendition: '0' })));
}
