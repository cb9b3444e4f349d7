import { refuse, type SourceFile } from '../source.ts';
import type { Attribute, Block, Body } from './ast.ts';
import { parseExpression } from './parse-expression.ts';
import { parseQuotedText } from './parse-template.ts';
import { Scanner } from './scanner.ts';

/**
 * Parses a file in HCL's native syntax: attributes and blocks.
 * @throws BAKE_INVALID with file, line and column
 */
export function parseHcl(file: SourceFile): Body {
  const start = file.text.startsWith('\uFEFF') ? 1 : 0;
  const scanner = new Scanner(file, start);
  const body = parseBody(scanner);
  if (!scanner.isAtEnd) scanner.refuseHere('expected an attribute or a block');
  return body;
}

function parseBody(scanner: Scanner): Body {
  const items = new Items();
  for (;;) {
    scanner.skipLines();
    if (scanner.isAtEnd || scanner.sees('}')) return items;
    parseItem(scanner, items);
    scanner.skipBlanks();
    if (scanner.isAtEnd || scanner.sees('\n')) continue;
    scanner.refuseHere('expected the end of the line after a definition');
  }
}

class Items implements Body {
  readonly attributes: Map<string, Attribute> = new Map();
  readonly blocks: Block[] = [];

  get isEmpty(): boolean {
    return this.attributes.size === 0 && this.blocks.length === 0;
  }
}

function parseItem(scanner: Scanner, items: Items): void {
  const start = scanner.at;
  const name = scanner.takeIdentifier();
  if (name === undefined) scanner.refuseHere('expected the name of an attribute or the type of a block');
  scanner.skipBlanks();
  if (scanner.sees('=')) {
    scanner.at++;
    const range = scanner.range(start, start + name.length);
    const expression = parseExpression(scanner);
    const earlier = items.attributes.get(name);
    if (earlier !== undefined) refuse(range, `the attribute ${name} is set twice in one block`);
    items.attributes.set(name, { name, expression, range });
    return;
  }
  items.blocks.push(parseBlock(scanner, name, start));
}

function parseBlock(scanner: Scanner, type: string, start: number): Block {
  const labels: string[] = [];
  for (scanner.skipBlanks(); !scanner.sees('{'); scanner.skipBlanks()) {
    const label = scanner.sees('"') ? parseQuotedText(scanner, parseExpression) : scanner.takeIdentifier();
    if (label === undefined) scanner.refuseHere(`expected "=" for an attribute, or a label or "{" for a block ${type}`);
    labels.push(label);
  }
  const range = scanner.range(start);
  scanner.at++;
  const body = scanner.inBraces(() => parseBlockBody(scanner, type));
  return { type, labels, body, range };
}

function parseBlockBody(scanner: Scanner, type: string): Body {
  scanner.skipBlanks();
  const isOneLine = !scanner.sees('\n');
  if (!isOneLine) {
    const body = parseBody(scanner);
    scanner.expect('}', `at the end of the block ${type}`);
    return body;
  }
  const items = new Items();
  if (!scanner.sees('}')) parseItem(scanner, items);
  if (!scanner.take('}'))
    scanner.refuseHere(
      'expected "}": a block on one line holds one attribute',
      'put each attribute on a line of its own',
    );
  return items;
}
