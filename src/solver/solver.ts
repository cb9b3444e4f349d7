import { createHash } from 'node:crypto';
import { invariant, isShaleError, messageOf, Semaphore, ShaleError } from '../base/index.ts';
import type { Graph, ProgressEvent, Vertex, VertexId } from '../graph/index.ts';
import { explainMiss } from './explain.ts';
import type { ActionCache, Explanation, Operations, SharedWork, Solved, StepContext, StepInputs } from './types.ts';

export interface SolverOptions<R> {
  readonly graph: Graph;
  readonly operations: Operations<R>;
  readonly cache: ActionCache;
  /** Vertices that execute at the same time. */
  readonly concurrency: number;
  /** True: nothing is looked up, everything executes and is recorded. */
  readonly noCache: boolean;
  /** True: the reason of every miss is worked out (a query for each step that ran). */
  readonly explain: boolean;
  readonly signal: AbortSignal;
  readonly emit: (event: ProgressEvent) => void;
  /** Called for every vertex as soon as it is solved, also when the build fails later. */
  readonly onSolved?: (solved: Solved<R>) => void;
  /** Milliseconds since some fixed moment. */
  readonly now: () => number;
  /** With whom it shares its work; `concurrency` is theirs then. */
  readonly shared?: SharedWork;
}

/** What solvers need that are to run together. */
export function shareWork(concurrency: number): SharedWork {
  let steps = 0;
  return { lanes: new Semaphore(concurrency), nextNumber: () => ++steps, flights: new Map() };
}

/** The version of how keys are made; raised when equal inputs would have to give other results. */
export const KEY_VERSION = 'shale-step-key/1';

/**
 * Solves vertices and all that they depend on, each once, independent ones at the same time.
 *
 * A step is looked up by its definition first and by the contents of its inputs second; a hit by content also serves the
 * next look-up by definition. Nothing is taken from the cache for a vertex that says `noCache`.
 * @throws whatever an operation throws, once every other running step has been cancelled and has ended.
 */
export async function solve<R>(
  targets: readonly VertexId[],
  options: SolverOptions<R>,
): Promise<Map<VertexId, Solved<R>>> {
  return new Solver(options).run(targets);
}

/** A step that is not in the cache, with its keys. */
interface KeyedStep<R> {
  readonly vertex: Vertex;
  readonly inputs: readonly R[];
  readonly key: string;
  readonly fastKey: string | undefined;
  readonly disabled: boolean;
}

class Solver<R> {
  readonly #options: SolverOptions<R>;
  readonly #cancel = new AbortController();
  readonly #lanes: Semaphore;
  readonly #underWay = new Map<VertexId, Promise<Solved<R>>>();
  readonly #solved = new Map<VertexId, Solved<R>>();
  readonly #numbers = new Map<VertexId, number>();

  constructor(options: SolverOptions<R>) {
    this.#options = options;
    this.#lanes = options.shared?.lanes ?? new Semaphore(options.concurrency);
  }

  async run(targets: readonly VertexId[]): Promise<Map<VertexId, Solved<R>>> {
    const abort = (): void => this.#cancel.abort(this.#options.signal.reason);
    this.#options.signal.addEventListener('abort', abort);
    try {
      this.#options.signal.throwIfAborted();
      await this.#solveAll(targets);
      return this.#solved;
    } catch (error) {
      this.#cancel.abort(error);
      await Promise.allSettled(this.#underWay.values());
      throw error;
    } finally {
      this.#options.signal.removeEventListener('abort', abort);
    }
  }

  #solve(id: VertexId): Promise<Solved<R>> {
    const shared = this.#underWay.get(id);
    if (shared !== undefined) return shared;
    const vertex = this.#options.graph.vertices.get(id);
    invariant(vertex !== undefined, `vertex ${id} is in the graph`);
    const started = this.#solveOnce(vertex);
    this.#underWay.set(id, started);
    return started;
  }

