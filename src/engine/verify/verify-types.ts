import type { Difference } from '../compare-trees.ts';
import type { BuildRequest } from '../types.ts';

export interface RebuildRequest {
  /** An image or a build of this store. */
  readonly name: string;
  /** What the build was given, as far as it is given again; the context is that of the record when absent. */
  readonly build: Omit<BuildRequest, 'context' | 'tags' | 'labels' | 'noCache' | 'pull' | 'keepNoise'> & {
    readonly context?: BuildRequest['context'];
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** Why two builds of one thing may differ. */
export type DifferenceCause =
  | 'time stamp'
  | 'log'
  | 'random id'
  | 'bytecode'
  | 'hash order'
  | 'locale'
  | 'cpu count'
  | 'package index'
  | 'unknown';

export interface VerifyDifference {
  /** The number of the layer, counted from the lowest, which is 1; absent for the config. */
  readonly layer?: number;
  /** What made the layer, as the history says it. */
  readonly madeBy?: string;
  /** Of a layer the path, with a leading slash, bytes as latin1; of the config its field. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Of what changed. */
  readonly differs: readonly Difference[];
  readonly cause: DifferenceCause;
  /** What would make it the same. */
  readonly mend: string;
}

export interface RebuildReport {
  readonly image: string;
  readonly build: string;
  readonly rebuilt: string;
  readonly rebuild: string;
  readonly identical: boolean;
  /** What was other in the second build. */
  readonly varied: readonly { readonly what: string; readonly was: string; readonly is: string }[];
  /** What could not be varied, and why. */
  readonly notVaried: readonly { readonly what: string; readonly why: string }[];
  /** At most 1000 of them, by layer and path; the rest is counted. */
  readonly differences: readonly VerifyDifference[];
  readonly moreDifferences: number;
}
