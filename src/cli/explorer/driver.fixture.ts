import { Emulator } from '../terminal/emulator.fixture.ts';
import type { Key } from '../terminal/keys.ts';
import { Screen, type Size } from '../terminal/screen.ts';
import { frameOf } from './frame.ts';
import { initialState, reduce } from './reduce.ts';
import type { Effect, ExplorerEvent, ExplorerModel, ExplorerState } from './state.ts';

/** `enter`, `ctrl+a`, `q`; what is longer than a character is a key's name. */
export function keyOf(word: string): Key {
  if (word === 'space') return { kind: 'character', text: ' ' };
  return Array.from(word).length === 1 ? { kind: 'character', text: word } : { kind: 'named', name: word };
}

/** The explorer without a terminal: events go in, screens and effects come out. */
export class Driver {
  readonly #model: ExplorerModel;
  readonly #screen = new Screen(16);
  readonly #emulator: Emulator;
  state: ExplorerState;
  effects: readonly Effect[] = [];

  constructor(model: ExplorerModel, size: Size = { columns: 100, rows: 24 }) {
    this.#model = model;
    this.#emulator = new Emulator(size);
    this.state = initialState(model, size);
  }

  event(event: ExplorerEvent): this {
    const step = reduce(this.#model, this.state, event);
    this.state = step.state;
    this.effects = step.effects;
    return this;
  }

  /** Keys by name, with blanks between them. */
  press(keys: string): this {
    for (const word of keys.split(' ')) this.event({ kind: 'key', key: keyOf(word) });
    return this.#settle();
  }

  type(text: string): this {
    for (const character of text) this.event({ kind: 'key', key: { kind: 'character', text: character } });
    return this.#settle();
  }

  #settle(): this {
    this.state = reduce(this.#model, this.state, { kind: 'settled' }).state;
    return this;
  }

  resize(size: Size): this {
    this.#emulator.resize(size);
    return this.event({ kind: 'resized', size });
  }

  /** What the terminal shows, drawn over what it showed before. */
  screen(): string[] {
    this.#emulator.write(this.#screen.draw(frameOf(this.#model, this.state), this.#emulator.size));
    return this.#emulator.lines();
  }

  /** Rows that are reversed, from 0: headings with the keys, and what is chosen. */
  reversed(): number[] {
    this.screen();
    return this.#emulator
      .lines()
      .flatMap((_, row) => (this.renditions(row).some((one) => one.includes(';7')) ? [row] : []));
  }

  renditions(row: number): string[] {
    return this.#emulator.renditions(row);
  }

  get cursor(): { readonly row: number; readonly column: number } | undefined {
    this.screen();
    return this.#emulator.modes.has('?25') ? this.#emulator.cursor : undefined;
  }
}
