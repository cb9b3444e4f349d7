import { Refusal } from '../syntax/diagnostics.ts';
import type { Span } from '../syntax/source.ts';
import { expandWord, ExpansionError, type Expansion, type Lookup, type WordOptions } from '../syntax/words.ts';

/**
 * As `expandWord`, with the place in the file.
 * @throws Refusal EXPANSION
 */
export function expandAt(text: string, lookup: Lookup, options: WordOptions, span?: Span): Expansion {
  try {
    return expandWord(text, lookup, options);
  } catch (error) {
    if (error instanceof ExpansionError) throw new Refusal('EXPANSION', error.message, span);
    throw error;
  }
}

/** As `expandWord`; the text itself when it cannot be expanded. For what people see. */
export function expandOrKeep(text: string, lookup: Lookup, options: WordOptions): string {
  try {
    return expandWord(text, lookup, options).text;
  } catch (error) {
    if (error instanceof ExpansionError) return text;
    throw error;
  }
}
