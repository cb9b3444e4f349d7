/** Milliseconds of work after which others get their turn: no answer waits longer for one that is busy. */
const TURN_MS = 40;

/**
 * Shares the thread: work that is synchronous for speed asks now and then whether its turn is over, and rests until the
 * events that came meanwhile (signals, sockets, timers) have been handled.
 */
export class Pace {
  /** Held: the global one is a getter, and a turn is asked about very often. */
  readonly #clock = performance;
  #began: number = this.#clock.now();

  /** True when the turn is over and `rest` is due. */
  isOver(): boolean {
    return this.#clock.now() - this.#began > TURN_MS;
  }

  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#began = this.#clock.now();
  }
}

/** Work in steps; the result comes with the last one. */
export type Steps<T> = Generator<void, T, undefined>;

/** Does all steps at once. */
export function runNow<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does all steps, with rests in between. What a step throws ends them, `finally` included. */
export async function runPaced<T>(steps: Steps<T>, pace: Pace = new Pace()): Promise<T> {
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (pace.isOver()) await pace.rest();
    }
  } finally {
    // Ends the steps where the loop did not; nobody sees what is returned.
    steps.return(undefined as T);
  }
}
