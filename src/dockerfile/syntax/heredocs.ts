import type { Heredoc } from './tree.ts';
import { expandWord, ExpansionError, type WordOptions } from './words.ts';

/** A heredoc's beginning, as `<<-'NAME'`: everything but its content. */
export type HeredocMark = Omit<Heredoc, 'content' | 'start'>;

const MARK = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/;

/** Reads one word as a heredoc's beginning; undefined when it is none. */
export function readHeredocMark(word: string): HeredocMark | undefined {
  const match = MARK.exec(word);
  const rest = match?.[3] ?? '';
  if (match === null || rest === '') return undefined;
  const plain = wordsOf(rest, {});
  const quoted = wordsOf(rest, { keepQuotes: true });
  const name = plain?.[0];
  const raw = quoted?.[0];
  if (plain?.length !== 1 || name === undefined || raw === undefined) return undefined;
  return {
    name,
    expand: countQuotes(name) === countQuotes(raw),
    chomp: match[2] === '-',
    fileDescriptor: Number(match[1] ?? 0),
  };
}

/** The heredocs that an instruction's line begins, in order. */
export function heredocMarks(line: string): HeredocMark[] {
  if (!line.includes('<<')) return [];
  const words = wordsOf(line, { keepQuotes: true, keepEscapes: true }) ?? [];
  return words.map(readHeredocMark).filter((mark) => mark !== undefined);
}

/** The content without the tabs at the beginning of its lines. */
export function chompHeredoc(content: string): string {
  return content.replace(/^\t+/gm, '');
}

/** What progress shows of a heredoc: its first line. */
export function summarizeHeredoc(content: string): string {
  const [first = '', ...others] = content.trim().split(/\r?\n/);
  return others.length === 0 ? first : `${first}...`;
}

function wordsOf(text: string, options: WordOptions): readonly string[] | undefined {
  try {
    return expandWord(text, () => undefined, { ...options, keepUnset: true }).words;
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}
