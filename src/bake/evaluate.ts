import { isShaleError } from '../base/index.ts';
import { CallRefused, type BakeFunction } from './functions/function.ts';
import { REFUSED_FUNCTIONS } from './functions/index.ts';
import { divide, modulo } from './functions/numbers.ts';
import type { BinaryOperator, Expression, ForExpression, TemplatePart } from './hcl/ast.ts';
import { refuse, type Range } from './source.ts';
import { convertTo, parseType, TypeRefused } from './types.ts';
import {
  areEqual,
  booleanOf,
  isList,
  isMap,
  kindOf,
  numberOf,
  sortedEntries,
  textOf,
  type Value,
  type ValueMap,
} from './value.ts';

/** What names mean where an expression stands. */
export interface Scope {
  /** undefined when there is no such variable. */
  variable(name: string): Value | undefined;
  function(name: string): BakeFunction | undefined;
  /** What `target.NAME.ATTRIBUTE` means; undefined when there is no such block. */
  blockAttribute(type: string, name: string, attribute: string): Value | undefined;
  /** For hints. */
  readonly names: readonly string[];
}

/** Elements that a for expression may go through. */
const FOR_MAX = 100_000;

/** The value of an expression. @throws BAKE_INVALID with the place */
export function evaluate(expression: Expression, scope: Scope): Value {
  const { range } = expression;
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'template':
      return evaluateTemplate(expression.parts, scope);
    case 'variable':
      return orElse(scope.variable(expression.name), () => unknownVariable(expression.name, range, scope));
    case 'attribute':
      return orElse(blockAttribute(expression, scope), () =>
        attributeOf(evaluate(expression.of, scope), expression.name, range),
      );
    case 'index':
      return indexOf(evaluate(expression.of, scope), evaluate(expression.index, scope), range);
    case 'splat':
      return evaluateSplat(evaluate(expression.of, scope), expression.each, scope);
    case 'call':
      return evaluateCall(expression, scope);
    case 'unary': {
      const operand = evaluate(expression.operand, scope);
      return expression.operator === '!' ? !booleanAt(operand, range) : -numberAt(operand, range);
    }
    case 'binary':
      return evaluateBinary(expression, scope);
    case 'conditional':
      return evaluateConditional(expression, scope);
    case 'tuple':
      return expression.items.map((item) => evaluate(item, scope));
    case 'object':
      return new Map(
        expression.items.map(({ key, value }) => [keyAt(evaluate(key, scope), key.range), evaluate(value, scope)]),
      );
    case 'for':
      return evaluateFor(expression, scope);
  }
}

/** What is there, null included; `??` would take null for absent. */
function orElse(found: Value | undefined, other: () => Value): Value {
  return found === undefined ? other() : found;
}

/** A scope with a few more variables. */
export function innerScope(scope: Scope, variables: ValueMap): Scope {
  return {
    variable: (name) => (variables.has(name) ? (variables.get(name) ?? null) : scope.variable(name)),
    function: (name) => scope.function(name),
    blockAttribute: (type, name, attribute) => scope.blockAttribute(type, name, attribute),
    names: [...variables.keys(), ...scope.names],
  };
}

function unknownVariable(name: string, range: Range, { names }: Scope): never {
  return refuse(range, `there is no variable ${JSON.stringify(name)}`, known('the variables are', names));
}

function known(intro: string, names: readonly string[]): string | undefined {
  const shown = [...new Set(names)].filter((name) => name !== '').toSorted();
  if (shown.length === 0) return undefined;
  return `${intro} ${shown.slice(0, 20).join(', ')}${shown.length > 20 ? ', …' : ''}`;
}

/** `target.NAME.ATTRIBUTE`, unless a variable has the block's name. */
function blockAttribute({ of, name }: Extract<Expression, { kind: 'attribute' }>, scope: Scope): Value | undefined {
  if (of.kind !== 'attribute' || of.of.kind !== 'variable') return undefined;
  const type = of.of.name;
  return scope.variable(type) === undefined ? scope.blockAttribute(type, of.name, name) : undefined;
}

