import { ShaleError } from './errors.ts';

/** A JSON value whose shape nobody has checked yet. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** Levels of nesting that a foreign document may have. */
const DEPTH_MAX = 64;

/**
 * Parses foreign JSON (RFC 8259). Stricter than JSON.parse: invalid UTF-8, nesting beyond 64 levels and a name that
 * stands twice in one object are refused, since two programs would read two different documents (CVE-2021-41190).
 * @throws JSON_INVALID, naming `what`.
 */
export function parseJson(bytes: Uint8Array, what: string): Json {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ShaleError('JSON_INVALID', `${what} is not UTF-8`, { cause });
  }
  refuseDuplicateNames(text, what);
  try {
    return JSON.parse(text) as Json; // JSON.parse gives nothing that Json does not name.
  } catch (cause) {
    throw new ShaleError(
      'JSON_INVALID',
      `${what} is not JSON: ${String(cause instanceof Error ? cause.message : cause)}`,
      { cause },
    );
  }
}

/** One pass over the text that follows strings and brackets only; what JSON.parse refuses anyway may slip through. */
function refuseDuplicateNames(text: string, what: string): void {
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      const start = i;
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
      const names = open.at(-1);
      if (!expectsName || names === undefined) continue;
      const name = text.slice(start, i + 1);
      const plain = name.includes('\\') ? unescaped(name) : name.slice(1, -1);
      if (names.has(plain)) throw new ShaleError('JSON_INVALID', `${what} has the name ${name} twice in one object`);
      names.add(plain);
      expectsName = false;
    } else if (c === 0x7b || c === 0x5b) {
      open.push(c === 0x7b ? new Set() : undefined);
      expectsName = c === 0x7b;
      if (open.length > DEPTH_MAX)
        throw new ShaleError('JSON_INVALID', `${what} is nested deeper than ${DEPTH_MAX} levels`);
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
      expectsName = false;
    } else if (c === 0x2c) expectsName = open.at(-1) !== undefined;
  }
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

/** Reads the fields of one object and says in its errors where the object stands. */
export class JsonReader {
  readonly #value: JsonObject;
  readonly #path: string;
  readonly #code: string;

  /** @throws `code` when `value` is no object. */
  constructor(value: Json | undefined, path: string, code: string) {
    if (!isJsonObject(value)) throw new ShaleError(code, `${path} is ${kindOf(value)}, expected an object`);
    this.#value = value;
    this.#path = path;
    this.#code = code;
  }

  /** The raw value; undefined where absent or null (Go writes absent slices and maps as null). */
  raw(name: string): Json | undefined {
    return this.#value[name] ?? undefined;
  }

  names(): string[] {
    return Object.keys(this.#value);
  }

  string(name: string): string | undefined {
    const value = this.raw(name);
    return value === undefined || typeof value === 'string' ? value : this.#refuse(name, value, 'a string');
  }

  /** An integer that JavaScript holds exactly. */
  integer(name: string): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#refuse(name, value, 'an integer');
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw(name);
    return value === undefined || typeof value === 'boolean' ? value : this.#refuse(name, value, 'true or false');
  }

  strings(name: string): string[] | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const items: string[] = [];
    for (const item of Array.isArray(value) ? value : [undefined]) {
      if (typeof item !== 'string') return this.#refuse(name, value, 'a list of strings');
      items.push(item);
    }
    return items;
  }

  stringMap(name: string): Record<string, string> | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.#refuse(name, value, 'an object of strings');
    const map: [string, string][] = [];
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== 'string') return this.#refuse(`${name}.${key}`, item, 'a string');
      map.push([key, item]);
    }
    return Object.fromEntries(map);
  }

  object(name: string): JsonReader | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new JsonReader(value, this.#at(name), this.#code);
  }

  objects(name: string): JsonReader[] | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#refuse(name, value, 'a list');
    return value.map((item: Json, i) => new JsonReader(item, `${this.#at(name)}[${i}]`, this.#code));
  }

  /** Takes a field that must be there. */
  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new ShaleError(this.#code, `${this.#at(name)} is missing`);
    return value;
  }

  #refuse(name: string, value: Json | undefined, expected: string): never {
    throw new ShaleError(this.#code, `${this.#at(name)} is ${kindOf(value)}, expected ${expected}`);
  }

  #at(name: string): string {
    return `${this.#path}.${name}`;
  }
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: Json | undefined): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : JSON.stringify(value).slice(0, 60);
}
