/** A value of the HCL expression language. Sets are lists in order, each element once; maps and objects are one kind. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;

export type ValueMap = ReadonlyMap<string, Value>;

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ValueMap {
  return value instanceof Map;
}

/** The kind of a value as messages name it. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (isList(value)) return 'a list';
  if (isMap(value)) return 'an object';
  if (typeof value === 'string') return 'a string';
  return typeof value === 'number' ? 'a number' : 'a boolean';
}

/** Digits of a number that are sure: 0.1 + 0.2 is 0.3. */
const DIGITS = 15;

/** A number as text: whole numbers without exponent, infinity as Go writes it. */
export function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Number.isSafeInteger(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString();
  return String(Number(value.toPrecision(DIGITS)));
}

/** A value as a string where it has one; undefined for null, lists and objects. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  return typeof value === 'boolean' ? String(value) : undefined;
}

/** A value as a number where it is one or reads as one. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(value)) return undefined;
  return Number(value);
}

/** A value as a boolean where it is one or reads as one. */
export function booleanOf(value: Value): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === '1') return true;
  return value === 'false' || value === '0' ? false : undefined;
}

/** Deep equality; values of different kinds differ. */
export function areEqual(one: Value, other: Value): boolean {
  if (isList(one) && isList(other)) {
    return one.length === other.length && one.every((value, i) => areEqual(value, other[i] ?? null));
  }
  if (isMap(one) && isMap(other)) {
    if (one.size !== other.size) return false;
    for (const [key, value] of one) {
      const theirs = other.get(key);
      if (theirs === undefined || !areEqual(value, theirs)) return false;
    }
    return true;
  }
  return one === other;
}

/** An object's members in the order in which HCL goes through them: by name. */
export function sortedEntries(map: ValueMap): [string, Value][] {
  return [...map].toSorted(([a], [b]) => compareText(a, b));
}

/** By Unicode code points, as Go orders strings. */
export function compareText(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return Buffer.compare(left, right);
}

/** A value as plain JSON data. */
export function toJson(value: Value): unknown {
  if (isList(value)) return value.map(toJson);
  if (isMap(value)) return Object.fromEntries(sortedEntries(value).map(([key, one]) => [key, toJson(one)]));
  return value;
}

/** The inverse of `toJson`, of what JSON.parse gives. */
export function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === 'object' && value !== null)
    return new Map(Object.entries(value).map(([key, one]) => [key, fromJson(one)]));
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
