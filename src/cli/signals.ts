import { ShaleError } from '../base/index.ts';
import { exitCodeOfSignal } from './exit-codes.ts';

export type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export const ENDING_SIGNALS: readonly EndingSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** What shale lets pass to a container in the foreground, as docker's --sig-proxy; SIGWINCH tells of a terminal's size. */
export const PASSED_SIGNALS = [
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGTSTP',
  'SIGCONT',
  'SIGTTIN',
  'SIGTTOU',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
] as const;

export type PassedSignal = (typeof PASSED_SIGNALS)[number];

/** After the first signal a command has so long to clean up; then the process ends. A killed one is swept later. */
export const GRACE_MS = 5000;

export interface SignalDeskOptions {
  /** Ends the process at once. */
  readonly exit: (status: number) => void;
  readonly warn: (text: string) => void;
  /** Calls back after so many milliseconds, without keeping the process alive. */
  readonly after: (ms: number, call: () => void) => void;
}

/**
 * Decides what signals mean: the first cancels the command, the second ends the process. For a server the first is how it
 * ends. A command that runs somebody else's process in the foreground takes them over and passes them on.
 */
export class SignalDesk {
  readonly #controller = new AbortController();
  readonly #options: SignalDeskOptions;
  #takers: ((signal: EndingSignal) => void)[] = [];
  #received: EndingSignal | undefined;
  #graceMs: number = GRACE_MS;
  /** The command runs until it is told to end, and so ends well. */
  #isServing = false;

  constructor(options: SignalDeskOptions) {
    this.#options = options;
  }

  /** Aborted by the first signal, or by `cancel`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The status that the process ends with, when a signal canceled the command. */
  get exitStatus(): number | undefined {
    return this.#received === undefined || this.#isServing ? undefined : exitCodeOfSignal(this.#received);
  }

  /**
   * For a command that runs until a signal comes: that is no failure, and it has `graceMs` to end what is under way. A second
   * one ends it at once as any other.
   */
  serve(graceMs: number): void {
    this.#isServing = true;
    this.#graceMs = graceMs;
  }

  /** Hands signals to `take` instead, until disposed. */
  takeOver(take: (signal: EndingSignal) => void): Disposable {
    this.#takers.push(take);
    return {
      [Symbol.dispose]: () => {
        this.#takers = this.#takers.filter((one) => one !== take);
      },
    };
  }

  receive(signal: EndingSignal): void {
    const taker = this.#takers.at(-1);
    if (taker !== undefined) return taker(signal);
    if (this.#received !== undefined) return this.#options.exit(exitCodeOfSignal(this.#received));
    this.#received = signal;
    const status = exitCodeOfSignal(signal);
    const doing = this.#isServing ? 'ending' : 'canceling';
    if (signal === 'SIGINT') this.#options.warn(`${doing}; press Ctrl-C again to end at once\n`);
    this.#options.after(this.#graceMs, () => this.#options.exit(status));
    this.#controller.abort(new ShaleError('CANCELED', `canceled by ${signal}`));
  }

  /** Cancels the command for another reason: nobody reads its output any more. */
  cancel(reason: Error): void {
    this.#controller.abort(reason);
  }
}
