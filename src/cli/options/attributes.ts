import { UsageError } from '../usage-error.ts';

/** What `name=value,…` says; each attribute is asked for once, and what nobody asked for is refused. */
export class Attributes {
  readonly #flag: string;
  readonly #text: string;
  readonly #values: Map<string, string>;
  readonly #asked = new Set<string>();

  /**
   * Reads one line of comma-separated values, as docker does: a field that holds a comma stands in double quotes.
   * A field without `=` counts as the name alone.
   * @throws USAGE
   */
  constructor(flag: string, text: string) {
    this.#flag = flag;
    this.#text = text;
    this.#values = new Map();
    for (const field of splitFields(flag, text)) {
      const equals = field.indexOf('=');
      const name = lowerFirstWord((equals === -1 ? field : field.slice(0, equals)).trim());
      if (name === '') throw this.invalid('one of its parts has no name');
      if (this.#values.has(name)) throw this.invalid(`${name} stands there twice`);
      this.#values.set(name, equals === -1 ? '' : field.slice(equals + 1));
    }
  }

  text(name: string): string | undefined {
    this.#asked.add(name);
    return this.#values.get(name);
  }

  /** @throws USAGE */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw this.invalid(`${name}= is missing`);
    return value;
  }

  /** True and false as Go reads them; a name alone is true. @throws USAGE */
  boolean(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (['', '1', 't', 'true'].includes(value.toLowerCase())) return true;
    if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
    throw this.invalid(`${name} is true or false, not ${JSON.stringify(value)}`);
  }

  /** @throws USAGE */
  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    const found = choices.find((choice) => choice === value);
    if (value !== undefined && found === undefined)
      throw this.invalid(`${name} is one of ${choices.join(', ')}, not ${JSON.stringify(value)}`);
    return found;
  }

  /** @throws USAGE */
  integer(name: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= range.min && number <= range.max) return number;
    throw this.invalid(`${name} is a number from ${range.min} to ${range.max}, not ${JSON.stringify(value)}`);
  }

  /** Every attribute whose name begins so, with the rest of the name. */
  startingWith(prefix: string): (readonly [rest: string, value: string])[] {
    const found = [...this.#values].filter(([name]) => name.startsWith(prefix));
    for (const [name] of found) this.#asked.add(name);
    return found.map(([name, value]) => [name.slice(prefix.length), value]);
  }

  /** An attribute that cannot be carried out, unless it has the one value that is true anyway. @throws USAGE */
  only(name: string, value: boolean, why: string): void {
    if ((this.boolean(name) ?? value) !== value) throw this.invalid(`${name}=${String(!value)}: ${why}`);
  }

  /** To be called when all that is known was asked for. @throws USAGE */
  refuseOthers(): void {
    const unknown = [...this.#values.keys()].filter((name) => !this.#asked.has(name));
    if (unknown.length > 0)
      throw this.invalid(`${unknown.join(', ')} is not known there`, `known are ${[...this.#asked].join(', ')}`);
  }

  invalid(why: string, hint?: string): UsageError {
    return new UsageError(`--${this.#flag} ${this.#text}: ${why}`, hint);
  }
}

/** What follows a dot is not ours: the key of an annotation. */
function lowerFirstWord(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? name.toLowerCase() : name.slice(0, dot).toLowerCase() + name.slice(dot);
}

function splitFields(flag: string, text: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = pattern.exec(text);
    if (match === null)
      throw new UsageError(`--${flag} ${text}: its quotes do not fit`, '"dest=a,b" stands for one part');
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return fields;
  }
}
