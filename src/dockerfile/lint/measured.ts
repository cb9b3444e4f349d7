/** What the record of a build says about the steps of a Dockerfile, as far as rules ask. */
export interface MeasuredBuild {
  readonly id: string;
  readonly steps: readonly MeasuredStep[];
  /** The smallest base on which what the image runs would do, where there is a smaller one. */
  readonly smaller?: {
    /** `scratch`, or what makes the base. */
    readonly base: string;
    readonly bytes: number;
    readonly ofBytes: number;
    readonly reason: string;
  };
  /** The base images with the platform that they were to be for and are for, by the line of their FROM. */
  readonly bases: readonly {
    readonly line: number;
    readonly reference: string;
    readonly expected: string;
    readonly actual: string;
  }[];
}

export interface MeasuredStep {
  /** First line of the instruction, counted from 1. */
  readonly line: number;
  /** Bytes of files that a later step deletes or replaces whole. */
  readonly deletedLater: readonly { readonly line: number; readonly bytes: number; readonly example: string }[];
  /** Bytes of files of earlier layers that it writes again with other owners or modes only. */
  readonly rewrittenBytes: number;
  /** Bytes of its layer. */
  readonly layerBytes: number;
  /** Seconds it took when it ran. */
  readonly seconds: number;
  /** In how many of the newest builds it ran instead of being found, and how many there were. */
  readonly ran: { readonly times: number; readonly of: number };
  /** Of COPY and ADD: the largest paths that it took, by size. */
  readonly largest: readonly { readonly path: string; readonly bytes: number }[];
  /** Of its layer: what has rights that it had not below. */
  readonly rights: readonly MeasuredRight[];
  /** What another build of the same inputs wrote otherwise, where one is known. */
  readonly otherwise?: MeasuredDifference;
  /** Packages that it installed and of which no container opened a file, the largest first; absent without a trace. */
  readonly unusedPackages?: readonly { readonly name: string; readonly bytes: number }[];
}

export interface MeasuredDifference {
  readonly buildId: string;
  /** The first path that differs; `more`: others do, too. */
  readonly example: string;
  readonly more: boolean;
  /** Why, most likely, and what would mend it. */
  readonly cause: string;
  readonly mend: string;
}

export interface MeasuredRight {
  /** Absolute. */
  readonly path: string;
  readonly kind: 'setuid' | 'setgid' | 'world-writable';
}

/** The record that goes with an example of a rule: of a build with one step, of which only this is notable. */
export function exampleRecord(step: Partial<MeasuredStep> & Pick<MeasuredStep, 'line'>): MeasuredBuild {
  const plain = { deletedLater: [], rewrittenBytes: 0, layerBytes: 0, seconds: 1, ran: { times: 1, of: 1 } };
  return { id: 'b0', bases: [], steps: [{ ...plain, largest: [], rights: [], ...step }] };
}

/** Less is not worth a word. */
export const NOTABLE_BYTES: number = 1_000_000;
/** A single path of this size is told. */
export const LARGE_BYTES: number = 50_000_000;

export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** Folders that are made anew, or that no image needs. */
export const VOLATILE_FOLDER: RegExp =
  /(?:^|\/)(?:\.git|node_modules|__pycache__|\.venv|venv|\.pytest_cache|\.mypy_cache|\.next|\.terraform|\.idea|\.vscode)(?:\/|$)/;
