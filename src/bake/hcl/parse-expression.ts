import { refuse } from '../source.ts';
import type { BinaryOperator, Expression, ForExpression } from './ast.ts';
import { parseHeredoc, parseQuoted } from './parse-template.ts';
import type { Scanner } from './scanner.ts';

/** An expression, up to what cannot belong to it. @throws BAKE_INVALID */
export function parseExpression(scanner: Scanner): Expression {
  return scanner.nested(() => parseConditional(scanner));
}

function parseConditional(scanner: Scanner): Expression {
  const condition = parseBinary(scanner, 0);
  if (!scanner.take('?')) return condition;
  const yes = parseExpression(scanner);
  scanner.expect(':', 'between the two results of a condition');
  const no = parseExpression(scanner);
  return { kind: 'conditional', condition, yes, no, range: scanner.range(condition.range.start) };
}

/** Weakest first; longer ones before those that they begin with. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
];

function parseBinary(scanner: Scanner, level: number): Expression {
  const operators = LEVELS[level];
  if (operators === undefined) return parseUnary(scanner);
  let left = parseBinary(scanner, level + 1);
  for (;;) {
    const operator = operators.find((one) => scanner.take(one));
    if (operator === undefined) return left;
    const right = parseBinary(scanner, level + 1);
    left = { kind: 'binary', operator, left, right, range: scanner.range(left.range.start) };
  }
}

function parseUnary(scanner: Scanner): Expression {
  scanner.skipBlanks();
  const start = scanner.at;
  for (const operator of ['!', '-'] as const) {
    if (operator === '!' && scanner.sees('!=')) continue;
    if (!scanner.take(operator)) continue;
    const operand = scanner.nested(() => parseUnary(scanner));
    return { kind: 'unary', operator, operand, range: scanner.range(start) };
  }
  return parsePostfix(scanner, parsePrimary(scanner));
}

/** Attributes, indexes and splats behind an expression. */
function parsePostfix(scanner: Scanner, first: Expression): Expression {
  let of = first;
  const { start } = first.range;
  for (;;) {
    scanner.skipBlanks();
    if (scanner.sees('...')) return of;
    if (scanner.sees('[')) of = parseIndex(scanner, of, start);
    else if (scanner.sees('.')) of = parseDot(scanner, of, start);
    else return of;
  }
}

function parseIndex(scanner: Scanner, of: Expression, start: number): Expression {
  scanner.at++;
  if (scanner.take('*')) {
    scanner.expect(']', 'after "[*"');
    const item: Expression = { kind: 'variable', name: '', range: scanner.range(start) };
    return { kind: 'splat', of, each: parsePostfix(scanner, item), range: scanner.range(start) };
  }
  const index = scanner.inBrackets(() => {
    const inner = parseExpression(scanner);
    scanner.expect(']', 'at the end of an index');
    return inner;
  });
  return { kind: 'index', of, index, range: scanner.range(start) };
}

function parseDot(scanner: Scanner, of: Expression, start: number): Expression {
  scanner.at++;
  if (scanner.take('*')) {
    let each: Expression = { kind: 'variable', name: '', range: scanner.range(start) };
    // Only attributes belong to this splat; an index behind it is of the whole list.
    while (scanner.sees('.') && !scanner.sees('...')) each = parseDot(scanner, each, start);
    return { kind: 'splat', of, each, range: scanner.range(start) };
  }
  const number = scanner.takeMatch(/\d+/y);
  if (number !== undefined) {
    const index: Expression = { kind: 'literal', value: Number(number), range: scanner.range(start) };
    return { kind: 'index', of, index, range: scanner.range(start) };
  }
  const name = scanner.takeIdentifier();
  if (name === undefined) scanner.refuseHere('expected the name of an attribute after "."');
  return { kind: 'attribute', of, name, range: scanner.range(start) };
}

const NUMBER = /\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const LITERALS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);

