import { areEqual, compareText, textOf, type Value } from '../value.ts';
import { CallRefused, fixed, variadic, whole, type BakeFunction } from './function.ts';

export const NUMBER_FUNCTIONS: Readonly<Record<string, BakeFunction>> = {
  absolute: fixed(['number'], (value) => Math.abs(value)),
  add: fixed(['number', 'number'], (a, b) => a + b),
  and: fixed(['boolean', 'boolean'], (a, b) => a && b),
  ceil: fixed(['number'], (value) => Math.ceil(value)),
  divide: fixed(['number', 'number'], divide),
  equal: fixed(['any?', 'any?'], (a, b) => areEqual(a, b)),
  floor: fixed(['number'], (value) => Math.floor(value)),
  greaterthan: fixed(['number', 'number'], (a, b) => a > b),
  greaterthanorequalto: fixed(['number', 'number'], (a, b) => a >= b),
  int: fixed(['number'], (value) => Math.trunc(value)),
  lessthan: fixed(['number', 'number'], (a, b) => a < b),
  lessthanorequalto: fixed(['number', 'number'], (a, b) => a <= b),
  log: fixed(['number', 'number'], (value, base) => Math.log(value) / Math.log(base)),
  max: variadic(['number'], 'number', ([first], rest) => Math.max(first, ...rest)),
  min: variadic(['number'], 'number', ([first], rest) => Math.min(first, ...rest)),
  modulo: fixed(['number', 'number'], modulo),
  multiply: fixed(['number', 'number'], (a, b) => a * b),
  negate: fixed(['number'], (value) => -value),
  not: fixed(['boolean'], (value) => !value),
  notequal: fixed(['any?', 'any?'], (a, b) => !areEqual(a, b)),
  or: fixed(['boolean', 'boolean'], (a, b) => a || b),
  parseint: fixed(['any', 'number'], (value, base) => parseInteger(textOf(value) ?? '', base)),
  pow: fixed(['number', 'number'], (a, b) => a ** b),
  semvercmp: fixed(['string', 'string'], (version, constraint) => satisfies(version, constraint)),
  signum: fixed(['number'], (value) => Math.sign(value)),
  subtract: fixed(['number', 'number'], (a, b) => a - b),
};

/** @throws CallRefused for 0 / 0 */
export function divide(a: number, b: number): number {
  if (a === 0 && b === 0) throw new CallRefused('zero is divided by zero');
  return a / b;
}

/** The remainder, with the sign of the divided number. @throws CallRefused */
export function modulo(a: number, b: number): number {
  if (b === 0) throw new CallRefused('the remainder of a division by zero');
  return a % b;
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function parseInteger(text: string, base: number): Value {
  whole(base, 'the base', 2, DIGITS.length);
  const [, sign, digits = ''] = /^([-+]?)(\w+)$/.exec(text) ?? [];
  let value = 0;
  for (const digit of digits) {
    const known = DIGITS.indexOf(base <= 36 ? digit.toLowerCase() : digit);
    if (known === -1 || known >= base) throw new CallRefused(`${JSON.stringify(text)} is no number in base ${base}`);
    value = value * base + known;
  }
  if (digits === '') throw new CallRefused(`${JSON.stringify(text)} is no number in base ${base}`);
  return sign === '-' ? -value : value;
}

interface Version {
  readonly numbers: readonly number[];
  /** How many numbers were written. */
  readonly count: number;
  readonly prerelease: readonly string[];
}

/** Constraints of the field's library: `>= 1.2`, `~1.2.3`, `^1`, `1.x`, `a - b`; "," and blanks mean and, `||` or. */
function satisfies(version: string, constraint: string): boolean {
  const value = parseVersion(version);
  if (value === undefined || value.count === 0) throw new CallRefused(`${JSON.stringify(version)} is no version`);
  return constraint.split('||').some((all) => clausesOf(all).every((clause) => clause(value)));
}

type Clause = (version: Version) => boolean;

function clausesOf(text: string): Clause[] {
  const range = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(text);
  if (range !== null) return [clause('>=', range[1] ?? ''), clause('<=', range[2] ?? '')];
  const parts = text.matchAll(/\s*(=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*([^\s,]+)/g);
  return Array.from(parts, ([, operator = '=', wanted = '']) => clause(operator, wanted));
}

function clause(operator: string, text: string): Clause {
  const wanted = parseVersion(text);
  if (wanted === undefined) throw new CallRefused(`${JSON.stringify(text)} is no version to compare with`);
  const { numbers, count } = wanted;
  const [major = 0, minor = 0, patch = 0] = numbers;
  const below = (...limit: number[]): Version => ({ numbers: limit, count: 3, prerelease: ['0'] });
  const within =
    (end: Version): Clause =>
    (version) =>
      compare(version, wanted) >= 0 && compare(version, end) < 0;
  const nextOf = (level: number): Version =>
    level <= 1 ? below(major + 1, 0, 0) : level === 2 ? below(major, minor + 1, 0) : below(major, minor, patch + 1);
  // A version before a release is meant only where the constraint names one.
  const steady =
    (test: Clause): Clause =>
    (version) =>
      (version.prerelease.length === 0 || wanted.prerelease.length > 0) && test(version);
  if (count === 0) return steady(() => operator !== '!=' && operator !== '<' && operator !== '>');
  switch (operator) {
    case '=':
      return steady(count < 3 ? within(nextOf(count)) : (version) => compare(version, wanted) === 0);
    case '!=':
      return count < 3 ? (version) => !within(nextOf(count))(version) : (version) => compare(version, wanted) !== 0;
    case '>':
      return steady(
        count < 3 ? (version) => compare(version, nextOf(count)) >= 0 : (version) => compare(version, wanted) > 0,
      );
    case '>=':
    case '=>':
      return steady((version) => compare(version, wanted) >= 0);
    case '<':
      return steady((version) => compare(version, wanted) < 0);
    case '<=':
    case '=<':
      return steady(
        count < 3 ? (version) => compare(version, nextOf(count)) < 0 : (version) => compare(version, wanted) <= 0,
      );
    case '~':
    case '~>':
      return steady(within(nextOf(Math.min(count, 2))));
    default: {
      const level = major > 0 || count === 1 ? 1 : minor > 0 || count === 2 ? 2 : 3;
      return steady(within(nextOf(level)));
    }
  }
}

function parseVersion(text: string): Version | undefined {
  const match = /^v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const written = match.slice(1, 4).filter((part: string | undefined) => part !== undefined);
  const wild = written.findIndex((part) => !/^\d+$/.test(part));
  const numbers = (wild === -1 ? written : written.slice(0, wild)).map(Number);
  return {
    numbers: [...numbers, 0, 0, 0].slice(0, 3),
    count: numbers.length,
    prerelease: match[4] === undefined ? [] : match[4].split('.'),
  };
}

/** semver.org, section 11. */
function compare(a: Version, b: Version): number {
  for (const [i, number] of a.numbers.entries()) {
    const other = b.numbers[i] ?? 0;
    if (number !== other) return number - other;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (const [i, part] of a.prerelease.entries()) {
    const other = b.prerelease[i];
    if (other === undefined) return 1;
    const order = comparePart(part, other);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

function comparePart(a: string, b: string): number {
  const [isNumber, isOther] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOther) return Number(a) - Number(b);
  if (isNumber !== isOther) return isNumber ? -1 : 1;
  return compareText(a, b);
}
