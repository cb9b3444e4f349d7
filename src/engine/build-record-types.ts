import type { WhyStep } from './why-types.ts';

/** `interrupted`: its process is gone without having ended it. */
export type BuildStatus = 'running' | 'done' | 'error' | 'canceled' | 'interrupted';

/** One build as lists show it. Builds are named by id, unique beginning of one, `latest`, or the image that they made. */
export interface BuildSummary {
  readonly id: string;
  /** Its first tag, else what was built. */
  readonly name: string;
  readonly status: BuildStatus;
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly imageId?: string;
  readonly dockerfile: string;
  /** Absent for a Dockerfile alone. */
  readonly context?: string;
  readonly target?: string;
  readonly platform: string;
  /** Steps by how they ended; `ran` are those that were executed. */
  readonly steps: {
    readonly total: number;
    readonly cached: number;
    readonly ran: number;
    readonly failed: number;
    readonly canceled: number;
  };
  readonly logBytes: number;
}

/** Everything that is kept of a build but the text of its logs. */
export interface BuildReport extends Omit<BuildSummary, 'steps'> {
  readonly dockerfileDigest?: string;
  /** How a bake file calls it. */
  readonly bakeTarget?: string;
  readonly noCache: boolean;
  /** Names alone: values may be secrets. */
  readonly buildArgs: readonly string[];
  /** Seconds since 1970: the moment that the build pretended to be at. */
  readonly epoch?: number;
  readonly bases: readonly { readonly reference: string; readonly digest?: string }[];
  readonly error?: string;
  readonly warnings: readonly string[];
  readonly steps: readonly BuildStep[];
}

export interface BuildStep {
  /** As progress numbers it. */
  readonly number: number;
  readonly name: string;
  readonly outcome: WhyStep['outcome'];
  readonly startedMs?: number;
  readonly endedMs?: number;
  /** Of the layer that it made or found. */
  readonly layer?: string;
  readonly logBytes: number;
}

/** A piece of a build's log, in the order of the steps; a step without output gives one piece without bytes. */
export interface BuildLogChunk {
  readonly step: number;
  readonly name: string;
  readonly outcome: WhyStep['outcome'];
  readonly bytes: Uint8Array;
}

export interface PruneBuildsRequest {
  /** The newest so many stay. */
  readonly keep?: number;
  /** Milliseconds since 1970: builds that began earlier go. */
  readonly startedBeforeMs?: number;
}
