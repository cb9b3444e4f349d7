import { trimLeadingSpace } from './characters.ts';
import { Refusal } from './diagnostics.ts';
import type { Span } from './source.ts';

/** A parser directive: `# name=value` before everything else in the file. */
export interface Directive extends Span {
  readonly name: 'syntax' | 'escape' | 'check';
  readonly value: string;
}

const DIRECTIVE = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*$/;

/** Reads directives line by line until the first line that is none. */
export class DirectiveReader {
  readonly found: Directive[] = [];
  readonly #mark: string;
  #done = false;

  constructor(mark = '#') {
    this.#mark = mark;
  }

  /**
   * The directive on a line, without its leading white space and its end; `span` is that line's.
   * @throws Refusal when it was given before, or names an escape character that cannot be one
   */
  read(line: string, span: Span): Directive | undefined {
    if (this.#done) return undefined;
    const match = line.startsWith(this.#mark) ? DIRECTIVE.exec(trimLeadingSpace(line.slice(this.#mark.length))) : null;
    const name = match?.[1]?.toLowerCase();
    if (name !== 'syntax' && name !== 'escape' && name !== 'check') {
      this.#done = true;
      return undefined;
    }
    const directive: Directive = { name, value: match?.[2] ?? '', ...span };
    if (this.found.some((earlier) => earlier.name === name)) {
      throw new Refusal('DIRECTIVE_REPEATED', `only one ${name} parser directive can be used`, span);
    }
    this.found.push(directive);
    if (name === 'escape' && directive.value !== '\\' && directive.value !== '`') {
      throw new Refusal(
        'DIRECTIVE_VALUE',
        `the escape character cannot be ${JSON.stringify(directive.value)}`,
        span,
        'it is either \\ or `',
      );
    }
    return directive;
  }
}

/**
 * The frontend image that a file names: in `# syntax=`, in `// syntax=`, or as the "syntax" field of a JSON object,
 * after a BOM or a `#!` line. The first word of the value.
 */
export function detectSyntax(text: string): string | undefined {
  const rest = text.replace(/^\ufeff/, '').replace(/^#![^\n]*\n?/, '');
  return syntaxDirective(rest, '#') ?? syntaxDirective(rest, '//') ?? syntaxField(rest);
}

function syntaxDirective(text: string, mark: string): string | undefined {
  const reader = new DirectiveReader(mark);
  try {
    for (let at = 0; at < text.length;) {
      const end = text.indexOf('\n', at);
      const line = text.slice(at, end === -1 ? text.length : end).replace(/\r$/, '');
      const directive = reader.read(line, { start: 0, end: 0 });
      if (directive === undefined) break;
      if (end === -1) break;
      at = end + 1;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return reader.found.find((directive) => directive.name === 'syntax')?.value.split(' ', 1)[0];
}

function syntaxField(text: string): string | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('syntax' in value)) return undefined;
    return typeof value.syntax === 'string' ? value.syntax : undefined;
  } catch {
    return undefined;
  }
}
