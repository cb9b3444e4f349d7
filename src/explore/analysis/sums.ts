import type { FileSum } from '../types.ts';

/** A sum while it grows. */
export interface GrowingSum extends FileSum {
  files: number;
  bytes: number;
}

export function newSum(): GrowingSum {
  return { files: 0, bytes: 0 };
}

export function addTo(sum: GrowingSum, bytes: number, files = 1): void {
  sum.files += files;
  sum.bytes += bytes;
}

/** The sum under a key, made where there is none. */
export function sumAt<Key>(sums: Map<Key, GrowingSum>, key: Key): GrowingSum {
  let sum = sums.get(key);
  if (sum === undefined) sums.set(key, (sum = newSum()));
  return sum;
}
