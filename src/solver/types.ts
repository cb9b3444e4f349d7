import type { Semaphore } from '../base/index.ts';
import type { Vertex } from '../graph/index.ts';

/**
 * Everything that a step's result depends on, by name: `op`, `rootfs`, `file:src/a.ts`, `epoch`, … Values are short texts or
 * digests. The key of a step is a hash over them; that they are kept by name is what lets a miss be explained.
 *
 * There may be hundreds of thousands: they may be made while they are asked for, the same each time. Those that come in the
 * order of their names take no memory.
 */
export type StepInputs = Iterable<readonly [name: string, value: string]>;

/** A finished step as the action cache holds it. */
export interface CachedStep {
  /** Identifies the record, for `touch` and for messages. */
  readonly recordId: string;
  /** What the operations module needs to give the result again. */
  readonly stored: string;
}

/** An earlier run of the same place in the same Dockerfile, for explaining a miss. */
export interface EarlierStep {
  readonly recordId: string;
  /** Read as they come; once. */
  readonly inputs: AsyncIterable<readonly [string, string]> | Iterable<readonly [string, string]>;
}

/** What the solver needs of an action cache. Both keys of a step lead to one record. */
export interface ActionCache {
  find(key: string): Promise<CachedStep | undefined>;
  /** Records that a step with these inputs gave this result; safe to run twice at once. */
  save(record: StepRecord): Promise<void>;
  /** Adds one more key that leads to an existing record. */
  link(key: string, recordId: string): Promise<void>;
  /** The newest records of a slot, newest first; each is read when it is asked for. */
  earlier(slot: string, max: number): AsyncIterable<EarlierStep>;
}

export interface StepRecord {
  readonly keys: readonly string[];
  readonly slot: string;
  readonly inputs: StepInputs;
  readonly stored: string;
  readonly costMs: number;
}

/** The operations that a solver drives. `R` is what a step gives; the solver never looks inside. */
export interface Operations<R> {
  /** Inputs that are known without looking at files; undefined when only contents can tell, or when nothing is cached. */
  fastInputs(vertex: Vertex, inputs: readonly R[]): Promise<StepInputs | undefined>;
  /** Inputs over the selected contents; undefined for a step that is never cached (a base image, a context). */
  contentInputs(vertex: Vertex, inputs: readonly R[]): Promise<StepInputs | undefined>;
  execute(vertex: Vertex, inputs: readonly R[], step: StepContext): Promise<R>;
  /** The result as text for the cache. */
  store(result: R): string;
  /** Gives a stored result again; undefined when something that it needs is gone. */
  restore(vertex: Vertex, inputs: readonly R[], stored: string): Promise<R | undefined>;
  /** True for operations that are so cheap and plain that they show no step of their own. */
  isSilent(vertex: Vertex): boolean;
}

/** What a running step may use. */
export interface StepContext {
  readonly signal: AbortSignal;
  log(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /** Tells how far a part of the step is; `total` in the same unit, 0 when unknown. */
  progress(what: string, current: number, total: number): void;
}

/** How one vertex was solved. */
export interface Solved<R> {
  readonly result: R;
  readonly vertex: Vertex;
  readonly cached: boolean;
  /** The key under which the result was found or saved; empty for what is never cached. */
  readonly key: string;
  /** What it would be found under by its definition, whether it was or not; absent where only contents can tell. */
  readonly definitionKey?: string;
  readonly explanation: Explanation;
}

/** Why a step ran, or why it did not have to. */
export type Explanation =
  | { readonly kind: 'hit'; readonly by: 'definition' | 'content' }
  /** Another solver that ran at the same time carried it out. */
  | { readonly kind: 'shared' }
  | { readonly kind: 'uncached' }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'first-run' }
  | { readonly kind: 'lost'; readonly recordId: string }
  | { readonly kind: 'changed'; readonly changes: readonly InputChange[] };

/** One named input that differs from the nearest earlier run. */
export interface InputChange {
  readonly name: string;
  /** undefined: it was not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What solvers that run at the same time share: each step is carried out by one of them. */
export interface SharedWork {
  /** Vertices that execute at the same time, in all of them together. */
  readonly lanes: Semaphore;
  /** The number of the next step, as people see it. */
  readonly nextNumber: () => number;
  /** By content key: what a step that was carried out, or is under way, has stored. */
  readonly flights: Map<string, Promise<string>>;
}
