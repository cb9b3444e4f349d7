import { refuse, type Range } from '../source.ts';
import type { Expression, TemplatePart } from './ast.ts';
import { Scanner } from './scanner.ts';

/** One piece of a template before `if` and `for` are put together. */
type Piece = { readonly range: Range } & (
  | { readonly kind: 'text'; text: string }
  | { readonly kind: 'value'; readonly expression: Expression }
  | { readonly kind: 'if'; readonly condition: Expression }
  | { readonly kind: 'for'; readonly keyName: string | undefined; readonly valueName: string; readonly of: Expression }
  | { readonly kind: 'else' }
  | { readonly kind: 'endif' }
  | { readonly kind: 'endfor' }
);

/** Reads an expression inside of a template; expressions hold templates in their turn. */
export type ReadExpression = (scanner: Scanner) => Expression;

/** A string in quotes, which stand next. @throws BAKE_INVALID */
export function parseQuoted(scanner: Scanner, read: ReadExpression): Expression {
  const start = scanner.at++;
  const pieces = readPieces(scanner, { quoted: true, read });
  scanner.at++;
  return templateOf(pieces, scanner.range(start));
}

/** A string in quotes without variables: the label of a block. @throws BAKE_INVALID */
export function parseQuotedText(scanner: Scanner, read: ReadExpression): string {
  const quoted = parseQuoted(scanner, read);
  if (quoted.kind === 'literal' && typeof quoted.value === 'string') return quoted.value;
  return refuse(quoted.range, 'a label is plain text, without variables');
}

