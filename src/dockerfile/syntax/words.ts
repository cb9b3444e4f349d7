import { isSpace } from './characters.ts';
import { replacePattern, trimPattern } from './shell-pattern.ts';

/** Looks a variable up; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface WordOptions {
  /** The character that takes the next one literally; `\` unless the file says "`". */
  readonly escape?: string;
  /** Keep quotation marks in the result. */
  readonly keepQuotes?: boolean;
  /** Keep escape characters in the result. */
  readonly keepEscapes?: boolean;
  /** Take quotation marks for ordinary characters (heredoc bodies). */
  readonly ignoreQuotes?: boolean;
  /** Leave references to variables that are not set as they are written. */
  readonly keepUnset?: boolean;
}

export interface Expansion {
  readonly text: string;
  /** The text split at unquoted white space, after expansion. */
  readonly words: readonly string[];
  /** Names that were looked up and found. */
  readonly matched: ReadonlySet<string>;
  /** Names that were looked up and not found. */
  readonly unmatched: ReadonlySet<string>;
}

/** Names that were looked up, by whether they were found. */
export type Lookups = Pick<Expansion, 'matched' | 'unmatched'>;

/** Why a word cannot be expanded; `message` is for people. `lookups` says which names were asked for before. */
export class ExpansionError extends Error {
  readonly lookups: Lookups | undefined;

  constructor(message: string, lookups?: Lookups) {
    super(message);
    this.lookups = lookups;
  }
}

/** Nested `${a:-${b:-…}}` that is followed; the language needs two or three. */
const DEPTH_MAX = 200;

/**
 * Expands variables in `word` and removes its quotes and escapes, by the rules of the Dockerfile language (a subset of
 * the shell's): `$a`, `${a}`, `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`.
 * @throws ExpansionError
 */
export function expandWord(word: string, lookup: Lookup, options: WordOptions = {}): Expansion {
  const expander = new Expander(word, lookup, options);
  try {
    const { text, words } = expander.readUntil(undefined, options.keepEscapes ?? false);
    return { text, words, matched: expander.matched, unmatched: expander.unmatched };
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    throw new ExpansionError(`failed to process ${JSON.stringify(word.slice(0, 300))}: ${error.message}`, expander);
  }
}

/** Collects the words of a text: quoted parts are added whole, others split at white space. */
class WordList {
  readonly words: string[] = [];
  #current = '';

  add(char: string): void {
    if (!isSpace(char)) this.#current += char;
    else this.#flush();
  }

  addRaw(text: string): void {
    this.#current += text;
  }

  finish(): readonly string[] {
    this.#flush();
    return this.words;
  }

  #flush(): void {
    if (this.#current !== '') this.words.push(this.#current);
    this.#current = '';
  }
}

class Expander {
  readonly matched: Set<string> = new Set();
  readonly unmatched: Set<string> = new Set();
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: WordOptions;
  readonly #escape: string;
  #at = 0;
  #depth = 0;
  #keepEscapes = false;

  constructor(text: string, lookup: Lookup, options: WordOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#escape = options.escape ?? '\\';
  }

  /** Reads up to and with `stop`, or to the end where there is none. */
  readUntil(stop: string | undefined, keepEscapes: boolean): { text: string; words: readonly string[] } {
    const outer = this.#keepEscapes;
    this.#keepEscapes = keepEscapes;
    if (++this.#depth > DEPTH_MAX) throw new ExpansionError(`variables are nested deeper than ${DEPTH_MAX}`);
    let text = '';
    const words = new WordList();
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (char === stop) {
        this.#at++;
        this.#depth--;
        this.#keepEscapes = outer;
        return { text, words: words.finish() };
      }
      const special = this.#readSpecial(char);
      if (special !== undefined) {
        text += special;
        if (char === '$') for (const part of special) words.add(part);
        else words.addRaw(special);
        continue;
      }
      this.#at++;
      if (char !== this.#escape) {
        words.add(char);
        text += char;
        continue;
      }
      if (keepEscapes) {
        words.addRaw(char);
        text += char;
      }
      if (this.#at >= this.#text.length) break;
      const literal = this.#nextCharacter();
      words.addRaw(literal);
      text += literal;
    }
    this.#keepEscapes = outer;
    this.#depth--;
    if (stop !== undefined) {
      throw new ExpansionError(`unexpected end of statement while looking for matching ${stop}`);
    }
    return { text, words: words.finish() };
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #nextCharacter(): string {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    this.#at += char.length;
    return char;
  }

  #readSpecial(char: string): string | undefined {
    if (char === '$') return this.#readVariable();
    if (char === '<') return this.#readLess();
    if (this.#options.ignoreQuotes === true) return undefined;
    if (char === "'") return this.#readSingleQuoted();
    if (char === '"') return this.#readDoubleQuoted();
    return undefined;
  }

  /** `<<` and the white space after it stay together, so that a heredoc is one word. */
  #readLess(): string {
    const match = /<(?:<[\t\r ]*)?/y;
    match.lastIndex = this.#at;
    const text = match.exec(this.#text)?.[0] ?? '<';
    this.#at += text.length;
    return text;
  }

  #readSingleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw new ExpansionError('unexpected end of statement while looking for matching single-quote');
    const inside = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.keepQuotes === true ? `'${inside}'` : inside;
  }

