import { refuse, type Range, type SourceFile } from '../source.ts';
import type { Attribute, Block, Body, Expression } from './ast.ts';
import { parseExpression } from './parse-expression.ts';
import { parseTemplate } from './parse-template.ts';
import { Scanner } from './scanner.ts';

/** A JSON value with its places, since errors name lines. */
type Node = { readonly range: Range } & (
  | { readonly kind: 'scalar'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'object'; readonly members: readonly Member[] }
);

interface Member {
  readonly name: string;
  readonly range: Range;
  readonly value: Node;
}

/** How many labels the blocks of a type have. */
export type BlockLabels = Readonly<Record<string, number>>;

/**
 * Parses a file in HCL's JSON syntax: members named as `blocks` are blocks, by their labels; strings are templates.
 * @throws BAKE_INVALID with file, line and column
 */
export function parseHclJson(file: SourceFile, blocks: BlockLabels): Body {
  const scanner = new Scanner(file, file.text.startsWith('\uFEFF') ? 1 : 0);
  const root = readNode(scanner);
  skip(scanner);
  if (!scanner.isAtEnd) refuse(scanner.range(scanner.at, scanner.at + 1), 'the file goes on after its end');
  return bodyOf(root, blocks);
}

function bodyOf(node: Node, blocks: BlockLabels): Body {
  const attributes = new Map<string, Attribute>();
  const found: Block[] = [];
  for (const { name, range, value } of membersOf(node)) {
    // By the specification of HCL's JSON syntax a member of this name is a comment.
    if (name === '//') continue;
    const labels = Object.hasOwn(blocks, name) ? blocks[name] : undefined;
    if (labels !== undefined) found.push(...blocksOf(name, labels, [], value, range));
    else if (attributes.has(name)) refuse(range, `the attribute ${name} is set twice`);
    else attributes.set(name, { name, range, expression: name === 'type' ? typeOf(value) : expressionOf(value) });
  }
  return { attributes, blocks: found };
}

/** One level of objects for each label, and a list for several blocks. */
function blocksOf(type: string, missing: number, labels: readonly string[], node: Node, range: Range): Block[] {
  if (node.kind === 'list') return node.items.flatMap((item) => blocksOf(type, missing, labels, item, range));
  if (missing > 0)
    return membersOf(node).flatMap((member) =>
      blocksOf(type, missing - 1, [...labels, member.name], member.value, member.range),
    );
  // Only a variable has blocks in it.
  const body = bodyOf(node, type === 'variable' ? { validation: 0 } : {});
  return [{ type, labels, body, range }];
}

function membersOf(node: Node): readonly Member[] {
  return node.kind === 'object' ? node.members : refuse(node.range, 'expected an object');
}

function expressionOf(node: Node): Expression {
  const { range } = node;
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'string'
        ? parseTemplate(node.value, range, parseExpression)
        : { kind: 'literal', value: node.value, range };
    case 'list':
      return { kind: 'tuple', items: node.items.map(expressionOf), range };
    case 'object':
      return {
        kind: 'object',
        items: node.members.map((member) => ({
          key: parseTemplate(member.name, member.range, parseExpression),
          value: expressionOf(member.value),
        })),
        range,
      };
  }
}

/** The type of a variable is an expression in a string. */
function typeOf(node: Node): Expression {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return expressionOf(node);
  const scanner = new Scanner({ name: node.range.file.name, text: node.value });
  return { ...parseExpression(scanner), range: node.range };
}

function skip(scanner: Scanner): void {
  scanner.takeMatch(/[ \t\r\n]*/y);
}

function readNode(scanner: Scanner): Node {
  skip(scanner);
  const start = scanner.at;
  if (scanner.sees('{')) return scanner.nested(() => readObject(scanner, start));
  if (scanner.sees('[')) return scanner.nested(() => readList(scanner, start));
  if (scanner.sees('"')) {
    const value = readString(scanner);
    return { kind: 'scalar', value, range: scanner.range(start) };
  }
  const word = scanner.takeMatch(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y);
  if (word === undefined) refuse(scanner.range(start, start + 1), 'expected a JSON value');
  return { kind: 'scalar', value: JSON.parse(word) as number | boolean | null, range: scanner.range(start) }; // By the pattern.
}

function readObject(scanner: Scanner, start: number): Node {
  const members: Member[] = [];
  scanner.at++;
  for (skip(scanner); !scanner.sees('}'); skip(scanner)) {
    if (members.length > 0) need(scanner, ',');
    skip(scanner);
    const at = scanner.at;
    if (!scanner.sees('"')) refuse(scanner.range(at, at + 1), 'expected a name in quotes');
    const name = readString(scanner);
    const range = scanner.range(at);
    skip(scanner);
    need(scanner, ':');
    members.push({ name, range, value: readNode(scanner) });
  }
  scanner.at++;
  return { kind: 'object', members, range: scanner.range(start) };
}

function readList(scanner: Scanner, start: number): Node {
  const items: Node[] = [];
  scanner.at++;
  for (skip(scanner); !scanner.sees(']'); skip(scanner)) {
    if (items.length > 0) need(scanner, ',');
    items.push(readNode(scanner));
  }
  scanner.at++;
  return { kind: 'list', items, range: scanner.range(start) };
}

function need(scanner: Scanner, sign: string): void {
  if (!scanner.sees(sign)) refuse(scanner.range(scanner.at, scanner.at + 1), `expected ${JSON.stringify(sign)}`);
  scanner.at++;
}

function readString(scanner: Scanner): string {
  const start = scanner.at;
  const text = scanner.takeMatch(/"(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
  if (text === undefined)
    refuse(scanner.range(start, start + 1), 'the string is not closed on its line, or has a wrong escape');
  return JSON.parse(text) as string; // By the pattern.
}
