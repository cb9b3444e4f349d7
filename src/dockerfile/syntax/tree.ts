import type { LogicalLine } from './logical-line.ts';
import type { Span } from './source.ts';

/** A piece of an instruction: what it says (quotes and continuations as the language reads them) and where. */
export interface Word extends Span {
  readonly text: string;
}

/**
 * One instruction as written. Its text is the logical line: continuation marks, comment lines and empty lines in
 * between are gone.
 */
export interface SyntaxNode extends Span {
  readonly keyword: Word;
  /** The keyword in lower case. */
  readonly name: string;
  /** As `--name=value`, unquoted. */
  readonly flags: readonly Word[];
  readonly body: Body;
  readonly heredocs: readonly Heredoc[];
  readonly text: string;
  /** The logical line, whose part from `at` on is `text`: says where in the source each character stands. */
  readonly line: LogicalLine;
  readonly at: number;
  /** Counted from 1; the last one is that of the last heredoc's end. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** The comment lines above it, without their marks. */
  readonly comments: readonly string[];
}

export type Body =
  | { readonly kind: 'none' }
  /** Split at white space. */
  | { readonly kind: 'words'; readonly words: readonly Word[] }
  /** A JSON array of strings. */
  | { readonly kind: 'json'; readonly words: readonly Word[] }
  /** The whole rest as one. */
  | { readonly kind: 'text'; readonly word: Word }
  /** ENV and LABEL: quotes are kept until expansion. */
  | { readonly kind: 'pairs'; readonly pairs: readonly Pair[] }
  /** HEALTHCHECK: its type, then a command as in CMD. */
  | { readonly kind: 'check'; readonly type: Word; readonly command: Body }
  /** ONBUILD. */
  | { readonly kind: 'trigger'; readonly node: SyntaxNode }
  /** The keyword is none of the language's. */
  | { readonly kind: 'unknown' };

export interface Pair {
  readonly name: Word;
  readonly value: Word;
  /** '' in the legacy form `ENV name value`. */
  readonly delimiter: '=' | '';
}

export interface Heredoc {
  readonly name: string;
  /** False where a part of the name was quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs of every line are dropped. */
  readonly chomp: boolean;
  readonly fileDescriptor: number;
  /** As written, tabs included, up to the line with the name. */
  readonly content: string;
  /** Where the content begins in the source. */
  readonly start: number;
}

/** The arguments as one list, as they stand in a dump. */
export function argumentsOf(body: Body): Word[] {
  switch (body.kind) {
    case 'none':
    case 'unknown':
      return [];
    case 'words':
    case 'json':
      return [...body.words];
    case 'text':
      return [body.word];
    case 'pairs':
      return body.pairs.flatMap(({ name, value, delimiter }) => [name, value, { ...value, text: delimiter }]);
    case 'check':
      return [body.type, ...argumentsOf(body.command)];
    case 'trigger':
      return [body.node.keyword, ...argumentsOf(body.node.body)];
  }
}

export function isJsonForm(body: Body): boolean {
  return body.kind === 'json' || (body.kind === 'check' && body.command.kind === 'json');
}
