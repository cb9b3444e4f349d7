import type { ProgressEvent } from '../../engine/index.ts';
import type { FindingEvent, VertexView } from './model.ts';

/** Shows one stream of events. */
export interface Renderer {
  readonly event: (event: ProgressEvent) => void;
  /** The last event has come; nothing moves any more when this returns. */
  readonly end: () => void;
  /** The step that failed first, with its whole log. */
  readonly failed: () => VertexView | undefined;
  /** What the build checks found, to be told at the end. */
  readonly findings: () => readonly FindingEvent[];
}