  async #solveOnce(vertex: Vertex): Promise<Solved<R>> {
    const inputs = await this.#solveAll(vertex.inputs);
    this.#cancel.signal.throwIfAborted();
    const solved = this.#options.operations.isSilent(vertex)
      ? await this.#evaluate(vertex, inputs, () => {})
      : await this.#evaluateAloud(vertex, inputs);
    this.#solved.set(vertex.id, solved);
    this.#options.onSolved?.(solved);
    return solved;
  }

  /** All of them, at the same time; the first failure is thrown after the others have been told to end. */
  async #solveAll(ids: readonly VertexId[]): Promise<R[]> {
    const started = ids.map((id) =>
      this.#solve(id).catch((error: unknown) => {
        this.#cancel.abort(error);
        throw error;
      }),
    );
    const settled = await Promise.allSettled(started);
    return settled.map((one) => {
      if (one.status === 'rejected') throw firstCause(this.#cancel.signal, one.reason);
      return one.value.result;
    });
  }

  async #evaluateAloud(vertex: Vertex, inputs: readonly R[]): Promise<Solved<R>> {
    const { emit, now } = this.#options;
    let announced = false;
    const announce = (): void => {
      if (announced) return;
      announced = true;
      emit({
        kind: 'vertex-started',
        id: vertex.id,
        number: this.#numberOf(vertex.id),
        name: vertex.name,
        time: now(),
      });
    };
    try {
      const solved = await this.#evaluate(vertex, inputs, announce);
      announce();
      emit({ kind: 'vertex-done', id: vertex.id, cached: solved.cached, time: now() });
      return solved;
    } catch (error) {
      announce();
      if (wasCanceled(this.#cancel.signal, error)) emit({ kind: 'vertex-canceled', id: vertex.id, time: now() });
      else emit({ kind: 'vertex-error', id: vertex.id, message: messageOf(error), time: now() });
      throw error;
    }
  }

  async #evaluate(vertex: Vertex, inputs: readonly R[], announce: () => void): Promise<Solved<R>> {
    const fast = await this.#options.operations.fastInputs(vertex, inputs);
    const definitionKey = fast && keyOf('definition', fast);
    const solved = await this.#evaluateBy(definitionKey, vertex, inputs, announce);
    return definitionKey === undefined ? solved : { ...solved, definitionKey };
  }

  async #evaluateBy(
    fastKey: string | undefined,
    vertex: Vertex,
    inputs: readonly R[],
    announce: () => void,
  ): Promise<Solved<R>> {
    const { operations, cache } = this.#options;
    const disabled = this.#options.noCache || vertex.noCache;
    if (fastKey !== undefined && !disabled) {
      const hit = await this.#lookUp(vertex, inputs, fastKey);
      if (hit !== undefined)
        return {
          result: hit.result,
          vertex,
          cached: true,
          key: fastKey,
          explanation: { kind: 'hit', by: 'definition' },
        };
    }
    const content = await operations.contentInputs(vertex, inputs);
    if (content === undefined) return this.#run(vertex, inputs, announce, '', { kind: 'uncached' });
    const key = keyOf('content', content);
    if (!disabled) {
      const hit = await this.#lookUp(vertex, inputs, key);
      if (hit !== undefined) {
        if (fastKey !== undefined) await cache.link(fastKey, hit.recordId);
        return { result: hit.result, vertex, cached: true, key, explanation: { kind: 'hit', by: 'content' } };
      }
    }
    const step = { vertex, inputs, key, fastKey, disabled };
    // Nothing is awaited between looking for a flight and beginning one, so no step is begun twice.
    const flight = this.#options.shared?.flights.get(key);
    const taken = flight && (await this.#takeShared(step, flight));
    return taken ?? this.#flight(key, () => this.#runAndSave(step, content, announce));
  }

  /** The result of a step that another solver carries out, once it has. */
  async #takeShared({ vertex, inputs, key }: KeyedStep<R>, flight: Promise<string>): Promise<Solved<R> | undefined> {
    // Whoever failed has told it; if this solver is still to go on, it tries for itself.
    const stored = await flight.catch(() => undefined);
    if (stored === undefined) return undefined;
    this.#cancel.signal.throwIfAborted();
    const result = await this.#options.operations.restore(vertex, inputs, stored);
    return result && { result, vertex, cached: true, key, explanation: { kind: 'shared' } };
  }

  /** Lets other solvers have what this one makes. */
  async #flight(key: string, make: () => Promise<Solved<R>>): Promise<Solved<R>> {
    const { shared, operations } = this.#options;
    if (shared === undefined) return make();
    const made = make();
    const flight = made.then(({ result }) => operations.store(result));
    shared.flights.set(key, flight);
    // It is told by the one that made it, whether others wait for it or not.
    flight.catch(() => shared.flights.get(key) === flight && shared.flights.delete(key));
    return made;
  }

  async #runAndSave(
    { vertex, inputs, key, fastKey, disabled }: KeyedStep<R>,
    content: StepInputs,
    announce: () => void,
  ): Promise<Solved<R>> {
    const { operations, cache } = this.#options;
    const explanation: Explanation = disabled
      ? { kind: 'disabled' }
      : this.#options.explain
        ? await explainMiss(cache, vertex.slot, content)
        : { kind: 'first-run' };
    const begin = this.#options.now();
    const solved = await this.#run(vertex, inputs, announce, key, explanation);
    const keys = fastKey === undefined ? [key] : [key, fastKey];
    await cache.save({
      keys,
      slot: vertex.slot,
      inputs: content,
      stored: operations.store(solved.result),
      costMs: Math.round(this.#options.now() - begin),
    });
    return solved;
  }

  async #lookUp(
    vertex: Vertex,
    inputs: readonly R[],
    key: string,
  ): Promise<{ result: R; recordId: string } | undefined> {
    const record = await this.#options.cache.find(key);
    if (record === undefined) return undefined;
    const result = await this.#options.operations.restore(vertex, inputs, record.stored);
    return result === undefined ? undefined : { result, recordId: record.recordId };
  }

  async #run(
    vertex: Vertex,
    inputs: readonly R[],
    announce: () => void,
    key: string,
    explanation: Explanation,
  ): Promise<Solved<R>> {
    using _lane = await this.#lanes.acquire();
    this.#cancel.signal.throwIfAborted();
    announce();
    const result = await this.#options.operations.execute(vertex, inputs, this.#contextOf(vertex));
    return { result, vertex, cached: false, key, explanation };
  }

  #contextOf(vertex: Vertex): StepContext {
    const { emit, now } = this.#options;
    return {
      signal: this.#cancel.signal,
      log: (stream, data) => emit({ kind: 'vertex-log', id: vertex.id, stream, data, time: now() }),
      progress: (what, current, total) => emit({ kind: 'progress', id: vertex.id, what, current, total, time: now() }),
    };
  }

  #numberOf(id: VertexId): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#options.shared?.nextNumber() ?? this.#numbers.size + 1;
    this.#numbers.set(id, number);
    return number;
  }
}