function attributeOf(value: Value, name: string, range: Range): Value {
  if (isMap(value)) return orElse(value.get(name), () => missing(value, name, range));
  return refuse(range, `${kindOf(value)} has no member ${JSON.stringify(name)}`);
}

function missing(value: ValueMap, name: string, range: Range): never {
  return refuse(range, `the object has no member ${JSON.stringify(name)}`, known('its members are', [...value.keys()]));
}

function indexOf(value: Value, index: Value, range: Range): Value {
  if (isMap(value)) return attributeOf(value, keyAt(index, range), range);
  if (!isList(value)) return refuse(range, `${kindOf(value)} has no elements`);
  const number = numberAt(index, range);
  const found = value[number];
  if (found === undefined)
    return refuse(range, `the list has ${value.length} elements, and none with the index ${number}`);
  return found;
}

function evaluateSplat(value: Value, each: Expression, scope: Scope): Value {
  const items = value === null ? [] : isList(value) ? value : [value];
  return items.map((item) => evaluate(each, innerScope(scope, new Map([['', item]]))));
}

function evaluateCall(call: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  const { name, range, args } = call;
  if (name === 'try' || name === 'can') return evaluateTry(call, scope);
  if (name === 'convert') return evaluateConvert(call, scope);
  const callee = scope.function(name);
  if (callee === undefined) {
    const refused = REFUSED_FUNCTIONS.get(name);
    return refuse(
      range,
      refused === undefined ? `there is no function ${name}` : `the function ${name} is not taken: ${refused}`,
    );
  }
  const values = args.map((arg) => evaluate(arg, scope));
  if (call.spreads) {
    const last = values.pop() ?? null;
    if (!isList(last)) return refuse(range, `"..." takes a list, not ${kindOf(last)}`);
    values.push(...last);
  }
  try {
    return callee.call(values);
  } catch (error) {
    if (!(error instanceof CallRefused)) throw error;
    return refuse(range, `${name}(): ${error.message}`);
  }
}

/** `try(a, b, …)`: the first that can be evaluated. `can(a)`: whether it can. */
function evaluateTry({ name, args, range }: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  if (args.length === 0 || (name === 'can' && args.length > 1))
    refuse(range, `${name}() takes ${name === 'can' ? 'one argument' : 'arguments'}, not ${args.length}`);
  let failure: unknown;
  for (const arg of args) {
    try {
      const value = evaluate(arg, scope);
      return name === 'can' ? true : value;
    } catch (error) {
      if (!isShaleError(error, 'BAKE_INVALID')) throw error;
      failure = error;
    }
  }
  if (name === 'can') return false;
  throw failure;
}

/** `convert(value, type)`. */
function evaluateConvert({ args, range }: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
  const [value, type] = args;
  if (value === undefined || type === undefined || args.length > 2)
    return refuse(range, `convert() takes a value and a type, not ${args.length} arguments`);
  return typedAt(() => convertTo(parseType(type), evaluate(value, scope)), range, 'convert()');
}

/** Gives what does not fit a type its place. */
export function typedAt(convert: () => Value, range: Range, what: string): Value {
  try {
    return convert();
  } catch (error) {
    if (!(error instanceof TypeRefused)) throw error;
    return refuse(range, `${what}: ${error.message}`);
  }
}

function evaluateBinary(expression: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  const { operator, range } = expression;
  const left = evaluate(expression.left, scope);
  const right = evaluate(expression.right, scope);
  if (operator === '==') return areEqual(left, right);
  if (operator === '!=') return !areEqual(left, right);
  if (operator === '&&') return booleanAt(left, range) && booleanAt(right, range);
  if (operator === '||') return booleanAt(left, range) || booleanAt(right, range);
  return calculate(operator, numberAt(left, expression.left.range), numberAt(right, expression.right.range), range);
}

function calculate(
  operator: Exclude<BinaryOperator, '==' | '!=' | '&&' | '||'>,
  a: number,
  b: number,
  range: Range,
): Value {
  try {
    switch (operator) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return divide(a, b);
      case '%':
        return modulo(a, b);
      case '<':
        return a < b;
      case '>':
        return a > b;
      case '<=':
        return a <= b;
      case '>=':
        return a >= b;
    }
  } catch (error) {
    if (!(error instanceof CallRefused)) throw error;
    return refuse(range, error.message);
  }
}