/** A whole text as a template: what a string in a JSON file is. @throws BAKE_INVALID */
export function parseTemplate(text: string, at: Range, read: ReadExpression): Expression {
  if (!/[$%]\{/.test(text)) return { kind: 'literal', value: text, range: at };
  // Its places are those of the text in a file of its own, so errors are told as of the JSON string.
  const scanner = new Scanner({ name: at.file.name, text });
  return templateOf(readPieces(scanner, { quoted: false, read }), at);
}

/** `<<EOT` or `<<-EOT`, which stands next. @throws BAKE_INVALID */
export function parseHeredoc(scanner: Scanner, read: ReadExpression): Expression {
  const start = scanner.at;
  const { text } = scanner.file;
  const [opening, flush = '', marker = ''] =
    /^<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/u.exec(text.slice(start)) ?? [];
  if (opening === undefined)
    refuse(scanner.range(start, start + 2), 'expected a word and the end of the line after "<<"');
  const from = start + opening.length;
  const ending = new RegExp(`^[ \\t]*${marker}(?=[ \\t]*(?:\\r?\\n|$))`, 'mu');
  const found = ending.exec(text.slice(from));
  if (found === null) refuse(scanner.range(start, from - 1), `the heredoc is not closed by a line ${marker}`);
  const end = from + found.index;
  const pieces = readPieces(new Scanner(scanner.file, from, end), { quoted: false, read });
  scanner.at = end + found[0].length;
  return templateOf(flush === '-' ? withoutIndent(pieces) : pieces, scanner.range(start));
}

function templateOf(pieces: readonly Piece[], range: Range): Expression {
  const parts = new PartReader(pieces, range).all();
  const [only] = parts;
  if (only === undefined) return { kind: 'literal', value: '', range };
  if (parts.length === 1 && only.kind === 'text') return { kind: 'literal', value: only.text.normalize(), range };
  return { kind: 'template', parts, range };
}

/** Reads up to the closing quote, or the scanner's end. Text is cut after every line end. */
function readPieces(
  scanner: Scanner,
  { quoted, read }: { readonly quoted: boolean; readonly read: ReadExpression },
): Piece[] {
  const pieces: Piece[] = [];
  const text = (start: number, value: string): void => {
    const last = pieces.at(-1);
    if (last?.kind === 'text' && !last.text.endsWith('\n')) last.text += value;
    else pieces.push({ kind: 'text', text: value, range: scanner.range(start) });
  };
  let stripNext = false;
  for (;;) {
    const start = scanner.at;
    if (scanner.isAtEnd) {
      if (quoted) refuse(scanner.range(start - 1, start), 'the string is not closed');
      return pieces;
    }
    if (quoted && scanner.sees('"')) return pieces;
    if (scanner.sees('$${') || scanner.sees('%%{')) {
      scanner.at += 3;
      text(start, `${scanner.file.text[start]}{`);
    } else if (scanner.sees('${') || scanner.sees('%{')) {
      const piece = scanner.inBrackets(() => readSequence(scanner, read));
      if (piece.stripsBefore) stripEnd(pieces);
      pieces.push(piece.piece);
      stripNext = piece.stripsAfter;
      if (stripNext) scanner.takeMatch(/\s*/y);
    } else if (quoted) text(start, quotedCharacter(scanner));
    else {
      const code = scanner.file.text.codePointAt(scanner.at) ?? 0;
      const character = String.fromCodePoint(code);
      scanner.at += character.length;
      if (character !== '\r' || !scanner.sees('\n')) text(start, character);
    }
  }
}

/** `~` in front takes the blanks before it away. */
function stripEnd(pieces: Piece[]): void {
  for (let last = pieces.at(-1); last?.kind === 'text'; last = pieces.at(-1)) {
    last.text = last.text.trimEnd();
    if (last.text !== '') return;
    pieces.pop();
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

function quotedCharacter(scanner: Scanner): string {
  const start = scanner.at;
  const character = String.fromCodePoint(scanner.file.text.codePointAt(start) ?? 0);
  scanner.at += character.length;
  if (character === '\n')
    refuse(
      scanner.range(start - 1, start),
      'a string in quotes ends on its line',
      'a heredoc takes several lines: <<EOT',
    );
  if (character !== '\\') return character;
  const unicode = scanner.takeMatch(/u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y);
  if (unicode !== undefined) {
    const code = Number.parseInt(unicode.slice(1), 16);
    if (code <= 0x10_ff_ff) return String.fromCodePoint(code);
    refuse(scanner.range(start), `there is no character ${unicode}`);
  }
  const escaped = ESCAPES[scanner.file.text[scanner.at] ?? ''];
  if (escaped === undefined)
    refuse(scanner.range(start, start + 2), 'the escapes of a string are \\n \\r \\t \\" \\\\ \\uNNNN and \\UNNNNNNNN');
  scanner.at++;
  return escaped;
}

interface Sequence {
  readonly piece: Piece;
  readonly stripsBefore: boolean;
  readonly stripsAfter: boolean;
}

function readSequence(scanner: Scanner, read: ReadExpression): Sequence {
  const start = scanner.at;
  const isValue = scanner.sees('$');
  scanner.at += 2;
  const stripsBefore = scanner.sees('~');
  if (stripsBefore) scanner.at++;
  const piece = isValue
    ? ({ kind: 'value', expression: read(scanner), range: scanner.range(start) } as const)
    : readDirective(scanner, start, read);
  const stripsAfter = scanner.take('~');
  scanner.expect('}', `at the end of ${isValue ? '${' : '%{'}`);
  return { piece, stripsBefore, stripsAfter };
}

function readDirective(scanner: Scanner, start: number, read: ReadExpression): Piece {
  const word = scanner.takeIdentifier();
  switch (word) {
    case 'if':
      return { kind: 'if', condition: read(scanner), range: scanner.range(start) };
    case 'for': {
      const first = scanner.takeIdentifier() ?? scanner.refuseHere('expected a name after "for"');
      const second = scanner.take(',') ? scanner.takeIdentifier() : undefined;
      if (!scanner.takeWord('in')) scanner.refuseHere('expected "in" after the names of for');
      const names = { keyName: second === undefined ? undefined : first, valueName: second ?? first };
      return { kind: 'for', ...names, of: read(scanner), range: scanner.range(start) };
    }
    case 'else':
    case 'endif':
    case 'endfor':
      return { kind: word, range: scanner.range(start) };
    default:
      return refuse(scanner.range(start), 'expected if, else, endif, for or endfor after "%{"');
  }
}

/** Puts `if` and `for` together with what they hold. */
class PartReader {
  readonly #pieces: readonly Piece[];
  readonly #range: Range;
  #at = 0;

  constructor(pieces: readonly Piece[], range: Range) {
    this.#pieces = pieces;
    this.#range = range;
  }

  all(): TemplatePart[] {
    const { parts, end } = this.#until();
    if (end !== undefined) refuse(end.range, `"${end.kind}" stands without its beginning`);
    return parts;
  }

  #until(): { readonly parts: TemplatePart[]; readonly end: Piece | undefined } {
    const parts: TemplatePart[] = [];
    for (let piece = this.#pieces[this.#at++]; piece !== undefined; piece = this.#pieces[this.#at++]) {
      if (piece.kind === 'else' || piece.kind === 'endif' || piece.kind === 'endfor') return { parts, end: piece };
      const last = parts.at(-1);
      if (piece.kind === 'text' && last?.kind === 'text')
        parts[parts.length - 1] = { kind: 'text', text: last.text + piece.text };
      else if (piece.kind === 'text') parts.push({ kind: 'text', text: piece.text });
      else if (piece.kind === 'value') parts.push({ kind: 'value', expression: piece.expression });
      else parts.push(piece.kind === 'if' ? this.#if(piece) : this.#for(piece));
    }
    return { parts, end: undefined };
  }

  #if(piece: Extract<Piece, { kind: 'if' }>): TemplatePart {
    const { parts: yes, end } = this.#until();
    const no = end?.kind === 'else' ? this.#until() : { parts: [], end };
    if (no.end?.kind !== 'endif') refuse(no.end?.range ?? this.#range, 'expected %{ endif } after %{ if … }');
    return { kind: 'if', condition: piece.condition, yes, no: no.parts };
  }

  #for({ keyName, valueName, of }: Extract<Piece, { kind: 'for' }>): TemplatePart {
    const { parts: body, end } = this.#until();
    if (end?.kind !== 'endfor') refuse(end?.range ?? this.#range, 'expected %{ endfor } after %{ for … }');
    return { kind: 'for', keyName, valueName, of, body };
  }
}

/** `<<-`: the blanks that all lines have in front are taken away; lines of nothing but blanks do not count. */
function withoutIndent(pieces: readonly Piece[]): readonly Piece[] {
  let indent = Infinity;
  const beginnings: Extract<Piece, { kind: 'text' }>[] = [];
  let isLineStart = true;
  for (const piece of pieces) {
    if (isLineStart) {
      if (piece.kind !== 'text') indent = 0;
      else if (piece.text.trim() !== '' || !piece.text.endsWith('\n')) {
        indent = Math.min(indent, piece.text.length - piece.text.trimStart().length);
        beginnings.push(piece);
      }
    }
    isLineStart = piece.kind === 'text' && piece.text.endsWith('\n');
  }
  if (indent !== Infinity) for (const piece of beginnings) piece.text = piece.text.slice(indent);
  return pieces;
}
