import { Refusal } from './diagnostics.ts';
import { suggestion } from './suggest.ts';
import type { Word } from './tree.ts';

/** Which flags an instruction knows: `switch` is true or false, `value` is given once, `values` any number of times. */
export type FlagTable = Readonly<Record<string, 'switch' | 'value' | 'values'>>;

/** The flags of one instruction, checked against its table. */
export class Flags {
  readonly #found: ReadonlyMap<string, readonly Word[]>;

  constructor(found: ReadonlyMap<string, readonly Word[]>) {
    this.#found = found;
  }

  /** The value with its place in the source; absent when the flag is not there. */
  find(name: string): Word | undefined {
    return this.#found.get(name)?.[0];
  }

  value(name: string): string | undefined {
    return this.find(name)?.text;
  }

  values(name: string): readonly Word[] {
    return this.#found.get(name) ?? [];
  }

  /** Undefined when the flag is not there. */
  switch(name: string): boolean | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : value !== 'false';
  }
}

/** What to do about something that only the extended language has. */
export function extensionHint(what: string): string {
  return `${what} is an extension of shale: a line "# shale:extensions" above the first instruction allows it`;
}

/** `extension` are the flags that the extended language has besides. @throws Refusal for a flag that is unknown, given twice, or has a value where it may not or none where it must */
export function readFlags(words: readonly Word[], table: FlagTable, extension: FlagTable = {}): Flags {
  const found = new Map<string, Word[]>();
  for (const word of words) {
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals === -1 ? undefined : equals);
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) {
      const hint = Object.hasOwn(extension, name) ? extensionHint(`--${name}`) : suggestion(name, Object.keys(table));
      throw new Refusal('FLAG_UNKNOWN', `unknown flag: --${name}`, word, hint);
    }
    const earlier = found.get(name) ?? [];
    if (earlier.length > 0 && kind !== 'values') {
      throw new Refusal('FLAG_REPEATED', `the flag --${name} is given twice`, word);
    }
    found.set(name, [...earlier, flagValue(word, name, equals, kind)]);
  }
  return new Flags(found);
}

function flagValue(word: Word, name: string, equals: number, kind: 'switch' | 'value' | 'values'): Word {
  const text = equals === -1 ? undefined : word.text.slice(equals + 1);
  if (kind !== 'switch') {
    if (text === undefined) throw new Refusal('FLAG_VALUE', `missing a value on flag: --${name}`, word);
    return { ...word, text };
  }
  if (text === '') throw new Refusal('FLAG_VALUE', `missing a value on flag: --${name}`, word);
  const value = text?.toLowerCase() ?? 'true';
  if (value !== 'true' && value !== 'false') {
    throw new Refusal('FLAG_VALUE', `the flag --${name} is true or false, not ${JSON.stringify(text)}`, word);
  }
  return { ...word, text: value };
}
