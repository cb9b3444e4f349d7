import { ShaleError } from './errors.ts';

/** Characters of a name that a message repeats; whole names of images with their digests have fewer. */
const SHOWN_MAX_CHARACTERS = 400;
/** Of one that is longer. */
const CUT_CHARACTERS = 60;
/** Ids that begin alike, and are told. */
const MATCHES_MAX = 5;

/** How many matches are enough for `ambiguous`. */
export const MATCHES_WANTED: number = MATCHES_MAX + 1;

/**
 * A name that somebody typed, for a message: as it is where nothing is strange about it, else quoted; one that is no name for
 * its length is cut.
 */
export function typedName(name: string): string {
  if (name.length > SHOWN_MAX_CHARACTERS)
    return `${JSON.stringify(name.slice(0, CUT_CHARACTERS))}… (${name.length} characters)`;
  return /^[\w.:/@+-]+$/.test(name) ? name : JSON.stringify(name);
}

/** What begins like several ids. `what`: whose ids; `matches`: at least two of them, as people know them. */
export function ambiguous(what: string, beginning: string, matches: readonly string[]): ShaleError {
  const more = matches.length > MATCHES_MAX ? ', and others' : '';
  const list = `${matches.slice(0, MATCHES_MAX).join(', ')}${more}`;
  return new ShaleError('NAME_AMBIGUOUS', `more than one ${what} id begins with ${beginning}: ${list}`, {
    data: { name: beginning, matches },
  });
}
