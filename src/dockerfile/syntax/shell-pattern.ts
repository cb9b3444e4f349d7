/** `*` any run, `?` any character, but neither a newline; or one character. */
type Token = { readonly kind: 'star' | 'any' } | { readonly kind: 'char'; readonly char: string };

/**
 * The value without the shortest or longest beginning (or end) that the pattern covers; the value itself when none
 * is. Undefined when the pattern is malformed.
 */
export function trimPattern(
  value: string,
  pattern: string,
  side: 'start' | 'end',
  longest: boolean,
): string | undefined {
  const tokens = tokenize(pattern);
  if (tokens === undefined) return undefined;
  const chars = Array.from(value);
  if (side === 'end') {
    const length = matchLength(tokens.toReversed(), chars.toReversed(), 0, longest);
    return length === undefined ? value : chars.slice(0, chars.length - length).join('');
  }
  const length = matchLength(tokens, chars, 0, longest);
  return length === undefined ? value : chars.slice(length).join('');
}

/** The value with the first (or every) longest match replaced. Undefined when the pattern is malformed. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string | undefined {
  const tokens = tokenize(pattern);
  if (tokens === undefined) return undefined;
  const chars = Array.from(value);
  let replaced = '';
  let at = 0;
  let lastEnd = -1;
  for (; at <= chars.length;) {
    const length = matchLength(tokens, chars, at, true);
    // An empty match right behind the last match does not count.
    if (length !== undefined && !(length === 0 && at === lastEnd)) {
      if (!all) return replaced + replacement + chars.slice(at + length).join('');
      replaced += fillTemplate(replacement, chars.slice(at, at + length).join(''));
      at += length;
      lastEnd = at;
      if (length > 0) continue;
    }
    replaced += chars[at] ?? '';
    at++;
  }
  return replaced;
}

function tokenize(pattern: string): Token[] | undefined {
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? '';
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '\\') {
      const next = chars[at + 1];
      // In ${…} a closing brace and a slash need an escape that is not the pattern's own.
      if (next === '}' || next === '/') continue;
      if (next !== '*' && next !== '?' && next !== '\\') return undefined;
      tokens.push({ kind: 'char', char: next });
      at++;
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

/** Length of the shortest or longest match that begins at `start`; pattern × value steps at most. */
function matchLength(
  tokens: readonly Token[],
  chars: readonly string[],
  start: number,
  longest: boolean,
): number | undefined {
  // States of the pattern's automaton that are reached after `at - start` characters.
  let states = closure(tokens, new Set([0]));
  let best: number | undefined;
  for (let at = start; ; at++) {
    if (states.has(tokens.length)) {
      best = at - start;
      if (!longest) return best;
    }
    const char = chars[at];
    if (char === undefined || states.size === 0) return best;
    states = closure(tokens, step(tokens, states, char));
  }
}

function step(tokens: readonly Token[], states: ReadonlySet<number>, char: string): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const token = tokens[state];
    if (token === undefined) continue;
    if (token.kind === 'char') {
      if (token.char === char) next.add(state + 1);
    } else if (char !== '\n') next.add(token.kind === 'star' ? state : state + 1);
  }
  return next;
}

function closure(tokens: readonly Token[], states: Set<number>): Set<number> {
  for (const state of states) if (tokens[state]?.kind === 'star') states.add(state + 1);
  return states;
}

/**
 * What Go's replacement templates make of `$`: `$$` is one, `$0` the match; other names are groups, of which there are
 * none. Only `//` goes that way in the reference.
 */
function fillTemplate(template: string, match: string): string {
  return template.replace(
    /\$(?:\$|\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, bare: string | undefined) => {
      if (whole === '$$') return '$';
      return (braced ?? bare) === '0' ? match : '';
    },
  );
}
