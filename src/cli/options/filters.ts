import { suggest } from '../suggest.ts';
import { UsageError } from '../usage-error.ts';

/** `--filter`: all keys must match; of the values of one key, any. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `--filter KEY=VALUE …`.
 * @throws USAGE for a key that the command does not know.
 */
export function parseFilters(words: readonly string[], known: readonly string[]): Filters {
  const filters = new Map<string, string[]>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals <= 0) throw new UsageError(`--filter ${JSON.stringify(word)} is not KEY=VALUE`);
    const key = word.slice(0, equals);
    if (!known.includes(key)) {
      const near = suggest(key, known);
      throw new UsageError(
        `--filter has no key ${JSON.stringify(key)}`,
        near === undefined ? `the keys are ${known.join(', ')}` : `did you mean ${near}?`,
      );
    }
    filters.set(key, [...(filters.get(key) ?? []), word.slice(equals + 1)]);
  }
  return filters;
}

/** True when one of the filter's values passes `test`, or there is no such filter. */
export function passes(filters: Filters, key: string, test: (value: string) => boolean): boolean {
  return filters.get(key)?.some(test) ?? true;
}

/** `label=KEY` and `label=KEY=VALUE`; every one given must hold. */
export function passesLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (filters.get('label') ?? []).every((wanted) => {
    const equals = wanted.indexOf('=');
    return equals === -1 ? wanted in labels : labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
  });
}