  #readDoubleQuoted(): string {
    this.#at++;
    let text = '';
    for (;;) {
      if (this.#at >= this.#text.length) {
        throw new ExpansionError('unexpected end of statement while looking for matching double-quote');
      }
      const char = this.#peek();
      if (char === '"') {
        this.#at++;
        return this.#options.keepQuotes === true ? `"${text}"` : text;
      }
      if (char === '$') {
        text += this.#readVariable();
        continue;
      }
      this.#at++;
      text += char === this.#escape ? this.#readEscapedInQuotes(char) : char;
    }
  }

  /** Inside double quotes only `"`, `$` and the escape character itself can be escaped. */
  #readEscapedInQuotes(escape: string): string {
    const kept = this.#keepEscapes ? escape : '';
    if (this.#at >= this.#text.length) return kept;
    const next = this.#peek();
    if (next !== '"' && next !== '$' && next !== this.#escape) return kept + escape;
    this.#at++;
    return kept + next;
  }

  #readVariable(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#readName();
      if (name === '') return '$';
      return this.#find(name) ?? (this.#options.keepUnset === true ? `$${name}` : '');
    }
    this.#at++;
    if (this.#at >= this.#text.length) throw missing('}');
    if ('{}:'.includes(this.#peek())) throw new ExpansionError('syntax error: bad substitution');
    const name = this.#readName();
    const operator = this.#take();
    switch (operator) {
      case '}':
        return this.#find(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : '');
      case '/':
        return this.#replace(name);
      case ':': {
        const second = this.#take();
        return this.#substitute(name, second, `:${second}`);
      }
      case '+':
      case '-':
      case '?':
      case '#':
      case '%':
        return this.#substitute(name, operator, operator);
      default:
        throw new ExpansionError(`unsupported modifier (${operator}) in substitution`);
    }
  }

  #take(): string {
    if (this.#at >= this.#text.length) return '';
    return this.#nextCharacter();
  }

  #substitute(name: string, operator: string, written: string): string {
    const isPattern = operator === '#' || operator === '%';
    const emptyIsUnset = written.length > 1;
    if (emptyIsUnset && isPattern) throw new ExpansionError(`unsupported modifier (${written}) in substitution`);
    const word = this.#readPart('}', isPattern, '}');
    const value = this.#find(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${written}${word}}`;
    const isUnset = value === undefined || (emptyIsUnset && value === '');
    switch (operator) {
      case '-':
        return isUnset ? word : value;
      case '+':
        return isUnset ? '' : word;
      case '?':
        if (!isUnset) return value;
        throw new ExpansionError(
          `${name}: ${word !== '' ? word : `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
        );
      case '#':
      case '%':
        return trimByPattern(value ?? '', word, operator);
      default:
        throw new ExpansionError(`unsupported modifier (${written}) in substitution`);
    }
  }

  #replace(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#readPart('/', true, "/' in ${}");
    const replacement = this.#readPart('}', true, '}');
    const value = this.#find(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
    const replaced = replacePattern(value ?? '', pattern, replacement, all);
    if (replaced === undefined) throw new ExpansionError(`invalid pattern (${pattern}) in substitution`);
    return replaced;
  }

  #readPart(stop: string, keepEscapes: boolean, wanted: string): string {
    try {
      return this.readUntil(stop, keepEscapes).text;
    } catch (error) {
      if (error instanceof ExpansionError && this.#at >= this.#text.length) throw missing(wanted);
      throw error;
    }
  }

  /** A name, a number (positional, never set), or one special parameter. */
  #readName(): string {
    const match = /\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*/uy;
    match.lastIndex = this.#at;
    const name = match.exec(this.#text)?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #find(name: string): string | undefined {
    const value = this.#lookup(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}

function trimByPattern(value: string, word: string, operator: '#' | '%'): string {
  const longest = word.startsWith(operator);
  const pattern = longest ? word.slice(1) : word;
  const trimmed = trimPattern(value, pattern, operator === '#' ? 'start' : 'end', longest);
  if (trimmed === undefined) throw new ExpansionError(`invalid pattern (${pattern}) in substitution`);
  return trimmed;
}

function missing(wanted: string): ExpansionError {
  return new ExpansionError(`syntax error: missing '${wanted}${wanted.includes("'") ? '' : "'"}`);
}
