import { compileRe2 } from './regex.ts';
import { formatText } from './format.ts';
import { CallRefused, fixed, texts, variadic, whole, type BakeFunction } from './function.ts';
import { isList, numberText, type Value } from '../value.ts';

/** Made when it is first used: it takes milliseconds, and every command loads this file. */
let segmenter: Intl.Segmenter | undefined;

/** Pieces that people see as one character. */
function characters(text: string): string[] {
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Results are not longer than this. */
const RESULT_CHARACTERS_MAX = 16 * 1024 * 1024;

export const STRING_FUNCTIONS: Readonly<Record<string, BakeFunction>> = {
  basename: fixed(['string'], basename),
  chomp: fixed(['string'], (text) => text.replace(/[\r\n]+$/, '')),
  dirname: fixed(['string'], (path) => dirname(path)),
  format: variadic(['string'], 'any?', ([pattern], args) => formatText(pattern, args)),
  formatlist: variadic(['string'], 'any?', ([pattern], args) => formatList(pattern, args)),
  indent: fixed(['number', 'string'], (spaces, text) =>
    text.replaceAll('\n', `\n${' '.repeat(whole(spaces, 'the number of blanks', 0, 1000))}`),
  ),
  join: variadic(['string', 'list'], 'list', ([separator, first], rest) =>
    [first, ...rest].flatMap((list) => texts(list)).join(separator),
  ),
  lower: fixed(['string'], (text) => text.toLowerCase()),
  regex: fixed(['string', 'string'], (pattern, text) => {
    const match = compileRe2(pattern, '').exec(text);
    if (match === null) throw new CallRefused('the pattern does not match the text');
    return matchValue(match);
  }),
  regexall: fixed(['string', 'string'], (pattern, text) =>
    Array.from(text.matchAll(compileRe2(pattern, 'g')), (match) => matchValue(match)),
  ),
  regex_replace: fixed(['string', 'string', 'string'], (text, pattern, replacement) =>
    replaceAll(text, compileRe2(pattern, 'g'), replacement),
  ),
  replace: fixed(['string', 'string', 'string'], (text, what, replacement) => {
    // As in HCL's standard library: slashes around it make it a pattern.
    const pattern = /^\/(.+)\/$/s.exec(what)?.[1];
    return pattern === undefined
      ? text.split(what).join(replacement)
      : replaceAll(text, compileRe2(pattern, 'g'), replacement);
  }),
  reverse: fixed(['string'], (text) => characters(text).toReversed().join('')),
  sanitize: fixed(['string'], (text) => text.replaceAll(/[^a-zA-Z0-9_-]/g, '_')),
  split: fixed(['string', 'string'], (separator, text) =>
    text === '' && separator === '' ? [] : text.split(separator),
  ),
  strlen: fixed(['string'], (text) => characters(text).length),
  substr: fixed(['string', 'number', 'number'], (text, offset, length) => {
    const all = characters(text);
    const start = whole(offset, 'the offset') < 0 ? all.length + offset : offset;
    return all.slice(start, whole(length, 'the length') < 0 ? undefined : start + length).join('');
  }),
  title: fixed(['string'], (text) =>
    text.replaceAll(
      /(^|[^\p{L}\p{N}_])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  ),
  trim: fixed(['string', 'string'], (text, cut) => trimEnd(trimStart(text, cut), cut)),
  trimprefix: fixed(['string', 'string'], (text, prefix) =>
    text.startsWith(prefix) ? text.slice(prefix.length) : text,
  ),
  trimspace: fixed(['string'], (text) => text.trim()),
  trimsuffix: fixed(['string', 'string'], (text, suffix) =>
    suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  ),
  upper: fixed(['string'], (text) => text.toUpperCase()),
};

/** Go's path.Base. */
function basename(path: string): string {
  if (path === '') return '.';
  const trimmed = path.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

/** Go's path.Dir. */
function dirname(path: string): string {
  const parts: string[] = [];
  const isAbsolute = path.startsWith('/');
  for (const part of path.slice(0, path.lastIndexOf('/') + 1).split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isAbsolute) parts.push('..');
  }
  const joined = parts.join('/');
  return isAbsolute ? `/${joined}` : joined === '' ? '.' : joined;
}

function formatList(pattern: string, args: readonly Value[]): Value {
  const lists = args.filter((arg) => isList(arg));
  const lengths = new Set(lists.map((list) => list.length));
  if (lengths.size > 1) throw new CallRefused('the lists have different lengths');
  const [length = 1] = lengths;
  return Array.from({ length }, (_, i) =>
    formatText(
      pattern,
      args.map((arg) => (isList(arg) ? (arg[i] ?? null) : arg)),
    ),
  );
}

/** The whole match; with groups a list of them; with names an object. */
function matchValue(match: RegExpExecArray | RegExpMatchArray): Value {
  if (match.groups !== undefined)
    return new Map(Object.entries(match.groups).map(([name, text]) => [name, text ?? null]));
  return match.length === 1 ? (match[0] ?? '') : match.slice(1).map((text: string | undefined) => text ?? null);
}

/** Replaces with Go's `$1`, `${name}` and `$$` in the replacement. */
function replaceAll(text: string, pattern: RegExp, replacement: string): string {
  const result = text.replaceAll(pattern, (...found: unknown[]) => {
    const groups = found.at(-1);
    const named = typeof groups === 'object' && groups !== null ? (groups as Record<string, string | undefined>) : {}; // By replaceAll.
    return replacement.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole_, bare?: string, braced?: string) => {
      const name = bare ?? braced;
      if (name === undefined) return '$';
      const value = /^\d+$/.test(name) ? found[Number(name)] : named[name];
      return typeof value === 'string' ? value : '';
    });
  });
  if (result.length > RESULT_CHARACTERS_MAX)
    throw new CallRefused(`the result has more than ${numberText(RESULT_CHARACTERS_MAX)} characters`);
  return result;
}

function trimStart(text: string, cut: string): string {
  const set = new Set(cut);
  const all = Array.from(text);
  const start = all.findIndex((character) => !set.has(character));
  return start === -1 ? '' : all.slice(start).join('');
}

function trimEnd(text: string, cut: string): string {
  const set = new Set(cut);
  const all = Array.from(text);
  return all.slice(0, all.findLastIndex((character) => !set.has(character)) + 1).join('');
}
