import type { ProgressEvent } from '../../engine/index.ts';
import { type LogEntry, VertexLog } from './vertex-log.ts';

export type VertexState =
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly endedMs: number }
  | { readonly kind: 'cached'; readonly endedMs: number }
  | { readonly kind: 'error'; readonly endedMs: number; readonly message: string }
  | { readonly kind: 'canceled'; readonly endedMs: number };

/** One step as a display sees it. */
export interface VertexView {
  readonly id: string;
  readonly number: number;
  readonly name: string;
  readonly startedMs: number;
  state: VertexState;
  log: VertexLog;
  /** What is being transferred → how far. */
  readonly transfers: Map<string, Transfer>;
}

/** How far something that moves is, in bytes. */
export interface Transfer {
  readonly current: number;
  /** 0 when unknown. */
  readonly total: number;
  /** Of `current`, what was there before. */
  readonly had: number;
  /** When it was first told of. */
  readonly startedMs: number;
  readonly timeMs: number;
}

/** What changed by one event, for a display that prints as it goes. */
export type Change =
  | { readonly kind: 'started'; readonly vertex: VertexView }
  | { readonly kind: 'lines'; readonly vertex: VertexView; readonly lines: readonly LogEntry[] }
  | { readonly kind: 'ended'; readonly vertex: VertexView; readonly lines: readonly LogEntry[] }
  | {
      readonly kind: 'transfer';
      readonly vertex: VertexView;
      readonly what: string;
      readonly transfer: Transfer;
    }
  | { readonly kind: 'warning'; readonly message: string; readonly detail: string | undefined }
  | { readonly kind: 'none' };

/** What a build check found. */
export type FindingEvent = Extract<ProgressEvent, { readonly kind: 'finding' }>;

/** The state of a build, gathered from its events. Events of steps that were never started are ignored. */
export class ProgressModel {
  readonly #vertices = new Map<string, VertexView>();
  readonly #warnings: string[] = [];
  readonly #findings: FindingEvent[] = [];

  /** In the order in which they started. */
  get vertices(): readonly VertexView[] {
    return [...this.#vertices.values()];
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  get findings(): readonly FindingEvent[] {
    return this.#findings;
  }

  /** The step that made the build fail: the first that failed. */
  get failed(): VertexView | undefined {
    return this.vertices.find((vertex) => vertex.state.kind === 'error');
  }

  apply(event: ProgressEvent): Change {
    switch (event.kind) {
      case 'finished':
        return { kind: 'none' };
      case 'finding':
        this.#findings.push(event);
        return { kind: 'none' };
      case 'warning':
        this.#warnings.push(event.message);
        return { kind: 'warning', message: event.message, detail: event.detail };
      case 'vertex-started':
        return this.#start(event);
      case 'vertex-log':
      case 'vertex-done':
      case 'vertex-error':
      case 'vertex-canceled':
      case 'progress': {
        const vertex = this.#vertices.get(event.id);
        return vertex === undefined ? { kind: 'none' } : applyToVertex(vertex, event);
      }
    }
  }

  #start(event: Extract<ProgressEvent, { kind: 'vertex-started' }>): Change {
    const vertex: VertexView = {
      id: event.id,
      number: event.number,
      name: event.name,
      startedMs: event.time,
      state: { kind: 'running' },
      log: new VertexLog(),
      transfers: new Map(),
    };
    this.#vertices.set(event.id, vertex);
    return { kind: 'started', vertex };
  }
}

type VertexEvent = Exclude<ProgressEvent, { kind: 'finished' | 'warning' | 'finding' | 'vertex-started' }>;

function applyToVertex(vertex: VertexView, event: VertexEvent): Change {
  switch (event.kind) {
    case 'vertex-log': {
      const lines = vertex.log.add(event.stream, event.data, event.time - vertex.startedMs);
      return { kind: 'lines', vertex, lines };
    }
    case 'progress': {
      const { what, current, total, had = 0, time } = event;
      const startedMs = vertex.transfers.get(what)?.startedMs ?? time;
      const transfer = { current, total, had, startedMs, timeMs: time };
      vertex.transfers.set(what, transfer);
      return { kind: 'transfer', vertex, what, transfer };
    }
    case 'vertex-done':
      return end(vertex, { kind: event.cached ? 'cached' : 'done', endedMs: event.time });
    case 'vertex-error':
      return end(vertex, { kind: 'error', endedMs: event.time, message: event.message });
    case 'vertex-canceled':
      return end(vertex, { kind: 'canceled', endedMs: event.time });
  }
}

function end(vertex: VertexView, state: VertexState): Change {
  const lines = vertex.log.flush();
  vertex.state = state;
  vertex.transfers.clear();
  // Only the log of a failed step is needed again.
  if (state.kind !== 'error') vertex.log = new VertexLog();
  return { kind: 'ended', vertex, lines };
}
