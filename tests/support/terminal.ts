import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { Emulator } from '../../src/cli/terminal/emulator.fixture.ts';

/** The program that makes terminals for the tests is not here: what to say when skipping. */
export const noTerminals: string | false =
  spawnSync('script', ['--version']).status === 0 ? false : 'script (bsdutils) is not here';

const PATIENCE_MS = 60_000;

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program in a terminal of its own, and what is to be seen there. */
export class Terminal implements AsyncDisposable {
  readonly emulator: Emulator;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #tty = '';
  #text = '';
  #isOver = false;

  /** `command` is a line for a shell in the terminal; the terminal is there as long as this line runs. */
  constructor(command: string, { columns, rows, env = {} }: TerminalOptions) {
    this.emulator = new Emulator({ columns, rows });
    this.#child = spawn('script', ['-qec', `stty cols ${columns} rows ${rows}; tty; ${command}`, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk.toString()));
    this.#ended = new Promise((resolve) => this.#child.on('close', () => resolve()));
    void this.#ended.then(() => (this.#isOver = true));
  }

  /** All that was written, escape sequences too. */
  get text(): string {
    return this.#text;
  }

  /** The device, `/dev/pts/3`. */
  get tty(): string {
    return this.#tty;
  }

  #take(text: string): void {
    this.#text += text;
    const [first, ...rest] = this.#tty === '' ? this.#text.split('\r\n') : [];
    // The first line is that of tty(1); all else is for the screen.
    if (this.#tty !== '') this.emulator.write(text);
    else if (first !== undefined && rest.length > 0) {
      this.#tty = first;
      this.emulator.write(rest.join('\r\n'));
    }
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Makes the window another size, as a person does; whoever is in the foreground gets SIGWINCH. */
  resize(columns: number, rows: number): void {
    this.emulator.resize({ columns, rows });
    spawnSync('stty', ['-F', this.#tty, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** Whether the terminal echoes and gives whole lines, as it does for a shell. */
  isCooked(): boolean {
    const { stdout } = spawnSync('stty', ['-F', this.#tty, '-a'], { encoding: 'utf8' });
    return / icanon/.test(stdout) && / echo /.test(stdout);
  }

  /** Waits until what is shown has all of `texts`. @throws when it does not come */
  async shows(...texts: readonly (string | RegExp)[]): Promise<void> {
    await this.until((screen) =>
      texts.every((text) => (typeof text === 'string' ? screen.includes(text) : text.test(screen))),
    );
  }

  async until(holds: (screen: string) => boolean): Promise<void> {
    for (const begun = performance.now(); !holds(this.emulator.lines().join('\n'));) {
      if (this.#isOver || performance.now() - begun > PATIENCE_MS) {
        throw new Error(`the terminal does not show it:\n${this.emulator.lines().join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async ended(): Promise<void> {
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
