import type { Key } from '../terminal/keys.ts';
import { graphemes } from '../output/text-width.ts';

/** A line that is being typed, as the characters that a reader sees; `cursor` is before the character of that number. */
export interface TextInput {
  readonly characters: readonly string[];
  readonly cursor: number;
}

/** More is not taken. */
const CHARACTERS_MAX = 1000;

export function inputOf(text: string): TextInput {
  const characters = graphemes(text);
  return { characters, cursor: characters.length };
}

export function textOf(input: TextInput): string {
  return input.characters.join('');
}

/** The line after a key; undefined where the key means nothing to it. */
export function editText(input: TextInput, key: Key): TextInput | undefined {
  if (key.kind === 'character') return insert(input, [key.text]);
  if (key.kind === 'paste') return insert(input, graphemes(key.text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim()));
  return EDITS[key.name]?.(input);
}

function insert({ characters, cursor }: TextInput, added: readonly string[]): TextInput {
  const taken = added.slice(0, Math.max(0, CHARACTERS_MAX - characters.length));
  return { characters: characters.toSpliced(cursor, 0, ...taken), cursor: cursor + taken.length };
}

const at = (input: TextInput, cursor: number): TextInput => ({
  ...input,
  cursor: Math.max(0, Math.min(cursor, input.characters.length)),
});

function cut({ characters }: TextInput, from: number, to: number): TextInput {
  const start = Math.max(0, from);
  return { characters: characters.toSpliced(start, Math.max(0, to - start)), cursor: start };
}

function wordStart({ characters, cursor }: TextInput): number {
  let start = cursor;
  while (start > 0 && /[\s/]/.test(characters[start - 1] ?? '')) start--;
  while (start > 0 && !/[\s/]/.test(characters[start - 1] ?? '')) start--;
  return start;
}

/** As readline's Emacs keys. */
const EDITS: Readonly<Record<string, (input: TextInput) => TextInput>> = {
  backspace: (input) => cut(input, input.cursor - 1, input.cursor),
  delete: (input) => cut(input, input.cursor, input.cursor + 1),
  'ctrl+u': (input) => cut(input, 0, input.cursor),
  'ctrl+k': (input) => cut(input, input.cursor, input.characters.length),
  'ctrl+w': (input) => cut(input, wordStart(input), input.cursor),
  left: (input) => at(input, input.cursor - 1),
  right: (input) => at(input, input.cursor + 1),
  home: (input) => at(input, 0),
  end: (input) => at(input, Infinity),
  'ctrl+a': (input) => at(input, 0),
  'ctrl+e': (input) => at(input, Infinity),
};
