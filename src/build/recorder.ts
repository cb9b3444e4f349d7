import { closeSync, openSync, writeSync } from 'node:fs';
import type { Graph, ProgressEvent, Surroundings, Vertex } from '../graph/index.ts';
import type { DiffId } from '../oci/index.ts';
import type { Solved } from '../solver/index.ts';
import type { BuildStepRecord, Json, Store } from '../store/index.ts';
import type { StepResult } from './result.ts';

/** Changed inputs that a record keeps of one step; the rest is counted. */
const CHANGES_KEPT_MAX = 50;
/** Warnings that a record keeps; the rest is counted. */
const WARNINGS_KEPT_MAX = 100;

interface StepState {
  readonly number: number;
  readonly name: string;
  readonly startedAt: number;
  message?: string;
  status: BuildStepRecord['status'];
  endedAt?: number;
  logFd?: number | undefined;
}

/**
 * Writes down what a build does as it does it: steps when they start and when they end, logs as they come, so that a build
 * that is killed leaves a record too. Steps that were found in the cache are written together at the end.
 */
export class BuildRecorder {
  readonly #store: Store;
  readonly #buildId: string;
  readonly #steps = new Map<string, StepState>();
  readonly #writes: Promise<unknown>[] = [];
  readonly #solved = new Map<string, Solved<StepResult>>();
  readonly #warnings: string[] = [];
  #graph: Graph = { vertices: new Map() };
  #logBytes = 0;

  constructor(store: Store, buildId: string) {
    this.#store = store;
    this.#buildId = buildId;
  }

  /** Says what is about to be built, so that a step that fails is known by what it stands on. */
  plan(graph: Graph): void {
    this.#graph = graph;
  }

