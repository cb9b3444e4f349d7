import type { Stack } from '../../layers/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import type { WatchedStep } from './traffic.ts';

/**
 * Another clock than the machine's for the programs of steps, where they can be told of one. It is in no key and in no layer:
 * a build with one is to be `isolated`.
 */
export interface StepClock {
  /** What a step gets beside its own; undefined where its programs see the machine's clock nevertheless. */
  setFor(step: WatchedStep, site: ClockSite): StepClockParts | undefined;
}

export interface ClockSite {
  /** What the step stands on. */
  readonly stack: Stack;
  /** The variables that the step has. */
  readonly env: readonly string[];
}

export interface StepClockParts {
  readonly mounts: readonly MountSpec[];
  readonly env: readonly string[];
}
