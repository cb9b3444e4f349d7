import { invariant } from '../base/index.ts';
import type { Flag, ParsedArguments, RefusedFlag } from './command.ts';
import { suggest } from './suggest.ts';
import { UsageError } from './usage-error.ts';

/** What the flags of one command are, as the parser needs it. */
export interface FlagGrammar {
  readonly flags: readonly Flag[];
  readonly refused?: readonly RefusedFlag[];
  /** Options end at the first argument. */
  readonly optionsFirst?: boolean;
}

/** The flags of one call. Asking for a flag that the command does not declare is a mistake of ours. */
export class ParsedFlags {
  readonly #declared: ReadonlyMap<string, Flag>;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(declared: readonly Flag[], values: ReadonlyMap<string, readonly string[]>) {
    this.#declared = new Map(declared.map((flag) => [flag.name, flag]));
    this.#values = values;
  }

  /** True when the flag stood on the command line, whatever its value. */
  given(name: string): boolean {
    this.#declaration(name);
    return this.#values.has(name);
  }

  boolean(name: string): boolean {
    const flag = this.#declaration(name);
    invariant(flag.kind === 'boolean', `--${name} is a boolean flag`);
    const value = this.#values.get(name)?.at(-1);
    return value === undefined ? (flag.default ?? false) : value === 'true';
  }

  /** The last value given, else the default. */
  text(name: string): string | undefined {
    const flag = this.#declaration(name);
    invariant(flag.kind === 'text', `--${name} takes one value`);
    return this.#values.get(name)?.at(-1) ?? flag.default;
  }

  /** All values in the order given. */
  list(name: string): readonly string[] {
    const flag = this.#declaration(name);
    invariant(flag.kind === 'list', `--${name} takes a list`);
    return this.#values.get(name) ?? [];
  }

  #declaration(name: string): Flag {
    const flag = this.#declared.get(name);
    invariant(flag !== undefined, `the command declares --${name}`);
    return flag;
  }
}

/**
 * Reads the words after a command's name with the grammar of docker's flags (Go's pflag): `--rm=false`, `--name x`,
 * `--name=x`, `-itd`, `-p8080:80`, `-p=8080:80`, `--` ends the options, `-` is an argument.
 * @throws USAGE for unknown and refused flags, missing and impossible values.
 */
export function parseFlags(words: readonly string[], grammar: FlagGrammar): ParsedArguments {
  return new Parser(words, grammar).parse();
}

const BOOLEANS: ReadonlyMap<string, string> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, 'true'] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, 'false'] as const),
]);

/** What a flag is set to by its name alone; undefined when it takes the next word. */
function bareValue(flag: Flag): string | undefined {
  if (flag.kind === 'boolean') return 'true';
  return flag.kind === 'text' ? flag.bare : undefined;
}

/** One pass over the words; holds the place in them. */
class Parser {
  readonly #words: readonly string[];
  readonly #grammar: FlagGrammar;
  readonly #values = new Map<string, string[]>();
  readonly #args: string[] = [];
  #at = 0;

  constructor(words: readonly string[], grammar: FlagGrammar) {
    this.#words = words;
    this.#grammar = grammar;
  }

  parse(): ParsedArguments {
    for (let word = this.#next(); word !== undefined; word = this.#next()) {
      if (word === '--') return this.#finish();
      if (word.startsWith('--')) this.#long(word);
      else if (word.startsWith('-') && word !== '-') this.#short(word);
      else {
        this.#args.push(word);
        if (this.#grammar.optionsFirst === true) return this.#finish();
      }
    }
    return this.#finish();
  }

  #next(): string | undefined {
    return this.#words[this.#at++];
  }

  #finish(): ParsedArguments {
    const args = [...this.#args, ...this.#words.slice(this.#at)];
    return { flags: new ParsedFlags(this.#grammar.flags, this.#values), args };
  }

  #long(word: string): void {
    const equals = word.indexOf('=');
    const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
    const flag = this.#grammar.flags.find((one) => one.name === name);
    if (flag === undefined) throw this.#unknownLong(name);
    const attached = equals === -1 ? undefined : word.slice(equals + 1);
    this.#set(flag, `--${name}`, attached ?? bareValue(flag) ?? this.#value(`--${name}`));
  }

  /** `-itd`: switches until one takes a value, which is the rest of the word or the next one. */
  #short(word: string): void {
    for (let index = 1; index < word.length; index++) {
      const letter = word.charAt(index);
      const flag = this.#grammar.flags.find((one) => one.short === letter);
      if (flag === undefined) throw this.#unknownShort(letter, word);
      const rest = word.slice(index + 1);
      if (rest.startsWith('=')) return this.#set(flag, `-${letter}`, rest.slice(1));
      if (flag.kind !== 'boolean') return this.#set(flag, `-${letter}`, rest === '' ? this.#value(`-${letter}`) : rest);
      this.#set(flag, `-${letter}`, 'true');
    }
  }

  #value(shown: string): string {
    const value = this.#next();
    if (value === undefined) throw new UsageError(`${shown} needs a value`);
    return value;
  }

  #set(flag: Flag, shown: string, text: string): void {
    const values = this.#values.get(flag.name) ?? [];
    values.push(flagValue(flag, shown, text));
    this.#values.set(flag.name, values);
  }

  #unknownLong(name: string): UsageError {
    const refused = this.#grammar.refused?.find((one) => one.name === name);
    if (refused !== undefined) return refusal(refused);
    const near = suggest(
      name,
      this.#grammar.flags.map((flag) => flag.name),
    );
    return new UsageError(`unknown flag --${name}`, near === undefined ? undefined : `did you mean --${near}?`);
  }

  #unknownShort(letter: string, word: string): UsageError {
    const refused = this.#grammar.refused?.find((one) => one.short === letter);
    if (refused !== undefined) return refusal(refused);
    // `-name` is a common slip for `--name`.
    const long = word.slice(1).split('=')[0] ?? '';
    const meant = this.#grammar.flags.some((flag) => flag.name === long) ? `did you mean --${long}?` : undefined;
    return new UsageError(`unknown flag -${letter}${word.length > 2 ? ` in ${word}` : ''}`, meant);
  }
}

function refusal(flag: RefusedFlag): UsageError {
  return new UsageError(`--${flag.name}: ${flag.why}`, flag.instead);
}

function flagValue(flag: Flag, shown: string, text: string): string {
  if (flag.kind === 'boolean') {
    const value = BOOLEANS.get(text);
    if (value === undefined) throw new UsageError(`${shown} is true or false, not ${JSON.stringify(text)}`);
    return value;
  }
  if (flag.kind === 'text' && flag.choices !== undefined && !flag.choices.includes(text)) {
    const near = suggest(text, flag.choices);
    throw new UsageError(
      `${shown} is one of ${flag.choices.join(', ')}, not ${JSON.stringify(text)}`,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  }
  return text;
}
