import { readArguments, splitInstruction } from './arguments.ts';
import { isSpace, trimSpace } from './characters.ts';
import { diagnosticAt, Refusal, type Diagnostic } from './diagnostics.ts';
import { DirectiveReader, type Directive } from './directives.ts';
import { heredocMarks } from './heredocs.ts';
import { LogicalLine } from './logical-line.ts';
import { lineText, type Source, type Span } from './source.ts';
import { isJsonForm, type Body, type Heredoc, type SyntaxNode } from './tree.ts';

/** What the shape of a file says, before any instruction is understood. */
export interface SyntaxTree {
  readonly directives: readonly Directive[];
  /** `\` or "`". */
  readonly escape: string;
  /** True with `# shale:extensions` above the first instruction. */
  readonly isExtended: boolean;
  readonly nodes: readonly SyntaxNode[];
  /** The last lines of instructions that go on over an empty line. */
  readonly emptyContinuations: readonly Span[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Bytes of one line of the file, as in the reference (Go's bufio.Scanner). */
export const LINE_MAX_BYTES = 65_535;
/** The comment that allows the extensions of the language. */
export const EXTENSIONS_MARK: RegExp = /^shale:extensions$/i;
/** Instructions within an instruction that are read; the language allows one. */
const TRIGGER_DEPTH_MAX = 4;

/** Reads a file into instructions. Never throws: what it cannot read becomes a diagnostic, and reading goes on. */
export function parseSyntax(source: Source, start: ParserStart = {}): SyntaxTree {
  return new Parser(source, start).parse();
}

/** What a file is taken to say before its first line; its own directives count after that. */
export interface ParserStart {
  readonly escape?: string;
  readonly isExtended?: boolean;
}

class Parser {
  readonly #source: Source;
  readonly #directives = new DirectiveReader();
  readonly #nodes: SyntaxNode[] = [];
  readonly #emptyContinuations: Span[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  #escape: string;
  #isExtended: boolean;
  #comments: string[] = [];
  /** The next line to read, from 1. */
  #line = 1;
  #stopped = false;

  constructor(source: Source, { escape = '\\', isExtended = false }: ParserStart) {
    this.#source = source;
    this.#escape = escape;
    this.#isExtended = isExtended;
  }

  parse(): SyntaxTree {
    for (let line = this.#take(); line !== undefined; line = this.#take()) this.#readFrom(line);
    if (this.#nodes.length === 0 && this.#diagnostics.length === 0) {
      this.#report(new Refusal('FILE_EMPTY', 'the file has no instructions', { start: 0, end: 0 }));
    }
    return {
      directives: this.#directives.found,
      escape: this.#escape,
      isExtended: this.#isExtended,
      nodes: this.#nodes,
      emptyContinuations: this.#emptyContinuations,
      diagnostics: this.#diagnostics,
    };
  }

  /** The next physical line without its end; undefined at the end of the file or of what can be read. */
  #take(): { readonly text: string; readonly start: number; readonly number: number } | undefined {
    const start = this.#source.lineStarts[this.#line - 1];
    if (this.#stopped || start === undefined || start >= this.#source.text.length) return undefined;
    const number = this.#line++;
    const text = lineText(this.#source, number) ?? '';
    const rawEnd = this.#source.lineStarts[number] ?? this.#source.text.length;
    if (rawEnd - start > LINE_MAX_BYTES / 3 && isTooLong(this.#source.text.slice(start, rawEnd))) {
      this.#stopped = true;
      const message = `the line is longer than ${LINE_MAX_BYTES} bytes`;
      this.#report(new Refusal('LINE_TOO_LONG', message, { start, end: start + 1 }));
      return undefined;
    }
    if (number === 1 && text.startsWith('\ufeff')) return { text: text.slice(1), start: start + 1, number };
    return { text, start, number };
  }

  /** Reads the instruction that begins on `first`, or the comment or nothing that stands there. */
  #readFrom(first: { readonly text: string; readonly start: number; readonly number: number }): void {
    const indent = first.text.length - trimStart(first.text).length;
    const text = first.text.slice(indent);
    const start = first.start + indent;
    if (text.startsWith('#')) {
      this.#readComment(first.text, { start, end: start + text.length });
      return;
    }
    this.#readDirective(text, { start, end: start + text.length });
    const line = new LogicalLine();
    const head = this.#withoutContinuation(text);
    if (head === undefined && text === '') return;
    line.append(head ?? text, start);
    if (head !== undefined) this.#readContinuation(line);
    this.#readInstruction(line, first.number);
  }

  #readComment(whole: string, span: Span): void {
    const { start, end } = span;
    if (this.#readDirective(this.#source.text.slice(start, end), span)) return;
    // With blanks before the mark the mark itself stays, as in the reference.
    const comment = trimSpace(whole.slice(1));
    if (this.#nodes.length === 0 && EXTENSIONS_MARK.test(comment)) this.#isExtended = true;
    else if (comment === '') this.#comments = [];
    else this.#comments.push(comment);
  }

  #readDirective(text: string, span: Span): boolean {
    try {
      const directive = this.#directives.read(text, span);
      if (directive?.name === 'escape') this.#escape = directive.value;
      return directive !== undefined;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#report(error);
      return true;
    }
  }

  #readContinuation(line: LogicalLine): void {
    let hasEmptyLine = false;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      const trimmed = trimStart(next.text);
      if (trimmed === '' || trimmed.startsWith('#')) {
        hasEmptyLine ||= trimmed === '';
        continue;
      }
      const head = this.#withoutContinuation(next.text);
      line.append(head ?? next.text, next.start);
      if (head === undefined) break;
    }
    if (!hasEmptyLine) return;
    const last = this.#line - 1;
    this.#emptyContinuations.push({ start: this.#source.lineStarts[last - 1] ?? 0, end: this.#endOfLine(last) });
  }

  /** The line before its continuation mark; undefined when it has none. A doubled mark is none. */
  #withoutContinuation(text: string): string | undefined {
    let end = text.length;
    while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
    if (text[end - 1] !== this.#escape || text[end - 2] === this.#escape) return undefined;
    return text.slice(0, end - 1);
  }

  #readInstruction(line: LogicalLine, firstLine: number): void {
    const comments = this.#comments;
    this.#comments = [];
    try {
      const node = this.#nodeFrom(line, 0, firstLine, comments, 0);
      const heredocs = mayHaveHeredocs(node) ? this.#readHeredocs(line) : [];
      const end = heredocs.length === 0 ? node.end : this.#endOfLine(this.#line - 1);
      this.#nodes.push({ ...node, end, heredocs, lastLine: this.#line - 1 });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#report(error, line.span(0, line.text.length));
    }
  }

  #nodeFrom(
    line: LogicalLine,
    from: number,
    firstLine: number,
    comments: readonly string[],
    depth: number,
  ): SyntaxNode {
    const { keyword, flags, rest } = splitInstruction(line, from, this.#escape);
    const name = keyword.text.toLowerCase();
    const body: Body =
      name === 'onbuild'
        ? rest.from === rest.to
          ? { kind: 'none' }
          : depth >= TRIGGER_DEPTH_MAX
            ? { kind: 'unknown' }
            : { kind: 'trigger', node: this.#nodeFrom(line, rest.from, firstLine, [], depth + 1) }
        : readArguments(name, line, rest, { escape: this.#escape, isExtended: this.#isExtended });
    return {
      keyword,
      name,
      flags,
      body,
      heredocs: [],
      text: line.text.slice(from),
      line,
      at: from,
      firstLine,
      lastLine: this.#line - 1,
      comments,
      start: keyword.start,
      end: line.span(from, line.text.length).end,
    };
  }

  #readHeredocs(line: LogicalLine): Heredoc[] {
    return heredocMarks(line.text).map((mark) => {
      const start = this.#source.lineStarts[this.#line - 1] ?? this.#source.text.length;
      for (let next = this.#take(); next !== undefined; next = this.#take()) {
        const end = mark.chomp ? next.text.replace(/^\t+/, '') : next.text;
        if (end === mark.name) return { ...mark, content: this.#source.text.slice(start, next.start), start };
      }
      const message = `the heredoc ${JSON.stringify(mark.name)} has no end`;
      const hint = `a line with ${mark.name} alone ends it`;
      throw new Refusal('HEREDOC_UNTERMINATED', message, line.span(0, line.text.length), hint);
    });
  }

  #endOfLine(line: number): number {
    return (this.#source.lineStarts[line - 1] ?? 0) + (lineText(this.#source, line) ?? '').length;
  }

  #report(refusal: Refusal, span: Span = { start: 0, end: 0 }): void {
    const place = refusal.span ?? span;
    this.#diagnostics.push(diagnosticAt(this.#source, place, { severity: 'error', phase: 'parse' }, refusal.fault));
  }
}

function isTooLong(rawLine: string): boolean {
  return Buffer.byteLength(rawLine.endsWith('\n') ? rawLine.slice(0, -1) : rawLine) > LINE_MAX_BYTES;
}

function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text[start])) start++;
  return text.slice(start);
}

/** COPY, ADD and RUN in shell form, also behind ONBUILD. */
function mayHaveHeredocs(node: SyntaxNode): boolean {
  const inner = node.body.kind === 'trigger' ? node.body.node : node;
  return ['add', 'copy', 'run'].includes(inner.name) && !isJsonForm(inner.body);
}
