/**
 * Runs `work` on every item with at most `concurrency` under way; results keep the order of the items. The first
 * failure stops new starts, waits for what is under way, and is thrown.
 */
export async function mapPool<T, R>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (failure === undefined) {
      const item = iterator.next();
      if (item.done === true) return;
      const index = next++;
      try {
        results[index] = await work(item.value, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, lane));
  if (failure !== undefined) throw failure.error;
  return results;
}

/** Shares the work on one key: calls that come while it is under way get the same promise. Nothing is kept after. */
export class SingleFlight<K, V> {
  readonly #underWay = new Map<K, Promise<V>>();

  run(key: K, work: () => Promise<V>): Promise<V> {
    const shared = this.#underWay.get(key);
    if (shared !== undefined) return shared;
    const started = work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, started);
    return started;
  }
}

/** Lets at most `permits` holders in at once; `acquire` waits in order of arrival. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(permits: number) {
    this.#free = permits;
  }

  async acquire(): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free++;
        else next();
      },
    };
  }
}
