import { decodeUtf8At, type ByteString } from '../../base/index.ts';

/** One pattern of an ignore file, compiled. */
export interface IgnorePattern {
  /** Begins with `!`. */
  readonly isException: boolean;
  /** What every path that it matches begins with. */
  readonly prefix: ByteString;
  /** True when it covers the whole path (parents are the caller's). */
  matches(path: ByteString): boolean;
}

/**
 * `**` with a slash behind it takes any number of whole components, also none; at the end it takes everything. The rest
 * is as in Go's path patterns.
 */
type Token =
  | { readonly kind: 'char'; readonly code: number }
  | { readonly kind: 'any' | 'star' | 'everything' | 'folders' | 'folders-loop' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

const SLASH = 0x2f;
const NEWLINE = 0x0a;

/** `pattern` is clean and well formed, without its `!`. */
export function compileIgnorePattern(pattern: ByteString, isException: boolean): IgnorePattern {
  const wild = pattern.search(/[*?[\\]/);
  if (wild === -1) return { isException, prefix: pattern, matches: (path) => path === pattern };
  const prefix = pattern.slice(0, wild);
  if (wild === pattern.length - 2 && pattern.endsWith('**')) {
    return { isException, prefix, matches: (path) => path.startsWith(prefix) };
  }
  const rest = pattern.slice(2);
  if (pattern.startsWith('**') && !/[*?[\\]/.test(rest)) {
    const bare = rest.startsWith('/') ? rest.slice(1) : undefined;
    return { isException, prefix, matches: (path) => path.endsWith(rest) || path === bare };
  }
  const suffix = /[^*?[\]\\]*$/.exec(pattern.slice(wild))?.[0] ?? '';
  // The slash behind `**` may stand for nothing.
  const ending = suffix.startsWith('/') ? suffix.slice(1) : suffix;
  const tokens = tokenize(pattern);
  return {
    isException,
    prefix,
    matches: (path) => path.startsWith(prefix) && path.endsWith(ending) && run(tokens, path),
  };
}

function tokenize(pattern: ByteString): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at];
    if (char === '*' && pattern[at + 1] === '*') {
      at += pattern[at + 2] === '/' ? 3 : 2;
      if (at >= pattern.length) tokens.push({ kind: 'everything' });
      else tokens.push({ kind: 'folders' }, { kind: 'folders-loop' });
    } else if (char === '*' || char === '?') {
      tokens.push({ kind: char === '*' ? 'star' : 'any' });
      at++;
    } else if (char === '[') {
      const { token, end } = readClass(pattern, at + 1);
      tokens.push(token);
      at = end;
    } else {
      const start = char === '\\' && at + 1 < pattern.length ? at + 1 : at;
      const { code, length } = decodeUtf8At(pattern, start);
      tokens.push({ kind: 'char', code });
      at = start + length;
    }
  }
  return tokens;
}

function readClass(pattern: ByteString, start: number): { token: Token; end: number } {
  const negated = pattern[start] === '^';
  const ranges: [number, number][] = [];
  let at = negated ? start + 1 : start;
  const character = (): number => {
    if (pattern[at] === '\\') at++;
    const { code, length } = decodeUtf8At(pattern, at);
    at += length;
    return code;
  };
  while (at < pattern.length && (pattern[at] !== ']' || ranges.length === 0)) {
    const low = character();
    if (pattern[at] !== '-') ranges.push([low, low]);
    else {
      at++;
      ranges.push([low, character()]);
    }
  }
  return { token: { kind: 'class', negated, ranges }, end: at + 1 };
}

/** Follows all ways through the pattern at once: at most pattern × path steps, whatever the pattern. */
function run(tokens: readonly Token[], path: ByteString): boolean {
  let states: number[] = [];
  reach(tokens, states, 0);
  for (let at = 0; at < path.length && states.length > 0;) {
    const { code, length } = decodeUtf8At(path, at);
    const next: number[] = [];
    for (const state of states) step(tokens, next, state, code);
    states = next;
    at += length;
  }
  return states.includes(tokens.length);
}

function step(tokens: readonly Token[], next: number[], state: number, code: number): void {
  const token = tokens[state];
  switch (token?.kind) {
    case undefined:
    case 'folders':
      return;
    case 'char':
      if (code === token.code) reach(tokens, next, state + 1);
      return;
    case 'any':
      if (code !== SLASH) reach(tokens, next, state + 1);
      return;
    case 'star':
      if (code !== SLASH) reach(tokens, next, state);
      return;
    case 'everything':
      if (code !== NEWLINE) reach(tokens, next, state);
      return;
    case 'folders-loop':
      if (code !== NEWLINE) reach(tokens, next, state);
      if (code === SLASH) reach(tokens, next, state + 1);
      return;
    case 'class':
      if (token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated) {
        reach(tokens, next, state + 1);
      }
  }
}

/** Adds a state and those that follow it without taking a character. */
function reach(tokens: readonly Token[], states: number[], state: number): void {
  if (states.includes(state)) return;
  states.push(state);
  const kind = tokens[state]?.kind;
  if (kind === 'star' || kind === 'everything' || kind === 'folders') reach(tokens, states, state + 1);
  if (kind === 'folders') reach(tokens, states, state + 2);
}
