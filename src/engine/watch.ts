import type { ProgressEvent } from '../graph/index.ts';

/** What somebody who waits for an operation holds: the way to end it, and to see how far it is. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly progress?: (event: ProgressEvent) => void;
  /** Called for a step of a build that failed; the build ends of it when the promise is kept. */
  readonly onFailedStep?: (step: FailedStep) => Promise<void>;
}

/** A step that failed, and the states that it can be looked at in. */
export interface FailedStep {
  /** As progress events name it. */
  readonly id: string;
  readonly name: string;
  readonly message: string;
  /** Where its cache mounts are: what is changed there stays. */
  readonly cacheMounts: readonly string[];
  /** `after` is as the failing command left it, where there was one. */
  readonly states: readonly ('before' | 'after')[];
  /**
   * Starts a shell in the terminal of this process, with everything that the step had around it, and gives its exit status.
   * What it changes is seen by later shells in the same state, and is in no layer and no cache.
   * @throws SHELL_FAILED
   */
  shell(state: 'before' | 'after', size?: TerminalSize): Promise<number>;
}

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}
