import type { Node, Operand, Pipeline } from './template-eval.ts';
import { functionNames } from './template-functions.ts';
import { UsageError } from '../usage-error.ts';

/** Deeper nesting is refused: it can only be an attack or a mistake. */
const DEPTH_MAX = 50;
const LENGTH_MAX = 100_000;

/** @throws USAGE with the place of the mistake. */
export function parseTemplate(text: string): readonly Node[] {
  if (text.length > LENGTH_MAX) throw broken(`the template is longer than ${LENGTH_MAX} characters`);
  return new TemplateParser(splitActions(text)).parse();
}

function broken(message: string): UsageError {
  return new UsageError(`--format: ${message}`, 'a template looks like "{{.ID}}: {{.Names}}"; json and table work too');
}

type Part = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'action'; readonly text: string };

/** Text and `{{actions}}`, with `{{-` and `-}}` applied and comments gone. */
function splitActions(text: string): Part[] {
  const parts: Part[] = [];
  let rest = text;
  let trimNext = false;
  for (let open = rest.indexOf('{{'); open !== -1; open = rest.indexOf('{{')) {
    const close = actionEnd(rest, open + 2);
    if (close === -1) throw broken('an action {{ is not closed by }}');
    let before = trimNext ? rest.slice(0, open).trimStart() : rest.slice(0, open);
    let action = rest.slice(open + 2, close);
    if (/^-\s/.test(action)) {
      before = before.trimEnd();
      action = action.slice(1);
    }
    trimNext = /\s-$/.test(action);
    if (trimNext) action = action.slice(0, -1);
    parts.push({ kind: 'text', text: before });
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(action)) parts.push({ kind: 'action', text: action.trim() });
    rest = rest.slice(close + 2);
  }
  parts.push({ kind: 'text', text: trimNext ? rest.trimStart() : rest });
  return parts.filter((part) => part.kind === 'action' || part.text !== '');
}

/** The place of the `}}` that ends an action; those inside of quotes do not count. */
function actionEnd(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === '\\' && quote === '"') at++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === '`') quote = character;
    else if (text.startsWith('}}', at)) return at;
  }
  return -1;
}

/** Holds the place among the parts while blocks nest. */
class TemplateParser {
  readonly #parts: readonly Part[];
  #at = 0;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  parse(): Node[] {
    const { nodes, ended } = this.#block(0);
    if (ended !== undefined) throw broken(`{{${ended}}} without a block`);
    return nodes;
  }

  /** Nodes up to `end`, `else` or the end of the text; `ended` is the action that ended it. */
  #block(depth: number): { nodes: Node[]; ended: string | undefined } {
    if (depth > DEPTH_MAX) throw broken(`blocks nest deeper than ${DEPTH_MAX}`);
    const nodes: Node[] = [];
    for (let part = this.#parts[this.#at++]; part !== undefined; part = this.#parts[this.#at++]) {
      if (part.kind === 'text') nodes.push(part);
      else if (part.text === 'end' || /^else\b/.test(part.text)) return { nodes, ended: part.text };
      else nodes.push(this.#action(part.text, depth));
    }
    return { nodes, ended: undefined };
  }

  #action(text: string, depth: number): Node {
    const [, word = '', rest = ''] = /^(if|with|range)\b\s*([\s\S]*)$/.exec(text) ?? [];
    if (word === 'if') return { kind: 'if', test: parsePipeline(rest), ...this.#bodies('if', depth) };
    if (word === 'with') return { kind: 'with', value: parsePipeline(rest), ...this.#bodies('with', depth) };
    if (word === 'range') return { kind: 'range', ...parseRange(rest), ...this.#bodies('range', depth) };
    return { kind: 'action', pipeline: parsePipeline(text) };
  }

  #bodies(word: string, depth: number): { body: Node[]; otherwise: Node[] } {
    const { nodes: body, ended } = this.#block(depth + 1);
    if (ended === 'end') return { body, otherwise: [] };
    if (ended === undefined) throw broken(`{{${word}}} without {{end}}`);
    const chained = ended.slice('else'.length).trim();
    // `else if X` nests without an `end` of its own.
    if (chained !== '') return { body, otherwise: [this.#action(chained, depth + 1)] };
    const { nodes: otherwise, ended: last } = this.#block(depth + 1);
    if (last !== 'end') throw broken(`{{else}} without {{end}}`);
    return { body, otherwise };
  }
}

function parseRange(text: string): { keyName: string | undefined; valueName: string | undefined; value: Pipeline } {
  const match = /^(\$\w+)\s*(?:,\s*(\$\w+)\s*)?:=\s*([\s\S]*)$/.exec(text);
  if (match === null) return { keyName: undefined, valueName: undefined, value: parsePipeline(text) };
  const [, first, second, rest = ''] = match;
  const value = parsePipeline(rest);
  return second === undefined
    ? { keyName: undefined, valueName: first, value }
    : { keyName: first, valueName: second, value };
}

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?<number>-?\d+(?:\.\d+)?)|(?<variable>\$\w*(?:\.\w+)*)|(?<field>(?:\.\w+)+|\.)|(?<word>\w+)|(?<mark>:=|[|()]))/y;

