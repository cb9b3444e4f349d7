import { compareBytes, type ByteString } from '../base/index.ts';
import { paragraphsIn } from './fields.ts';
import { plainText } from './plain-text.ts';

/** Licences of one package that are kept. */
const LICENCES_MAX = 100;

/**
 * The short names of the licences in a machine-readable copyright file (Debian's copyright-format 1.0), each once, in
 * order: `GPL-2+`, `BSD-3-clause`. Empty for free text: nothing is guessed.
 */
export function licencesIn(copyright: ByteString): readonly string[] {
  const found = new Set<string>();
  let isFirst = true;
  for (const fields of paragraphsIn(copyright)) {
    if (isFirst && !/copyright-format|dep5/i.test(fields.get('format') ?? fields.get('format-specification') ?? ''))
      return [];
    isFirst = false;
    const [line] = (fields.get('license') ?? '').split('\n');
    for (const name of (line ?? '').split(/\s+(?:and|or)\s+|,\s*(?:and|or)?\s*/i)) {
      const licence = plainText(name);
      if (licence !== undefined && found.size < LICENCES_MAX) found.add(licence);
    }
  }
  return [...found].toSorted(compareBytes);
}
