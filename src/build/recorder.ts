import { closeSync, openSync, writeSync } from 'node:fs';
import type { ProgressEvent } from '../graph/index.ts';
import type { Solved } from '../solver/index.ts';
import type { BuildStepRecord, Json, Store } from '../store/index.ts';
import type { StepResult } from './result.ts';

/** Changed inputs that a record keeps of one step; the rest is counted. */
const CHANGES_KEPT_MAX = 50;

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

  constructor(store: Store, buildId: string) {
    this.#store = store;
    this.#buildId = buildId;
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
      case 'progress':
      case 'warning':
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

  /** Writes every step with what is known of it. */
  async finish(): Promise<void> {
    await Promise.all(this.#writes);
    try {
      const records = [...this.#steps].map(([id, state]) => recordOf(state, this.#solved.get(id)));
      if (records.length > 0) await this.#store.builds.putSteps(this.#buildId, records);
    } finally {
      for (const state of this.#steps.values()) closeLog(state);
    }
  }

  /** Writes a step as it is now. A failure is not told: `finish` writes all of them again. */
  #write(step: StepState): void {
    this.#writes.push(this.#store.builds.putStep(this.#buildId, recordOf(step, undefined)).catch(() => {}));
  }

  #log(id: string, data: Uint8Array): void {
    const step = this.#steps.get(id);
    if (step === undefined) return;
    if (step.logFd === undefined) {
      step.logFd = openSync(this.#store.builds.logPath(this.#buildId, step.number), 'w', 0o600);
      this.#write(step);
    }
    writeSync(step.logFd, data);
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

function recordOf(state: StepState, solved: Solved<StepResult> | undefined): BuildStepRecord {
  const layer = solved?.result.kind === 'rootfs' ? solved.result.layer : undefined;
  return {
    number: state.number,
    name: state.name,
    status: state.status,
    startedAt: Math.round(state.startedAt),
    ...(state.endedAt !== undefined && { endedAt: Math.round(state.endedAt) }),
    ...(layer !== undefined && { diffId: layer }),
    ...(solved !== undefined && { key: solved.key, slot: solved.vertex.slot, details: explanationJson(solved) }),
    ...(solved === undefined && state.message !== undefined && { details: { error: state.message } }),
  };
}

function explanationJson({ explanation, vertex }: Solved<StepResult>): Json {
  const { op } = vertex;
  const about = { op: op.kind, ...(op.kind === 'image' && { reference: op.reference }) };
  if (explanation.kind !== 'changed') return { ...about, explanation: { ...explanation } };
  const changes = explanation.changes.slice(0, CHANGES_KEPT_MAX).map((change) => ({ ...change }));
  return { ...about, explanation: { kind: 'changed', changes, more: explanation.changes.length - changes.length } };
}