interface Token {
  readonly kind: 'string' | 'number' | 'variable' | 'field' | 'word' | 'mark';
  readonly text: string;
  /** Nothing stands between it and the token before. */
  readonly attached: boolean;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; text.slice(at).trim() !== ''; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    const found = Object.entries(match?.groups ?? {}).find(([, value]) => value !== undefined);
    if (match === null || found === undefined) throw broken(`cannot read ${JSON.stringify(text.slice(at).trim())}`);
    const [kind, value] = found;
    tokens.push({ kind: kind as Token['kind'], text: value, attached: !/^\s/.test(match[0]) }); // The groups are the kinds.
  }
  return tokens;
}

function parsePipeline(text: string): Pipeline {
  const tokens = tokenize(text);
  const pipeline = readPipeline(tokens, 0);
  if (tokens.length > 0) throw broken(`unexpected ${tokens[0]?.text} in {{${text}}}`);
  if (pipeline.commands.some((command) => command.length === 0)) throw broken(`a value is missing in {{${text}}}`);
  return pipeline;
}

/** Takes from the front of `tokens` up to the end or a closing parenthesis. */
function readPipeline(tokens: Token[], depth: number): Pipeline {
  if (depth > DEPTH_MAX) throw broken(`parentheses nest deeper than ${DEPTH_MAX}`);
  let assign: string | undefined;
  if (tokens[0]?.kind === 'variable' && tokens[1]?.text === ':=') {
    assign = tokens[0].text;
    tokens.splice(0, 2);
  }
  const commands: Operand[][] = [[]];
  for (let token = tokens[0]; token !== undefined && token.text !== ')'; token = tokens[0]) {
    tokens.shift();
    if (token.kind === 'mark' && token.text === '|') commands.push([]);
    else commands.at(-1)?.push(readOperand(token, tokens, depth));
  }
  return { assign, commands };
}

function readOperand(token: Token, tokens: Token[], depth: number): Operand {
  switch (token.kind) {
    case 'string':
      return { kind: 'literal', value: readString(token.text) };
    case 'number':
      return { kind: 'literal', value: Number(token.text) };
    case 'field':
      return { kind: 'field', path: names(token.text) };
    case 'variable': {
      const [name = '$', ...path] = token.text.split('.');
      return { kind: 'variable', name, path };
    }
    case 'word':
      return readWord(token.text);
    case 'mark':
      return readGroup(token, tokens, depth);
  }
}

function readGroup(token: Token, tokens: Token[], depth: number): Operand {
  if (token.text !== '(') throw broken(`unexpected ${token.text}`);
  const pipeline = readPipeline(tokens, depth + 1);
  if (tokens.shift()?.text !== ')') throw broken('a parenthesis is not closed');
  const after = tokens[0];
  if (after?.kind !== 'field' || !after.attached) return { kind: 'group', pipeline, path: [] };
  tokens.shift();
  return { kind: 'group', pipeline, path: names(after.text) };
}

function readWord(word: string): Operand {
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (word === 'nil') return { kind: 'literal', value: null };
  if (functionNames.includes(word)) return { kind: 'function', name: word };
  throw broken(`there is no function ${word}`);
}

function readString(token: string): string {
  if (token.startsWith('`')) return token.slice(1, -1);
  try {
    return String(JSON.parse(token));
  } catch {
    throw broken(`cannot read the string ${token}`);
  }
}

/** `.A.B` → A, B; `.` → nothing. */
function names(field: string): string[] {
  return field.split('.').filter((name) => name !== '');
}
