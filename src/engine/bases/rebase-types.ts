import type { ProgramProblem } from './programs.ts';

export interface RebaseRequest {
  readonly image: string;
  /** The image whose layers are to be at the bottom. */
  readonly onto: string;
  /** The image whose layers are there now; found by the history of the new one's name when absent. */
  readonly base?: string;
  readonly tags: readonly string[];
}

/** Why a path stands against a rebase. */
export interface RebaseConflict {
  /** With a leading slash. */
  readonly path: string;
  /** What the new base did with it. */
  readonly inBase: 'added' | 'changed' | 'removed' | 'moved';
  /** What the layers above do with it. */
  readonly above: 'written' | 'removed' | 'emptied';
}

export type RebaseOutcome =
  | {
      readonly kind: 'rebased';
      readonly imageId: string;
      readonly tags: readonly string[];
      /** Ids of the images that were and are at the bottom. */
      readonly from: string;
      readonly onto: string;
      readonly keptLayers: number;
    }
  /** Nothing was made. */
  | {
      readonly kind: 'refused';
      readonly from: string;
      readonly onto: string;
      readonly conflicts: readonly RebaseConflict[];
      /** Programs of the layers above that would not start. */
      readonly programs: readonly ProgramProblem[];
    };
