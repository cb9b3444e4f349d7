import { isSpace, trimmedBounds } from './characters.ts';
import { Refusal } from './diagnostics.ts';
import type { LogicalLine } from './logical-line.ts';
import type { Body, Pair, Word } from './tree.ts';

/** A part of a logical line: where in its text, `to` excluded. */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

/** How the arguments of each instruction are read. */
const FORMS: Readonly<Record<string, (line: LogicalLine, slice: Slice, escape: string) => Body>> = {
  add: jsonOrWords,
  arg: quotedWords,
  cmd: jsonOrText,
  copy: jsonOrWords,
  entrypoint: jsonOrText,
  env: (line, slice, escape) => readPairs('ENV', line, slice, escape),
  expose: plainWords,
  from: plainWords,
  healthcheck: readCheck,
  label: (line, slice, escape) => readPairs('LABEL', line, slice, escape),
  maintainer: wholeText,
  run: jsonOrText,
  shell: jsonOrText,
  stopsignal: wholeText,
  user: wholeText,
  volume: jsonOrWords,
  workdir: wholeText,
};

/** What `# shale:extensions` adds. */
const EXTENDED_FORMS: typeof FORMS = { ...FORMS, include: plainWords, squash: plainWords, unset: plainWords };

/** The instructions of the language, in lower case. */
export const INSTRUCTION_NAMES: readonly string[] = [...Object.keys(FORMS), 'onbuild'];

/**
 * Reads the arguments of the instruction `name`; the slice has no white space at its ends.
 * @throws Refusal
 */
export function readArguments(
  name: string,
  line: LogicalLine,
  slice: Slice,
  language: { readonly escape: string; readonly isExtended: boolean },
): Body {
  const forms = language.isExtended ? EXTENDED_FORMS : FORMS;
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
  return form === undefined ? { kind: 'unknown' } : form(line, slice, language.escape);
}

/** Splits a line into its keyword, its flags and the rest. */
export function splitInstruction(
  line: LogicalLine,
  from: number,
  escape: string,
): { keyword: Word; flags: readonly Word[]; rest: Slice } {
  const { start, end } = trimmedBounds(line.text, from);
  const gap = separator(line.text, start, end);
  const keyword = line.word(start, gap.from);
  const { flags, at } = readFlags(line, gap.to, end, escape);
  const rest = trimmedBounds(line.text, at, end);
  return { keyword, flags, rest: { from: rest.start, to: rest.end } };
}

/** The first run of ASCII white space (but newlines) within the bounds; empty and at the end when there is none. */
function separator(text: string, from: number, to: number): Slice {
  let start = from;
  while (start < to && !isBlank(text[start])) start++;
  let end = start;
  while (end < to && isBlank(text[end])) end++;
  return { from: start, to: end };
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\v' || char === '\f' || char === '\r';
}

/** Words that begin with `--`, unquoted; a lone `--` ends them. `at` is where the arguments begin. */
function readFlags(line: LogicalLine, from: number, to: number, escape: string): { flags: Word[]; at: number } {
  const { text } = line;
  const flags: Word[] = [];
  let at = from;
  for (;;) {
    while (at < to && isSpace(text[at])) at++;
    if (!text.startsWith('--', at) || at + 1 >= to) return { flags, at };
    const flag = readFlag(text, at, to, escape);
    if (flag.text === '--' && flag.to < to) return { flags, at: flag.to };
    if (flag.text !== '--') flags.push(line.word(at, flag.to, flag.text));
    at = flag.to;
    if (at >= to) return { flags, at };
  }
}

function readFlag(text: string, from: number, to: number, escape: string): { text: string; to: number } {
  let word = '';
  let quote = '';
  for (let at = from; at < to; at++) {
    const char = text.charAt(at);
    if (quote === '' && isSpace(char)) return { text: word, to: at };
    if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = '';
    else if (char !== escape) word += char;
    else if (at + 1 < to) word += text.charAt(++at);
    else quote = '';
  }
  return { text: word, to };
}

function wholeText(line: LogicalLine, slice: Slice): Body {
  return slice.from === slice.to ? { kind: 'none' } : { kind: 'text', word: line.word(slice.from, slice.to) };
}