/** Both results become one type: where one is a string, numbers and booleans become strings. */
function evaluateConditional(expression: Extract<Expression, { kind: 'conditional' }>, scope: Scope): Value {
  const condition = booleanAt(evaluate(expression.condition, scope), expression.condition.range);
  const chosen = evaluate(condition ? expression.yes : expression.no, scope);
  const other = condition ? expression.no : expression.yes;
  if (typeof chosen === 'number' || typeof chosen === 'boolean') {
    const isText = other.kind === 'literal' ? typeof other.value === 'string' : isTextTemplate(other);
    if (isText) return textOf(chosen) ?? chosen;
  }
  return chosen;
}

function isTextTemplate(expression: Expression): boolean {
  return expression.kind === 'template' && (expression.parts.length > 1 || expression.parts[0]?.kind !== 'value');
}

function evaluateFor(expression: ForExpression, scope: Scope): Value {
  const { keyName, valueName, of, key, value, condition, groups } = expression;
  const rows = rowsOf(evaluate(of, scope), of.range).map(([index, item]) => {
    const names = new Map([[valueName, item], ...(keyName === undefined ? [] : [[keyName, index] as const])]);
    return innerScope(scope, names);
  });
  const kept = rows.filter((row) => condition === undefined || booleanAt(evaluate(condition, row), condition.range));
  if (key === undefined) return kept.map((row) => evaluate(value, row));
  const result = new Map<string, Value>();
  for (const row of kept) {
    const name = keyAt(evaluate(key, row), key.range);
    const made = evaluate(value, row);
    const earlier = result.get(name);
    if (groups) result.set(name, [...(isList(earlier ?? null) ? (earlier as readonly Value[]) : []), made]); // A list by the test.
    else if (earlier === undefined) result.set(name, made);
    else
      refuse(
        key.range,
        `the key ${JSON.stringify(name)} comes twice`,
        'three dots after the value gather them: key => value...',
      );
  }
  return result;
}

function rowsOf(collection: Value, range: Range): readonly (readonly [Value, Value])[] {
  const rows = isList(collection)
    ? collection.map((item, i) => [i, item] as const)
    : isMap(collection)
      ? sortedEntries(collection)
      : refuse(range, `for goes through a list or an object, not ${kindOf(collection)}`);
  if (rows.length > FOR_MAX) refuse(range, `for goes through ${rows.length} elements, and ${FOR_MAX} are taken`);
  return rows;
}

function evaluateTemplate(parts: readonly TemplatePart[], scope: Scope): Value {
  const [only] = parts;
  // "${x}" alone is x itself, whatever it is.
  if (parts.length === 1 && only?.kind === 'value') return evaluate(only.expression, scope);
  return renderParts(parts, scope);
}

function renderParts(parts: readonly TemplatePart[], scope: Scope): string {
  return parts.map((part) => renderPart(part, scope)).join('');
}

function renderPart(part: TemplatePart, scope: Scope): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'value': {
      const value = evaluate(part.expression, scope);
      return textOf(value) ?? refuse(part.expression.range, `${kindOf(value)} cannot stand in a text`);
    }
    case 'if':
      return renderParts(booleanAt(evaluate(part.condition, scope), part.condition.range) ? part.yes : part.no, scope);
    case 'for':
      return rowsOf(evaluate(part.of, scope), part.of.range)
        .map(([key, item]) => {
          const names = new Map([
            [part.valueName, item],
            ...(part.keyName === undefined ? [] : [[part.keyName, key] as const]),
          ]);
          return renderParts(part.body, innerScope(scope, names));
        })
        .join('');
  }
}

function numberAt(value: Value, range: Range): number {
  return numberOf(value) ?? refuse(range, `expected a number, not ${kindOf(value)}`);
}

function booleanAt(value: Value, range: Range): boolean {
  return booleanOf(value) ?? refuse(range, `expected true or false, not ${kindOf(value)}`);
}

function keyAt(value: Value, range: Range): string {
  return textOf(value) ?? refuse(range, `a key is a text, not ${kindOf(value)}`);
}
