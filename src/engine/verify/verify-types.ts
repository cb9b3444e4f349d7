import type { Difference } from '../compare-trees.ts';
import type { BaseRequest, BuildRequest } from '../types.ts';

export interface RebuildRequest {
  /** An image or a build of this store. */
  readonly name: string;
  /** What the build was given, as far as it is given again; the context is that of the record when absent. */
  readonly build: Omit<BuildRequest, 'context' | 'tags' | 'labels' | 'noCache' | 'pull' | 'keepNoise'> & {
    readonly context?: BuildRequest['context'];
    readonly labels: Readonly<Record<string, string>>;
  };
  /**
   * How many seconds ahead the clock of steps is: a day and some where libfaketime is at hand when absent, and the machine's own
   * for 0. Where it is given, libfaketime is fetched from Debian's mirror if need be.
   */
  readonly clockAheadSeconds?: number;
}

/** Where a step finds the library that sets its clock. */
export const CLOCK_PATH = '/run/shale-clock.so';

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
  | 'variables'
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

export interface BaseVerifyRequest {
  /** What the base is made of, as `makeBase` takes it; `noCache` makes the first one anew too. */
  readonly base: BaseRequest;
  /** As that of a rebuild. */
  readonly clockAheadSeconds?: number;
}

/** An image, and what became of it when it was made again. */
export interface VerifyReport {
  readonly image: string;
  readonly rebuilt: string;
  readonly identical: boolean;
  /** What was other in the second build. */
  readonly varied: readonly { readonly what: string; readonly was: string; readonly is: string }[];
  /** What could not be varied, and why. */
  readonly notVaried: readonly { readonly what: string; readonly why: string }[];
  /** At most 1000 of them, by layer and path; the rest is counted. */
  readonly differences: readonly VerifyDifference[];
  readonly moreDifferences: number;
}

export interface RebuildReport extends VerifyReport {
  readonly build: string;
  readonly rebuild: string;
}
