import { UsageError } from '../usage-error.ts';
import { Nil } from './nil.ts';

type TemplateFunction = (...args: readonly unknown[]) => unknown;

const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => JSON.stringify(value ?? null),
  join: (list, separator) => asList('join', list).map(show).join(show(separator)),
  split: (text, separator) => show(text).split(show(separator)),
  upper: (text) => show(text).toUpperCase(),
  lower: (text) => show(text).toLowerCase(),
  title: (text) => show(text).replaceAll(/\b\p{L}/gu, (letter) => letter.toUpperCase()),
  pad: (text, before, after) => ' '.repeat(count('pad', before)) + show(text) + ' '.repeat(count('pad', after)),
  truncate: (text, length) => Array.from(show(text)).slice(0, count('truncate', length)).join(''),
  print: (...values) => values.map(show).join(''),
  println: (...values) => `${values.map(show).join(' ')}\n`,
  printf: (format, ...values) => printf(show(format), values),
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(entryOf, value),
  slice: (value, from, to) => sliceOf(value, count('slice', from), to === undefined ? undefined : count('slice', to)),
  not: (value) => !isTrue(value),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  eq: (value, ...others) => others.some((other) => equal(value, other)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare('lt', a, b) < 0,
  le: (a, b) => compare('le', a, b) <= 0,
  gt: (a, b) => compare('gt', a, b) > 0,
  ge: (a, b) => compare('ge', a, b) >= 0,
};

/** They go by what nothing is the nothing of. */
const TYPED: ReadonlySet<string> = new Set(['print', 'println', 'printf', 'index']);

/** The names a template may call. */
export const functionNames: readonly string[] = Object.keys(FUNCTIONS);

/** @throws USAGE when there is no such function or it cannot take these arguments. */
export function callFunction(name: string, args: readonly unknown[]): unknown {
  const body = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (body === undefined) throw new UsageError(`--format: there is no function ${name}`);
  return body(...args.map((value) => (value instanceof Nil && !TYPED.has(name) ? null : value)));
}

/** Go's truth: false, 0, "", nothing, and empty lists and maps are not true. */
export function isTrue(value: unknown): boolean {
  if (value instanceof Nil) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A value as Go prints it: `<no value>`, `[a b]`, `map[k:v]`. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (value instanceof Nil) return value.text;
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, one]) => `${key}:${show(one)}`).join(' ')}]`;
  }
  return String(value as string | number | boolean); // JSON knows nothing else.
}

function asList(name: string, value: unknown): readonly unknown[] {
  if (value === undefined || value === null || value instanceof Nil) return [];
  if (!Array.isArray(value)) throw new UsageError(`--format: ${name} takes a list, not ${show(value)}`);
  return value;
}

function count(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new UsageError(`--format: ${name} takes a number, not ${show(value)}`);
  }
  return value;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function entryOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) return value[count('index', key)];
  if (value instanceof Nil) return value.text === 'map[]' ? '' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  // In Go the zero value of what the map holds.
  if (!Object.hasOwn(value, show(key)))
    return Object.values(value).every((one) => typeof one === 'string') ? '' : undefined;
  return (value as Readonly<Record<string, unknown>>)[show(key)]; // An object that has the key, by the line above.
}

function sliceOf(value: unknown, from: number, to: number | undefined): unknown {
  return Array.isArray(value) ? value.slice(from, to) : show(value).slice(from, to);
}

function equal(a: unknown, b: unknown): boolean {
  return a === b || (typeof a !== typeof b && show(a) === show(b));
}

function compare(name: string, a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  throw new UsageError(`--format: ${name} cannot compare ${show(a)} with ${show(b)}`);
}

/** %s %v %d %q %x %t %% with width and `-`. */
function printf(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replaceAll(/%(-?)(\d*)(?:\.\d+)?([svdqxt%])/g, (_match, left: string, width: string, verb: string) => {
    if (verb === '%') return '%';
    const text = formatVerb(verb, values[next++]);
    return left === '' ? text.padStart(Number(width)) : text.padEnd(Number(width));
  });
}

function formatVerb(verb: string, value: unknown): string {
  if (verb === 'q') return JSON.stringify(show(value));
  if (verb === 'x') return typeof value === 'number' ? value.toString(16) : Buffer.from(show(value)).toString('hex');
  return show(value);
}