function parsePrimary(scanner: Scanner): Expression {
  scanner.skipBlanks();
  const start = scanner.at;
  if (scanner.sees('"')) return parseQuoted(scanner, parseExpression);
  if (scanner.sees('<<')) return parseHeredoc(scanner, parseExpression);
  if (scanner.sees('[')) return parseTuple(scanner);
  if (scanner.sees('{')) return parseObject(scanner);
  if (scanner.take('(')) {
    return scanner.inBrackets(() => {
      const inner = parseExpression(scanner);
      scanner.expect(')', 'at the end of the expression in parentheses');
      // In parentheses a name is not a bare key of an object any more.
      return { kind: 'template', parts: [{ kind: 'value', expression: inner }], range: scanner.range(start) };
    });
  }
  const number = scanner.takeMatch(NUMBER);
  if (number !== undefined) return { kind: 'literal', value: Number(number), range: scanner.range(start) };
  const name = scanner.takeIdentifier();
  if (name === undefined) scanner.refuseHere('expected an expression');
  const literal = LITERALS.get(name);
  const range = scanner.range(start);
  scanner.skipBlanks();
  if (scanner.sees('(')) return parseCall(scanner, name, start);
  return literal === undefined ? { kind: 'variable', name, range } : { kind: 'literal', value: literal, range };
}

function parseCall(scanner: Scanner, name: string, start: number): Expression {
  scanner.at++;
  const args: Expression[] = [];
  let spreads = false;
  scanner.inBrackets(() => {
    while (!scanner.take(')')) {
      if (spreads) scanner.refuseHere('expected ")" after "..."');
      args.push(parseExpression(scanner));
      spreads = scanner.take('...');
      if (scanner.take(',')) continue;
      scanner.expect(')', `or "," after an argument of ${name}`);
      return;
    }
  });
  return { kind: 'call', name, args, spreads, range: scanner.range(start) };
}

function parseTuple(scanner: Scanner): Expression {
  const start = scanner.at++;
  return scanner.inBrackets(() => {
    if (scanner.takeWord('for')) return parseFor(scanner, start, ']');
    const items: Expression[] = [];
    while (!scanner.take(']')) {
      items.push(parseExpression(scanner));
      if (scanner.take(',')) continue;
      scanner.expect(']', 'or "," after an element of a list');
      break;
    }
    return { kind: 'tuple', items, range: scanner.range(start) };
  });
}

function parseObject(scanner: Scanner): Expression {
  const start = scanner.at++;
  const beforeItems = scanner.at;
  scanner.skipLines();
  if (scanner.takeWord('for')) {
    // A key may be called so, too.
    scanner.skipBlanks();
    if (!scanner.sees('=') && !scanner.sees(':')) return scanner.inBrackets(() => parseFor(scanner, start, '}'));
  }
  scanner.at = beforeItems;
  return scanner.inBraces(() => {
    const items: { key: Expression; value: Expression }[] = [];
    for (;;) {
      scanner.skipLines();
      if (scanner.take('}')) return { kind: 'object', items, range: scanner.range(start) };
      const key = bareKey(parseExpression(scanner));
      if (!scanner.take('=') && !scanner.take(':'))
        scanner.refuseHere('expected "=" or ":" after the key of an object');
      items.push({ key, value: parseExpression(scanner) });
      scanner.skipBlanks();
      if (scanner.sees('\n') || scanner.take(',') || scanner.sees('}')) continue;
      scanner.refuseHere('expected a new line, "," or "}" after a member of an object');
    }
  });
}

/** A name alone is its own text; a variable is meant with parentheses: `{ (name) = 1 }`. */
function bareKey(key: Expression): Expression {
  return key.kind === 'variable' ? { kind: 'literal', value: key.name, range: key.range } : key;
}

function parseFor(scanner: Scanner, start: number, close: ']' | '}'): Expression {
  const first = forName(scanner);
  const second = scanner.take(',') ? forName(scanner) : undefined;
  if (!scanner.takeWord('in')) scanner.refuseHere('expected "in" after the names of a for expression');
  const of = parseExpression(scanner);
  scanner.expect(':', 'after the collection of a for expression');
  const result = parseExpression(scanner);
  const isObject = close === '}';
  if (isObject) scanner.expect('=>', 'after the key of a for expression');
  const value = isObject ? parseExpression(scanner) : result;
  const groups = isObject && scanner.take('...');
  const condition = scanner.takeWord('if') ? parseExpression(scanner) : undefined;
  scanner.expect(close, 'at the end of a for expression');
  const expression: ForExpression = {
    kind: 'for',
    keyName: second === undefined ? undefined : first,
    valueName: second ?? first,
    of,
    key: isObject ? result : undefined,
    value,
    condition,
    groups,
  };
  return { ...expression, range: scanner.range(start) };
}

function forName(scanner: Scanner): string {
  const name = scanner.takeIdentifier();
  if (name === undefined) scanner.refuseHere('expected a name after "for"');
  if (name === 'in') refuse(scanner.range(scanner.at - 2), 'expected a name after "for"');
  return name;
}
