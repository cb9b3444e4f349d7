import { Refusal } from '../syntax/diagnostics.ts';
import type { Span } from '../syntax/source.ts';
import {
  expandWord,
  ExpansionError,
  type Expansion,
  type Lookup,
  type Lookups,
  type WordOptions,
} from '../syntax/words.ts';

/**
 * As `expandWord`, with the place in the file. `notice` gets what was looked up, also when the text cannot be expanded.
 * @throws Refusal EXPANSION
 */
export function expandAt(
  text: string,
  lookup: Lookup,
  options: WordOptions,
  span?: Span,
  notice?: (expansion: Expansion) => void,
): Expansion {
  try {
    const expansion = expandWord(text, lookup, options);
    notice?.(expansion);
    return expansion;
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    if (error.lookups !== undefined) notice?.({ text: '', words: [], ...lookupsOf(error.lookups) });
    throw new Refusal('EXPANSION', error.message, span);
  }
}

function lookupsOf({ matched, unmatched }: Lookups): Lookups {
  return { matched, unmatched };
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