const KEY_CHUNK_CHARACTERS = 64 * 1024;

/** The key of a step: a hash over its named inputs, each framed, in the order of their names. */
function keyOf(kind: 'definition' | 'content', inputs: StepInputs): string {
  return hashInOrder(kind, inputs) ?? hashInOrder(kind, sorted(inputs)) ?? '';
}

/** The last one of a name counts. */
function sorted(inputs: StepInputs): StepInputs {
  return [...new Map(inputs)].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Undefined for inputs that are not in the order of their names. */
function hashInOrder(kind: 'definition' | 'content', inputs: StepInputs): string | undefined {
  const hash = createHash('sha256');
  // Gathered: a call for each of twenty thousand files costs more than hashing them.
  let text = `${KEY_VERSION}/${kind}\n`;
  let last: string | undefined;
  for (const [name, value] of inputs) {
    if (last !== undefined && last >= name) return undefined;
    last = name;
    text += `${Buffer.byteLength(name)}:${Buffer.byteLength(value)}:${name}${value}`;
    if (text.length < KEY_CHUNK_CHARACTERS) continue;
    hash.update(text);
    text = '';
  }
  return hash.update(text).digest('hex');
}

/** A step that was cancelled because another failed reports the failure, not the cancelling. */
function firstCause(signal: AbortSignal, error: unknown): unknown {
  return wasCanceled(signal, error) && signal.reason !== undefined ? signal.reason : error;
}

/** True when a step ended because it was told to, and not by a fault of its own. */
function wasCanceled(signal: AbortSignal, error: unknown): boolean {
  if (!signal.aborted) return false;
  return (
    error === signal.reason ||
    (error instanceof Error && error.name === 'AbortError') ||
    isShaleError(error, 'CANCELED')
  );
}

/** Thrown by operations that end because their signal asked for it. */
export function canceled(what: string): ShaleError {
  return new ShaleError('CANCELED', `${what} was cancelled`);
}
