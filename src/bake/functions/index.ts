import { COLLECTION_FUNCTIONS } from './collections.ts';
import { ENCODING_FUNCTIONS } from './encoding.ts';
import { fixed, type BakeFunction } from './function.ts';
import { NETWORK_FUNCTIONS } from './network.ts';
import { NUMBER_FUNCTIONS } from './numbers.ts';
import { STRING_FUNCTIONS } from './strings.ts';
import { timeFunctions } from './time.ts';

/** Functions that bake files of others may call and that are refused, each with the reason. */
export const REFUSED_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['bcrypt', 'its result is another one in every run'],
  ['rsadecrypt', 'a private key in a bake file is no secret'],
]);

/** Functions that need the expressions of their arguments, not their values; the evaluator has them. */
export const LAZY_FUNCTIONS: readonly string[] = ['can', 'convert', 'try'];

/** What functions may know of the outside. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A new random UUID. */
  readonly uuid: () => string;
}

/** The standard library, by name. */
export function standardFunctions(outside: Surroundings): ReadonlyMap<string, BakeFunction> {
  return new Map(
    Object.entries({
      ...COLLECTION_FUNCTIONS,
      ...ENCODING_FUNCTIONS,
      ...NETWORK_FUNCTIONS,
      ...NUMBER_FUNCTIONS,
      ...STRING_FUNCTIONS,
      ...timeFunctions(outside.now),
      homedir: fixed([], () => outside.environment['HOME'] ?? '/'),
      uuidv4: fixed([], outside.uuid),
    }),
  );
}
