import type { LogicalLine } from '../syntax/logical-line.ts';
import type { Span } from '../syntax/source.ts';

/**
 * A piece of shell text as rules look at it: a list of the programs that it starts, whatever they are nested in, each with
 * its arguments after the substitution of what is known. All places are offsets into the Dockerfile.
 */
export interface Script {
  /** What the shell is given. */
  readonly text: string;
  /** How its words are written: as shell text, or as strings of a JSON list. */
  readonly form: 'shell' | 'json';
  /** True for the content of a heredoc, where commands stand in lines of their own. */
  readonly isHeredoc: boolean;
  /** In the order in which they stand. */
  readonly invocations: readonly Invocation[];
  readonly pipelines: readonly PipelineUse[];
  /** The statements that stand in nothing else, parted at `&&`, `||`, `;` and newlines. */
  readonly statements: readonly StatementUse[];
  /** Faults of the shell's grammar; what could be read around them is there all the same. */
  readonly errors: readonly ScriptError[];
  /** Says where a character of `text` stands. */
  readonly line: LogicalLine;
}

/** A word of a command after substitution: unknown variables and commands stand in it as they are written. */
export interface Field extends Span {
  readonly text: string;
  /** False when something in it is not known before the build. */
  readonly isKnown: boolean;
  readonly isQuoted: boolean;
}

export interface Redirection extends Span {
  readonly operator: string;
  /** The descriptor that is redirected, where one is written. */
  readonly descriptor?: number;
  readonly target?: Field;
  /** The content of a heredoc. */
  readonly content?: Field;
}

/** One program that is started, or one builtin. */
export interface Invocation extends Span {
  /** Without its folder: `apt-get` for `/usr/bin/apt-get`. */
  readonly name: string;
  readonly word: Field;
  readonly args: readonly Field[];
  readonly redirections: readonly Redirection[];
  /** Variables set for this command alone. */
  readonly assignments: ReadonlyMap<string, Field>;
  /** The programs that start it, outermost first: `sudo`, `env`, `xargs`. */
  readonly wrappers: readonly string[];
  /** Stands in an `if`, a loop, a function or behind `||`: perhaps it does not run. */
  readonly isConditional: boolean;
  /** Runs in a shell of its own, so that it changes nothing for what follows: `( … )`, `$( … )`, a pipe. */
  readonly isSubshell: boolean;
  readonly form: 'shell' | 'json';
}

export interface PipelineUse extends Span {
  /** The programs from left to right; '' for a compound command. */
  readonly names: readonly string[];
  /** The shell was told before that a failure of any part is one of the whole. */
  readonly hasPipefail: boolean;
  readonly isNegated: boolean;
}

export interface StatementUse extends Span {
  /** What joins it to the one before. */
  readonly joint: '&&' | '||' | ';' | '';
  /** Programs that it starts, nested ones included. */
  readonly invocations: readonly Invocation[];
  readonly isBackground: boolean;
}

export interface ScriptError extends Span {
  readonly message: string;
}

/** The shells whose grammar is read. */
const POSIX_SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'ash', 'dash', 'zsh', 'ksh', 'mksh', 'busybox']);

export type ShellKind = 'posix' | 'other';

/** What the program of a SHELL instruction, of a `#!` line or of a command reads. */
export function shellKind(program: string): ShellKind {
  return POSIX_SHELLS.has(programName(program)) ? 'posix' : 'other';
}

/** The name of a program without its folders and without `.exe`. */
export function programName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1).replace(/\.exe$/i, '');
}
