import type { Context } from './context.ts';
import type { ParsedFlags } from './parse-flags.ts';

interface FlagBase {
  /** The long name, without dashes. */
  readonly name: string;
  /** The one-letter form, without the dash. */
  readonly short?: string;
  /** One line for the help: what it does, lower case, no full stop. */
  readonly summary: string;
}

/** `--rm`, `--rm=false`. */
export interface BooleanFlag extends FlagBase {
  readonly kind: 'boolean';
  /** What holds without the flag; false by default. */
  readonly default?: boolean;
}

/** Takes a value; the last one counts. */
export interface TextFlag extends FlagBase {
  readonly kind: 'text';
  /** What the help calls the value. */
  readonly value: string;
  /** Shown in the help and used when the flag is absent. */
  readonly default?: string;
  /** The only values that are accepted. */
  readonly choices?: readonly string[];
  /** What the flag means when nothing is attached to it; another value then has to be, with `=`. */
  readonly bare?: string;
}

/** Takes a value and may be repeated. */
export interface ListFlag extends FlagBase {
  readonly kind: 'list';
  readonly value: string;
}

export type Flag = BooleanFlag | TextFlag | ListFlag;

/** A flag that docker has and shale refuses; told apart from a typing mistake. */
export interface RefusedFlag {
  readonly name: string;
  readonly short?: string;
  /** Completes "--NAME: ". */
  readonly why: string;
  /** What to do instead. */
  readonly instead?: string;
}

export interface Example {
  readonly command: string;
  readonly says: string;
}

export interface ParsedArguments {
  readonly flags: ParsedFlags;
  readonly args: readonly string[];
}

/** What a command file exports as `command`: everything but its name and summary, which stand in the table. */
export interface Command {
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** Paragraphs of the help below the summary. */
  readonly description?: string;
  readonly flags: readonly Flag[];
  readonly refused?: readonly RefusedFlag[];
  readonly args: {
    readonly min: number;
    readonly max: number;
    /** Options end at the first argument, as for `run IMAGE COMMAND -x`. */
    readonly optionsFirst?: boolean;
    /** What the arguments are, for completion. */
    readonly complete?: 'image' | 'container' | 'build' | 'file' | 'command' | readonly string[];
  };
  readonly examples: readonly Example[];
  /** The exit status of failures of shale itself: 1 unless the command hands on that of another program. */
  readonly failureStatus?: number;
  /** The exit status; nothing means 0. */
  readonly run: (context: Context, parsed: ParsedArguments) => Promise<number | void>;
}

/** One line of the command table: cheap, because every start reads all of them. */
export interface CommandRow {
  /** As typed and as the help shows it: `run`, `system df`. */
  readonly name: string;
  /** Other words for it, `image ls` for `images`. */
  readonly aliases: readonly Alias[];
  readonly summary: string;
  readonly group: CommandGroup;
  readonly load: () => Promise<{ readonly command: Command }>;
}

export interface Alias {
  readonly name: string;
  /** Flags that the alias implies: `image inspect` is `inspect --type image`. */
  readonly implies?: readonly string[];
}

export type CommandGroup = 'build' | 'containers' | 'volumes' | 'networks' | 'images' | 'store' | 'help';
