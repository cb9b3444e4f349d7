/** More words than this are not looked at, and longer ones not compared: a suggestion must not cost time. */
const LENGTH_MAX = 64;

/** The candidate that `word` most likely meant; undefined when none is near. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = allowedDistance(word) + 1;
  for (const candidate of candidates) {
    const distance =
      candidate.length > 2 && candidate.startsWith(word) && word.length > 2 ? 1 : editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function allowedDistance(word: string): number {
  return word.length <= 3 ? 1 : 2;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let previous: number[] = [];
  let current = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(current, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(previous, j - 2) + 1 : Infinity;
      next.push(Math.min(at(current, j) + 1, at(next, j - 1) + 1, replaced, swapped));
    }
    previous = current;
    current = next;
  }
  return at(current, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
