import type { Expression } from './hcl/ast.ts';
import { inOrder } from './functions/collections.ts';
import { refuse } from './source.ts';
import { booleanOf, isList, isMap, kindOf, numberOf, textOf, type Value } from './value.ts';

/** What a variable's `type` says. */
export type Type =
  | { readonly kind: 'any' | 'string' | 'number' | 'bool' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly of: Type }
  | { readonly kind: 'tuple'; readonly items: readonly Type[] }
  | {
      readonly kind: 'object';
      readonly members: ReadonlyMap<string, { readonly type: Type; readonly optional: boolean }>;
    };

const PRIMITIVES = ['any', 'string', 'number', 'bool'] as const;
const COLLECTIONS = ['list', 'set', 'map'] as const;

/** Reads `string`, `list(string)`, `object({ a = string, b = optional(number) })`. @throws BAKE_INVALID */
export function parseType(expression: Expression): Type {
  if (expression.kind === 'variable') {
    const primitive = PRIMITIVES.find((one) => one === expression.name);
    if (primitive !== undefined) return { kind: primitive };
    const collection = COLLECTIONS.find((one) => one === expression.name);
    if (collection !== undefined) return { kind: collection, of: { kind: 'any' } };
  }
  if (expression.kind === 'call' && !expression.spreads) {
    const [of] = expression.args;
    const collection = COLLECTIONS.find((one) => one === expression.name);
    if (of !== undefined && collection !== undefined && expression.args.length === 1)
      return { kind: collection, of: parseType(of) };
    if (expression.name === 'tuple' && of?.kind === 'tuple') return { kind: 'tuple', items: of.items.map(parseType) };
    if (expression.name === 'object' && of?.kind === 'object') return parseObjectType(of);
  }
  return refuse(
    expression.range,
    'expected a type',
    'any, string, number, bool, list(TYPE), set(TYPE), map(TYPE), tuple([TYPE, …]), object({ NAME = TYPE, … })',
  );
}

function parseObjectType(object: Extract<Expression, { kind: 'object' }>): Type {
  const members = object.items.map(({ key, value }) => {
    if (key.kind !== 'literal' || typeof key.value !== 'string')
      return refuse(key.range, 'expected the name of a member');
    const [inner] = value.kind === 'call' && value.name === 'optional' ? value.args : [];
    return [key.value, { type: parseType(inner ?? value), optional: inner !== undefined }] as const;
  });
  return { kind: 'object', members: new Map(members) };
}

/** The type as it is written. */
export function formatType(type: Type): string {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'map':
      return `${type.kind}(${formatType(type.of)})`;
    case 'tuple':
      return `tuple([${type.items.map(formatType).join(', ')}])`;
    case 'object': {
      const members = Array.from(type.members, ([name, member]) => {
        const text = formatType(member.type);
        return `${name}=${member.optional ? `optional(${text})` : text}`;
      });
      return `object({${members.join(', ')}})`;
    }
    default:
      return type.kind;
  }
}

/** A value that does not fit a type. */
export class TypeRefused extends Error {}

/** The value as the type wants it: numbers become strings and strings numbers where they can. @throws TypeRefused */
export function convertTo(type: Type, value: Value): Value {
  if (value === null || type.kind === 'any') return value;
  const converted = conversion(type, value);
  if (converted === undefined) throw new TypeRefused(`expected ${formatType(type)}, not ${kindOf(value)}`);
  return converted;
}

function conversion(type: Type, value: Value): Value | undefined {
  switch (type.kind) {
    case 'any':
      return value;
    case 'string':
      return textOf(value);
    case 'number':
      return numberOf(value);
    case 'bool':
      return booleanOf(value);
    case 'list':
      return isList(value) ? value.map((one) => convertTo(type.of, one)) : undefined;
    case 'set':
      return isList(value) ? inOrder(value.map((one) => convertTo(type.of, one))) : undefined;
    case 'map':
      return isMap(value) ? new Map(Array.from(value, ([key, one]) => [key, convertTo(type.of, one)])) : undefined;
    case 'tuple':
      return isList(value) && value.length === type.items.length
        ? value.map((one, i) => convertTo(type.items[i] ?? { kind: 'any' }, one))
        : undefined;
    case 'object':
      return isMap(value) ? objectAs(type, value) : undefined;
  }
}

function objectAs({ members }: Extract<Type, { kind: 'object' }>, value: ReadonlyMap<string, Value>): Value {
  return new Map(
    Array.from(members, ([name, { type, optional }]) => {
      const member = value.get(name);
      if (member === undefined && !optional) throw new TypeRefused(`the member ${name} is missing`);
      return [name, convertTo(type, member ?? null)];
    }),
  );
}
