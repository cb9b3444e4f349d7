/**
 * Versions of Alpine packages, `1.2.3b_rc1_p2-r4`, in the order of apk-tools 2.14 (doc/apk-package.5, "version"). What
 * it makes of odd forms (`1.`, `1..2`, leading zeros) is part of it: the same package must count as the newest.
 */

/** In the order of apk: where two versions part, the one whose next part is of the later kind is the older one. */
const KIND = {
  fraction: 0,
  digits: 1,
  letter: 2,
  suffix: 3,
  suffixNumber: 4,
  revision: 5,
  end: 6,
  invalid: -1,
} as const;
type Kind = (typeof KIND)[keyof typeof KIND];

interface Part {
  readonly kind: Kind;
  readonly value: bigint;
}

/** Suffixes by their rank; those below zero come before the version without one. */
const SUFFIXES: readonly (readonly [string, number])[] = [
  ['alpha', -4],
  ['beta', -3],
  ['pre', -2],
  ['rc', -1],
  ['cvs', 0],
  ['svn', 1],
  ['git', 2],
  ['hg', 3],
  ['p', 4],
];
/** Longer runs of digits are no number to apk. */
const DIGITS_MAX = 17;

/** True for a version that apk takes. */
export function isApkVersion(version: string): boolean {
  return partsOf(version).at(-1)?.kind === KIND.end;
}

/** Below 0 when `a` is older than `b`, above 0 when newer, 0 when apk knows no difference. */
export function compareApkVersions(a: string, b: string): number {
  return compareParts(partsOf(a), partsOf(b), false);
}

/** As {@link compareApkVersions}, but 0 also when one is the beginning of the other (`~1.2`). */
export function compareApkVersionsFuzzy(a: string, b: string): number {
  return compareParts(partsOf(a), partsOf(b), true);
}

function compareParts(a: readonly Part[], b: readonly Part[], fuzzy: boolean): number {
  for (let i = 0; ; i++) {
    const [ours, theirs] = [a[i], b[i]];
    if (ours === undefined || theirs === undefined) return 0;
    if (ours.kind === theirs.kind) {
      if (ours.value !== theirs.value) return ours.value < theirs.value ? -1 : 1;
      continue;
    }
    if (fuzzy) return 0;
    if (ours.kind === KIND.suffix && ours.value < 0n) return -1;
    if (theirs.kind === KIND.suffix && theirs.value < 0n) return 1;
    return ours.kind > theirs.kind ? -1 : 1;
  }
}

/** The parts, the last one `end` or `invalid`. */
function partsOf(version: string): Part[] {
  const parts: Part[] = [];
  let kind: Kind = KIND.digits;
  let rest = version;
  while (rest !== '') {
    const taken = takePart(kind, rest);
    if (taken === undefined) return [...parts, { kind: KIND.invalid, value: -1n }];
    parts.push({ kind, value: taken.value });
    rest = rest.slice(taken.length);
    if (taken.next !== undefined) kind = taken.next;
    else if (rest !== '') {
      const next = nextKind(kind, rest);
      rest = rest.slice(next.length);
      kind = next.kind;
      if (kind === KIND.invalid) return [...parts, { kind, value: -1n }];
      // `1.` and `1-r` have an empty part at their end.
      if (rest === '') parts.push({ kind, value: 0n });
    }
  }
  return [...parts, { kind: KIND.end, value: 0n }];
}

interface Taken {
  readonly value: bigint;
  readonly length: number;
  /** The kind of what follows, where that is settled. */
  readonly next?: Kind;
}

function takePart(kind: Kind, rest: string): Taken | undefined {
  switch (kind) {
    case KIND.fraction: {
      // Zeros in front make a fraction smaller: 1.001 is before 1.01, which is before 1.1.
      const zeros = /^0+/.exec(rest)?.[0].length ?? 0;
      if (zeros > 0) return { value: BigInt(1 - zeros), length: zeros - 1, next: KIND.digits };
      return takeDigits(rest);
    }
    case KIND.digits:
    case KIND.suffixNumber:
    case KIND.revision:
      return takeDigits(rest);
    case KIND.letter:
      return { value: BigInt(rest.charCodeAt(0)), length: 1 };
    case KIND.suffix: {
      const [name, rank] = SUFFIXES.find(([suffix]) => rest.startsWith(suffix)) ?? [];
      return name === undefined || rank === undefined ? undefined : { value: BigInt(rank), length: name.length };
    }
    case KIND.end:
    case KIND.invalid:
      return undefined;
  }
}

function takeDigits(rest: string): Taken | undefined {
  const digits = /^\d*/.exec(rest)?.[0] ?? '';
  return digits.length > DIGITS_MAX ? undefined : { value: BigInt(digits === '' ? 0 : digits), length: digits.length };
}

/** What follows a part of `kind`, and how many characters only announce it. */
function nextKind(kind: Kind, rest: string): { readonly kind: Kind; readonly length: number } {
  if ((kind === KIND.digits || kind === KIND.fraction) && /^[a-z]/.test(rest)) return { kind: KIND.letter, length: 0 };
  if (kind === KIND.letter && /^\d/.test(rest)) return { kind: KIND.digits, length: 0 };
  if (kind === KIND.suffix && /^\d/.test(rest)) return { kind: KIND.suffixNumber, length: 0 };
  const announced = rest.startsWith('.')
    ? { kind: KIND.fraction, length: 1 }
    : rest.startsWith('_')
      ? { kind: KIND.suffix, length: 1 }
      : rest.startsWith('-r')
        ? { kind: KIND.revision, length: 2 }
        : { kind: KIND.invalid, length: 1 };
  const isBack =
    announced.kind < kind &&
    !(announced.kind === KIND.fraction && kind === KIND.digits) &&
    !(announced.kind === KIND.suffix && kind === KIND.suffixNumber);
  return isBack ? { kind: KIND.invalid, length: announced.length } : announced;
}
