import type { ByteString } from './byte-string.ts';
import { ShaleError } from './errors.ts';

/** A compiled pattern; `matches` is true when it covers the whole name. Names are byte strings of UTF-8. */
export interface Glob {
  readonly pattern: ByteString;
  /** True when the pattern has a `*`, `?` or class; false: it names exactly one file. */
  readonly isWild: boolean;
  /** What it names when not wild: the pattern without its escapes. */
  readonly literal: ByteString;
  matches(name: ByteString): boolean;
}

/** One step of a walk along a pattern that has slashes. */
export type GlobComponent = Glob;

type Token =
  | { readonly kind: 'literal'; readonly text: ByteString }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

const SLASH = 0x2f;

/**
 * Compiles a pattern of Go's path matching (filepath.Match on Unix): `*` any run without a slash, `?` one character
 * but a slash, `[a-z]` and `[^a-z]`, `\` takes the next character literally. A `?` and a class take one UTF-8
 * character, or one byte where the name is not UTF-8. Matching takes at most pattern × name steps.
 * @throws GLOB_INVALID when the pattern is malformed
 */
export function compileGlob(pattern: ByteString): Glob {
  const tokens = tokenize(pattern);
  const isWild = tokens.some((token) => token.kind !== 'literal');
  const literal = tokens.map((token) => (token.kind === 'literal' ? token.text : '')).join('');
  return {
    pattern,
    isWild,
    literal,
    matches: isWild ? (name) => matchTokens(tokens, name) : (name) => name === literal,
  };
}

/** As `compileGlob(pattern).matches(name)`. @throws GLOB_INVALID */
export function matchGlob(pattern: ByteString, name: ByteString): boolean {
  return compileGlob(pattern).matches(name);
}

/**
 * The components of a pattern, for walking a tree level by level; empty ones and `.` are left out. A path matches
 * exactly when it has as many components and each one matches.
 * @throws GLOB_INVALID
 */
export function globComponents(pattern: ByteString): GlobComponent[] {
  return pattern
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map(compileGlob);
}

/** The UTF-8 character at `at`: its code point and its length in bytes; a byte that begins none counts as U+FFFD. */
export function decodeUtf8At(text: ByteString, at: number): { readonly code: number; readonly length: number } {
  const first = text.charCodeAt(at);
  if (first < 0x80) return { code: first, length: 1 };
  const length =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  let code = first & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) {
    const next = text.charCodeAt(at + i);
    if (Number.isNaN(next) || (next & 0xc0) !== 0x80) return BROKEN;
    code = (code << 6) | (next & 0x3f);
  }
  const isOverlong = (length === 3 && code < 0x800) || (length === 4 && (code < 0x10000 || code > 0x10ffff));
  if (length === 0 || isOverlong || (code >= 0xd800 && code < 0xe000)) return BROKEN;
  return { code, length };
}

const BROKEN = { code: 0xfffd, length: 1 } as const;

function tokenize(pattern: ByteString): Token[] {
  const tokens: Token[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') tokens.push({ kind: 'literal', text: literal });
    literal = '';
  };
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at];
    if (char === '\\') {
      if (at + 1 >= pattern.length) throw malformed(pattern);
      literal += pattern[at + 1];
      at += 2;
    } else if (char === '*' || char === '?' || char === '[') {
      flush();
      if (char === '[') {
        const { token, end } = readClass(pattern, at + 1);
        tokens.push(token);
        at = end;
      } else {
        if (char === '?') tokens.push({ kind: 'any' });
        else if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
        at++;
      }
    } else {
      literal += char;
      at++;
    }
  }
  flush();
  return tokens;
}

function readClass(pattern: ByteString, start: number): { token: Token; end: number } {
  const negated = pattern[start] === '^';
  const ranges: [number, number][] = [];
  let at = negated ? start + 1 : start;
  while (at < pattern.length) {
    if (pattern[at] === ']' && ranges.length > 0) return { token: { kind: 'class', negated, ranges }, end: at + 1 };
    const low = classCharacter(pattern, at);
    at = low.end;
    if (pattern[at] === '-') {
      const high = classCharacter(pattern, at + 1);
      ranges.push([low.code, high.code]);
      at = high.end;
    } else ranges.push([low.code, low.code]);
  }
  throw malformed(pattern);
}

function classCharacter(pattern: ByteString, start: number): { code: number; end: number } {
  const at = pattern[start] === '\\' ? start + 1 : start;
  if (at >= pattern.length || (at === start && (pattern[at] === '-' || pattern[at] === ']'))) throw malformed(pattern);
  const { code, length } = decodeUtf8At(pattern, at);
  return { code, end: at + length };
}

/** Backtracks to the last star only: what an earlier star took never needs to change. */
function matchTokens(tokens: readonly Token[], name: ByteString): boolean {
  let token = 0;
  let at = 0;
  let star: { readonly token: number; at: number } | undefined;
  for (;;) {
    const current = tokens[token];
    if (current === undefined && at === name.length) return true;
    if (current?.kind === 'star') {
      star = { token: token + 1, at };
      token++;
      continue;
    }
    const length = current === undefined ? -1 : matchOne(current, name, at);
    if (length >= 0) {
      at += length;
      token++;
      continue;
    }
    if (star === undefined || star.at >= name.length || name.charCodeAt(star.at) === SLASH) return false;
    star.at++;
    at = star.at;
    token = star.token;
  }
}

/** How many bytes of the name the token takes at `at`; -1 when it does not match there. */
function matchOne(token: Token, name: ByteString, at: number): number {
  if (token.kind === 'literal') return name.startsWith(token.text, at) ? token.text.length : -1;
  if (token.kind === 'star' || at >= name.length) return -1;
  const { code, length } = decodeUtf8At(name, at);
  if (token.kind === 'any') return code === SLASH ? -1 : length;
  const inside = token.ranges.some(([low, high]) => low <= code && code <= high);
  return inside === token.negated ? -1 : length;
}

function malformed(pattern: ByteString): ShaleError {
  return new ShaleError('GLOB_INVALID', `${JSON.stringify(pattern)} is not a valid pattern`, {
    data: { pattern },
    hint: 'a "[" begins a class and needs its "]"; "\\[" stands for the character itself',
  });
}