  /** What belongs to the whole build: its warnings, and how much its logs hold. */
  get details(): { readonly [name: string]: Json } {
    const more = this.#warnings.length - WARNINGS_KEPT_MAX;
    return {
      logBytes: this.#logBytes,
      ...(this.#warnings.length > 0 && { warnings: this.#warnings.slice(0, WARNINGS_KEPT_MAX) }),
      ...(more > 0 && { moreWarnings: more }),
    };
  }

  take(event: ProgressEvent): void {
    switch (event.kind) {
      case 'vertex-started':
        this.#steps.set(event.id, { number: event.number, name: event.name, startedAt: event.time, status: 'running' });
        return;
      case 'vertex-log':
        return this.#log(event.id, event.data);
      case 'vertex-done':
        return this.#end(event.id, event.cached ? 'cached' : 'done', event.time);
      case 'vertex-error':
        this.#log(event.id, Buffer.from(`${event.message}\n`));
        this.#note(event.id, event.message);
        return this.#end(event.id, 'error', event.time);
      case 'vertex-canceled':
        return this.#end(event.id, 'canceled', event.time);
      case 'warning':
        this.#warnings.push(event.message);
        return;
      case 'finding':
        this.#warnings.push(`${event.rule}: ${event.message} (line ${event.firstLine})`);
        return;
      case 'progress':
      case 'finished':
        return;
    }
  }

  /** Takes a vertex that was solved: its key, its result and why it ran or did not have to. */
  takeSolved(solved: Solved<StepResult>): void {
    this.#solved.set(solved.vertex.id, solved);
  }

  /** Every vertex that was solved so far, by its id. */
  get solved(): ReadonlyMap<string, Solved<StepResult>> {
    return this.#solved;
  }

  /** The number after those of all steps so far. */
  get nextNumber(): number {
    return 1 + Math.max(0, ...[...this.#steps.values()].map((step) => step.number));
  }

  /** Writes every step with what is known of it. */
  async finish(): Promise<void> {
    await Promise.all(this.#writes);
    try {
      const records = [...this.#steps].map(([id, state]) => this.#recordOf(id, state));
      if (records.length > 0) await this.#store.builds.putSteps(this.#buildId, records);
    } finally {
      for (const state of this.#steps.values()) closeLog(state);
    }
  }

  /** Writes a step as it is now. A failure is not told: `finish` writes all of them again. */
  #write(step: StepState): void {
    this.#writes.push(this.#store.builds.putStep(this.#buildId, recordOf(step, undefined, {})).catch(() => {}));
  }

  #recordOf(id: string, state: StepState): BuildStepRecord {
    const solved = this.#solved.get(id);
    const vertex = this.#graph.vertices.get(solved?.vertex.id ?? (id as Vertex['id'])); // Events name vertices by their ids.
    if (vertex === undefined) return recordOf(state, solved, {});
    const about = this.#readsContext(vertex) ? { readsContext: true } : {};
    return recordOf(state, solved, { ...about, ...this.#placeOf(vertex, solved) });
  }

  /** True for a step that copies from a directory of this machine with its modes: only these are the machine's. */
  #readsContext({ op, inputs }: Vertex): boolean {
    if (op.kind !== 'copy' || op.chmod !== undefined) return false;
    return inputs.slice(1).some((id) => this.#solved.get(id)?.result.kind === 'context');
  }

  /**
   * The root filesystem after the step (of a step that failed: before it), as a step that it lies on and the layers on top
   * of that one's; and the surroundings, where they differ from that one's.
   */
  #placeOf(vertex: Vertex, solved: Solved<StepResult> | undefined): { readonly [name: string]: Json } {
    const [first] = vertex.inputs;
    const below = first === undefined ? undefined : this.#solved.get(first);
    const result = solved?.result ?? below?.result;
    if (result?.kind !== 'rootfs') return {};
    const number = first === undefined ? undefined : this.#steps.get(first)?.number;
    const base = below?.result.kind === 'rootfs' && number !== undefined ? below.result.stack : [];
    const isOnTop = number !== undefined && base.every((layer, i) => result.stack[i] === layer);
    const lies: readonly DiffId[] = isOnTop ? result.stack.slice(base.length) : result.stack;
    const same = isOnTop && sameSurroundings(vertex.surroundings, below?.vertex.surroundings);
    return {
      rootfs: { ...(isOnTop && { on: number }), layers: [...lies] },
      ...(!same && vertex.surroundings !== undefined && { surroundings: surroundingsJson(vertex.surroundings) }),
    };
  }

  #log(id: string, data: Uint8Array): void {
    const step = this.#steps.get(id);
    if (step === undefined) return;
    if (step.logFd === undefined) {
      step.logFd = openSync(this.#store.builds.logPath(this.#buildId, step.number), 'w', 0o600);
      this.#write(step);
    }
    writeSync(step.logFd, data);
    this.#logBytes += data.byteLength;
  }

  #note(id: string, message: string): void {
    const step = this.#steps.get(id);
    if (step !== undefined) step.message = message;
  }

  #end(id: string, status: BuildStepRecord['status'], time: number): void {
    const step = this.#steps.get(id);
    if (step === undefined) return;
    step.status = status;
    step.endedAt = time;
    if (status !== 'cached' && step.logFd !== undefined) this.#write(step);
  }
}

function closeLog(state: StepState): void {
  if (state.logFd === undefined) return;
  closeSync(state.logFd);
  state.logFd = undefined;
}

function recordOf(
  state: StepState,
  solved: Solved<StepResult> | undefined,
  place: { readonly [name: string]: Json },
): BuildStepRecord {
  const layer = solved?.result.kind === 'rootfs' ? solved.result.layer : undefined;
  return {
    number: state.number,
    name: state.name,
    status: state.status,
    startedAt: Math.round(state.startedAt),
    ...(state.endedAt !== undefined && { endedAt: Math.round(state.endedAt) }),
    ...(layer !== undefined && { diffId: layer }),
    ...(solved !== undefined && { key: solved.key, slot: solved.vertex.slot }),
    details: {
      ...(solved !== undefined && explanationJson(solved)),
      ...(solved === undefined && state.message !== undefined && { error: state.message }),
      ...place,
    },
  };
}

function sameSurroundings(one: Surroundings | undefined, other: Surroundings | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function surroundingsJson({ Env, WorkingDir, User, Shell }: Surroundings): Json {
  return {
    ...(Env !== undefined && { env: [...Env] }),
    ...(WorkingDir !== undefined && { workingDirectory: WorkingDir }),
    ...(User !== undefined && { user: User }),
    ...(Shell !== undefined && { shell: [...Shell] }),
  };
}

function explanationJson({ explanation, vertex, result }: Solved<StepResult>): { readonly [name: string]: Json } {
  const { op } = vertex;
  const about = {
    op: op.kind,
    ...(op.kind === 'image' && { reference: op.reference }),
    ...(result.kind === 'fetched' && { fetched: result.about }),
  };
  if (explanation.kind !== 'changed') return { ...about, explanation: { ...explanation } };
  const changes = explanation.changes.slice(0, CHANGES_KEPT_MAX).map((change) => ({ ...change }));
  return { ...about, explanation: { kind: 'changed', changes, more: explanation.changes.length - changes.length } };
}
