import type { ProgramProblem } from './programs.ts';

export interface CompareBasesRequest {
  readonly images: readonly [string, string];
  /** Start a program in each, to see how long that takes and how much memory. Needs the right to run containers. */
  readonly probe: boolean;
  /** An application that is built on both: its Dockerfile and context, absolute. */
  readonly application?: { readonly dockerfile: string; readonly context: string };
}

export interface BaseComparison {
  readonly images: readonly [BaseFacts, BaseFacts];
  /** The application on each, in the same order. */
  readonly applications?: readonly [ApplicationFacts, ApplicationFacts];
  readonly recommendation: Recommendation;
}

/** What an image is like as a base. */
export interface BaseFacts {
  readonly name: string;
  readonly id: string;
  readonly platform: string;
  /** Of its layers: as tars, and with gzip. */
  readonly sizeBytes: number;
  readonly compressedBytes: number;
  /** `Debian GNU/Linux 13 (trixie)`. */
  readonly distribution?: string;
  readonly support: Support;
  readonly packageManager?: string;
  /** How many, by type: `deb`, `apk`, `npm`, `pypi`. */
  readonly packages: Readonly<Record<string, number>>;
  readonly libc: Libc;
  /** What the C library means for names and languages. */
  readonly behaviour: readonly string[];
  readonly hasShell: boolean;
  readonly programs: ProgramFacts;
  readonly setuid: readonly string[];
  readonly users: readonly string[];
  readonly probe?: Probe;
}

export type Support =
  | { readonly kind: 'until'; readonly date: string; readonly isOver: boolean }
  | { readonly kind: 'unknown' };

export type Libc =
  | { readonly kind: 'glibc' | 'musl'; readonly version?: string; readonly loader: string }
  | { readonly kind: 'none' };

export interface ProgramFacts {
  readonly dynamic: number;
  readonly static: number;
  /** The highest version of glibc's symbols that any of them needs: `GLIBC_2.38`. */
  readonly highestGlibc?: string;
  /** Extension modules of Python and addons of Node, by the path of each. */
  readonly addons: readonly string[];
  /** Programs, libraries, modules and addons that miss something. */
  readonly problems: readonly ProgramProblem[];
}

/** A shell that does nothing. */
export interface Probe {
  /** Median of several starts, whole container included. */
  readonly startMs: number;
  /** The most memory that it had. */
  readonly memoryBytes: number;
}

export type ApplicationFacts =
  | {
      readonly kind: 'built';
      readonly imageId: string;
      readonly seconds: number;
      readonly sizeBytes: number;
      readonly compressedBytes: number;
      readonly problems: readonly ProgramProblem[];
    }
  | { readonly kind: 'failed'; readonly message: string };

export interface Recommendation {
  /** The place of the image in the comparison; undefined where nothing decides. */
  readonly choice?: 0 | 1;
  readonly reasons: readonly string[];
}

/** A base that would do for an image, and is smaller. */
export interface BaseAdvice {
  readonly image: string;
  /** What it runs: the program of Entrypoint and Cmd; undefined when there is none. */
  readonly program?: string;
  readonly sizeBytes: number;
  readonly suggestions: readonly BaseSuggestion[];
  /** Why there is none, or none that is smaller still. */
  readonly remarks: readonly string[];
}

export interface BaseSuggestion {
  /** `scratch`, or what the base is made by: `shale base debian --packages …`. */
  readonly base: string;
  /** About how large the image would be, as tars. */
  readonly estimatedBytes: number;
  readonly reasons: readonly string[];
  /** What to look at first. */
  readonly cautions: readonly string[];
}
