/** The variables that are known at a place of a script. Unknown ones are those of which no value can be said. */
export class Variables {
  readonly #outer: (name: string) => string | undefined;
  readonly #own = new Map<string, readonly string[] | undefined>();

  constructor(outer: (name: string) => string | undefined) {
    this.#outer = outer;
  }

  /** `value` is a list for an array; undefined when it is not known. */
  set(name: string, value: readonly string[] | undefined): void {
    this.#own.set(name, value);
  }

  get(name: string): string | undefined {
    return this.#own.has(name) ? this.#own.get(name)?.[0] : this.#outer(name);
  }

  list(name: string): readonly string[] | undefined {
    if (this.#own.has(name)) return this.#own.get(name);
    const value = this.#outer(name);
    return value === undefined ? undefined : [value];
  }

  copy(): Variables {
    const copy = new Variables(this.#outer);
    for (const [name, value] of this.#own) copy.set(name, value);
    return copy;
  }

  /** After a part that perhaps ran: what it set is not known any more. */
  forget(other: Variables): void {
    for (const [name, value] of other.#own) if (this.#own.get(name) !== value) this.#own.set(name, undefined);
  }
}