/** Words as they are between white space; quotes mean nothing here. */
function plainWords(line: LogicalLine, { from, to }: Slice): Body {
  if (from === to) return { kind: 'none' };
  const words: Word[] = [];
  for (let at = from; at < to;) {
    const gap = separator(line.text, at, to);
    words.push(line.word(at, gap.from));
    at = gap.to;
  }
  return { kind: 'words', words };
}

/** Words in which quotes hold white space together; quotes and escapes stay for expansion. */
function quotedWords(line: LogicalLine, slice: Slice, escape: string): Body {
  const words = splitQuoted(line, slice, escape);
  return words.length === 0 ? { kind: 'none' } : { kind: 'words', words };
}

function splitQuoted(line: LogicalLine, { from, to }: Slice, escape: string): Word[] {
  const { text } = line;
  const words: Word[] = [];
  for (let at = from; at < to;) {
    if (isSpace(text[at])) {
      at++;
      continue;
    }
    const word = readQuoted(text, at, to, escape);
    if (word.text !== '') words.push(line.word(at, word.to, word.text));
    at = word.to;
  }
  return words;
}

function readQuoted(text: string, from: number, to: number, escape: string): { text: string; to: number } {
  let word = '';
  let quote = '';
  for (let at = from; at < to; at++) {
    const char = text.charAt(at);
    if (quote === '' && isSpace(char)) return { text: word, to: at };
    if (char === escape && quote !== "'") {
      // An escape character at the very end is dropped.
      if (at + 1 < to) word += char + text.charAt(++at);
      continue;
    }
    if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = '';
    word += char;
  }
  return { text: word, to };
}

function readPairs(instruction: string, line: LogicalLine, slice: Slice, escape: string): Body {
  const words = splitQuoted(line, slice, escape);
  const [first] = words;
  if (first === undefined) return { kind: 'none' };
  if (!first.text.includes('=')) return readLegacyPair(instruction, line, slice);
  return { kind: 'pairs', pairs: words.map((word) => splitPair(instruction, word)) };
}

/** `ENV name the rest of the line`. */
function readLegacyPair(instruction: string, line: LogicalLine, slice: Slice): Body {
  const gap = separator(line.text, slice.from, slice.to);
  if (gap.from === gap.to) {
    const hint = `write ${instruction} name=value`;
    throw new Refusal(
      'VALUE_MISSING',
      `${instruction} needs a name and a value`,
      line.span(slice.from, slice.to),
      hint,
    );
  }
  const pair: Pair = { name: line.word(slice.from, gap.from), value: line.word(gap.to, slice.to), delimiter: '' };
  return { kind: 'pairs', pairs: [pair] };
}

function splitPair(instruction: string, word: Word): Pair {
  const equals = word.text.indexOf('=');
  if (equals === -1) {
    throw new Refusal(
      'VALUE_MISSING',
      `${JSON.stringify(word.text.slice(0, 100))} has no "=": ${instruction} takes name=value`,
      word,
      'a value with blanks needs quotes around it',
    );
  }
  return {
    name: { ...word, text: word.text.slice(0, equals) },
    value: { ...word, text: word.text.slice(equals + 1) },
    delimiter: '=',
  };
}

function jsonOrText(line: LogicalLine, slice: Slice): Body {
  return readJson(line, slice) ?? wholeText(line, slice);
}

function jsonOrWords(line: LogicalLine, slice: Slice): Body {
  return readJson(line, slice) ?? plainWords(line, slice);
}

/** A JSON array of strings; undefined when it is not JSON, which makes it shell form. */
function readJson(line: LogicalLine, { from, to }: Slice): Body | undefined {
  const text = line.text.slice(from, to);
  if (!text.startsWith('[')) return undefined;
  const items = parseJsonArray(text);
  if (items === undefined) return undefined;
  const strings = items.filter((item) => typeof item === 'string');
  if (strings.length !== items.length) {
    throw new Refusal('JSON_FORM', 'a JSON array here holds strings only', line.span(from, to));
  }
  return { kind: 'json', words: strings.map((item) => line.word(from, to, item.toWellFormed())) };
}

function parseJsonArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readCheck(line: LogicalLine, { from, to }: Slice): Body {
  if (from === to) return { kind: 'none' };
  let end = from;
  while (end < to && !isSpace(line.text[end])) end++;
  let next = end;
  while (next < to && isSpace(line.text[next])) next++;
  return { kind: 'check', type: line.word(from, end), command: jsonOrText(line, { from: next, to }) };
}
