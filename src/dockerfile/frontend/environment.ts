import type { Lookup } from '../syntax/words.ts';

/** Variables in the order in which they were last set. */
export class Environment {
  readonly #values: Map<string, string>;

  constructor(values: Iterable<readonly [string, string]> = []) {
    this.#values = new Map(values);
  }

  copy(): Environment {
    return new Environment(this.#values);
  }

  set(name: string, value: string): void {
    this.#values.delete(name);
    this.#values.set(name, value);
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  get lookup(): Lookup {
    return (name) => this.#values.get(name);
  }

  names(): string[] {
    return Array.from(this.#values.keys());
  }

  /** As `NAME=value`. */
  entries(): string[] {
    return Array.from(this.#values, ([name, value]) => `${name}=${value}`);
  }
}

/** Splits `NAME=value`; the value is '' when there is no `=`. */
export function splitVariable(entry: string): readonly [string, string] {
  const equals = entry.indexOf('=');
  return equals === -1 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

/** The list of an image config with one variable set: in its place when it is there, else at the end. */
export function withVariable(list: readonly string[], name: string, value: string): string[] {
  const at = list.findIndex((entry) => splitVariable(entry)[0] === name);
  const entry = `${name}=${value}`;
  return at === -1 ? [...list, entry] : list.with(at, entry);
}
