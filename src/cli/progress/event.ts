// The one import past the table: the engine's face will re-export this type.
export type { ProgressEvent } from '../../graph/progress.ts';
