import type { Context } from '../context.ts';
import { type Key, KeyParser } from './keys.ts';
import { type Frame, Screen, type Size } from './screen.ts';
import { type ColorDepth, colorDepth } from './style.ts';

/** The alternate screen, no wrapping at the margin, pastes in brackets, no cursor (xterm, ctlseqs, "DEC Private Mode Set"). */
const ENTER = '\u001B[?1049h\u001B[?7l\u001B[?2004h\u001B[?25l';
const LEAVE = '\u001B[0m\u001B[?25h\u001B[?2004l\u001B[?7h\u001B[?1049l';

/** A lone Escape is told from the begin of a sequence by what follows within this. */
const ESCAPE_MS = 50;

const SIZE_UNKNOWN: Size = { columns: 80, rows: 24 };

export type TerminalEvent =
  | { readonly kind: 'key'; readonly key: Key }
  /** Size or content of the screen may be others; draw again. */
  | { readonly kind: 'resized' }
  /** Nothing will be typed any more. */
  | { readonly kind: 'ended' };

/** The whole terminal, while it is ours. */
export interface TerminalSession extends Disposable {
  readonly depth: ColorDepth;
  readonly size: () => Size;
  /** Shows a frame. @throws OUTPUT_CLOSED when the terminal is gone, OUTPUT_FAILED */
  readonly draw: (frame: Frame) => Promise<void>;
  /** The next frame is drawn whole: something else has written to the terminal. */
  readonly redraw: () => void;
  /** Gives the terminal back, stops the process as Ctrl-Z does, and takes it again when it goes on. */
  readonly suspend: () => Promise<void>;
}

/** Whether both streams are a terminal that can place its cursor. */
export function canTakeTerminal({ stdin, stdout, env }: Pick<Context, 'stdin' | 'stdout' | 'env'>): boolean {
  const term = env['TERM'] ?? '';
  return stdin.isTerminal && stdout.isTerminal && term !== 'dumb' && term !== '' && stdout.size() !== undefined;
}

export type TerminalContext = Pick<
  Context,
  'stdin' | 'stdout' | 'env' | 'takeOtherSignals' | 'atExit' | 'suspend' | 'signal'
>;

/**
 * Takes the terminal: all that is typed and every change of its size goes to `take`. Disposing gives it back as it was, and
 * so does every end of the process but SIGKILL. What Ctrl-C and Ctrl-Z mean is up to the taker; the signals of others
 * end the process as ever, by `context.signal`.
 */
export function openTerminal(context: TerminalContext, take: (event: TerminalEvent) => void): TerminalSession {
  const { stdin, stdout, env } = context;
  const depth = colorDepth(env, stdout.colors);
  const screen = new Screen(depth);
  let held: DisposableStack | undefined;

  const size = (): Size => stdout.size() ?? SIZE_UNKNOWN;
  const enter = (): void => {
    held = new DisposableStack();
    held.use(stdin.raw());
    // When the terminal is gone, there is nothing to give back.
    held.defer(() => void stdout.write(LEAVE).catch(() => undefined));
    held.use(context.atExit(leave));
    held.use(context.takeOtherSignals((signal) => received(signal)));
    void stdout.write(ENTER).catch(() => undefined);
    screen.forget();
  };
  const leave = (): void => {
    held?.dispose();
    held = undefined;
  };
  const suspend = async (): Promise<void> => {
    leave();
    await context.suspend();
    if (context.signal.aborted) return;
    enter();
    take({ kind: 'resized' });
  };
  const received = (signal: string): void => {
    if (signal === 'SIGTSTP') void suspend();
    if (signal === 'SIGQUIT') take({ kind: 'ended' });
    if (signal !== 'SIGWINCH' && signal !== 'SIGCONT') return;
    screen.forget();
    take({ kind: 'resized' });
  };

  enter();
  void readKeys(stdin.bytes(), take);
  return {
    depth,
    size,
    draw: async (frame) => {
      const painted = screen.draw(frame, size());
      if (painted !== '' && held !== undefined) await stdout.write(painted);
    },
    redraw: () => screen.forget(),
    suspend,
    [Symbol.dispose]: leave,
  };
}

async function readKeys(bytes: AsyncIterable<Uint8Array>, take: (event: TerminalEvent) => void): Promise<void> {
  const parser = new KeyParser();
  const takeAll = (keys: readonly Key[]): void => {
    for (const key of keys) take({ kind: 'key', key });
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    for await (const chunk of bytes) {
      clearTimeout(timer);
      takeAll(parser.feed(chunk));
      if (parser.waits) timer = setTimeout(() => takeAll(parser.flush()), ESCAPE_MS);
    }
  } catch {
    // EIO: the terminal is gone.
  }
  clearTimeout(timer);
  takeAll(parser.flush());
  take({ kind: 'ended' });
}
