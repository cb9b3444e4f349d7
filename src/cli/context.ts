import type { Environment } from './options/assignments.ts';
import type { EffectiveConfig } from './config/load.ts';
import type { CheckReport, CheckRequest, Engine, Watch } from '../engine/index.ts';
import type { EndingSignal, PassedSignal } from './signals.ts';

/** Where text and bytes go: standard output or standard error. */
export interface Output {
  /** Resolves when the bytes are taken; rejects with OUTPUT_CLOSED (EPIPE) or OUTPUT_FAILED. */
  readonly write: (data: string | Uint8Array) => Promise<void>;
  readonly isTerminal: boolean;
  /** Columns and rows of the terminal, looked up anew each time; undefined when there is none (any more). */
  readonly size: () => { readonly columns: number; readonly rows: number } | undefined;
  /** Escape sequences for colours are wanted: NO_COLOR, FORCE_COLOR and TERM are looked at. */
  readonly colors: boolean;
}

export interface Input {
  readonly isTerminal: boolean;
  /** Hands keys through as they are pressed, without echo, until disposed; does nothing where it is no terminal. */
  readonly raw: () => Disposable;
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /**
   * Reads one line of a terminal, without its end, and no more; undefined at its end and when `signal` is aborted. What is
   * typed is not shown where it is `hidden`.
   */
  readonly line: (signal: AbortSignal, how?: { readonly hidden: boolean }) => Promise<string | undefined>;
}

/** What a command may use; everything of the process comes through here, so that tests can stand in for it. */
export interface Context {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Environment;
  readonly cwd: string;
  readonly uid: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted by Ctrl-C, SIGTERM, SIGHUP and a closed standard output. */
  readonly signal: AbortSignal;
  /** While held, SIGINT, SIGTERM and SIGHUP go to `take` instead, for a container in the foreground. */
  readonly takeSignals: (take: (signal: EndingSignal) => void) => Disposable;
  /** Says that this command runs until a signal comes: it has `graceMs` to end then, and its status is its own. */
  readonly serveUntilSignal: (graceMs: number) => void;
  /** While held, signals that mean nothing to shale itself go to `take`. */
  readonly takeOtherSignals: (take: (signal: PassedSignal) => void) => Disposable;
  /** Calls back when the process ends, in whatever way but SIGKILL, unless disposed before. What it does must be synchronous. */
  readonly atExit: (call: () => void) => Disposable;
  /** Stops this process as Ctrl-Z does, and resolves when it goes on; where nobody could let it go on, it is not stopped. */
  readonly suspend: () => Promise<void>;
  readonly debug: boolean;
  /**
   * Starts this program anew in the user namespace of the store, where this process may not mount by itself. Returns where
   * there is no need or no way; the command then does what it can without, and whatever needs a mount says why not.
   */
  readonly enterNamespace: () => Promise<void>;
  readonly config: () => Promise<EffectiveConfig>;
  /** Opens the store, once; closed when the command is over. */
  readonly engine: () => Promise<Engine>;
  /** Checks the store, also one that cannot be opened. */
  readonly checkStore: (request: CheckRequest, watch: Watch) => Promise<CheckReport>;
  /** Tries an EROFS mount in a folder; absent where it cannot be tried. */
  readonly probeErofs?: (folder: string) => Promise<{ readonly works: boolean; readonly why?: string }>;
}
