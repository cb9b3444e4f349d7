import type { Span } from '../syntax/source.ts';
import type { ShellWord, WordPart } from './grammar.ts';
import type { Field } from './script.ts';
import type { Variables } from './variables.ts';

/** What a part of a word comes to, before it is split into fields. */
interface Piece {
  readonly text: string;
  readonly isKnown: boolean;
  readonly isQuoted: boolean;
  /** Several fields by itself: `"${list[@]}"`. */
  readonly list?: readonly string[];
}

/** The fields that a word becomes: none for an empty variable, several for an unquoted one that holds blanks. */
export function fieldsOf(word: ShellWord, variables: Variables, span: Span): Field[] {
  const pieces = piecesOf(word, variables);
  const isKnown = pieces.every((piece) => piece.isKnown);
  const isQuoted = pieces.some((piece) => piece.isQuoted);
  const field = (text: string): Field => ({ text, isKnown, isQuoted, start: span.start, end: span.end });
  const [only] = pieces;
  if (pieces.length === 1 && only?.list !== undefined) return only.list.map(field);
  const texts: string[] = [''];
  for (const piece of pieces) {
    const parts = piece.isQuoted || !piece.isKnown ? [piece.text] : piece.text.split(/[ \t\n]+/);
    texts[texts.length - 1] += parts[0] ?? '';
    texts.push(...parts.slice(1));
  }
  return texts.filter((text) => text !== '' || isQuoted).map(field);
}

/** The word as one field, without splitting: the value of an assignment, the target of a redirection. */
export function oneField(word: ShellWord, variables: Variables, span: Span): Field {
  const pieces = piecesOf(word, variables);
  return {
    text: pieces.map(({ text }) => text).join(''),
    isKnown: pieces.every((piece) => piece.isKnown),
    isQuoted: pieces.some((piece) => piece.isQuoted),
    start: span.start,
    end: span.end,
  };
}

function piecesOf(word: ShellWord, variables: Variables): Piece[] {
  if (word.parts === undefined || word.parts.length === 0) {
    return [{ text: word.value, isKnown: true, isQuoted: /['"]/.test(word.text) }];
  }
  return word.parts.map((part) => pieceOf(part, variables));
}

function pieceOf(part: WordPart, variables: Variables): Piece {
  switch (part.type) {
    case 'Literal':
      return { text: part.value, isKnown: true, isQuoted: part.text !== part.value };
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return { text: part.value, isKnown: true, isQuoted: true };
    case 'DoubleQuoted':
    case 'LocaleString': {
      const parts = part.parts.map((inner) => pieceOf(inner, variables));
      const [only] = parts;
      if (parts.length === 1 && only?.list !== undefined) return { ...only, isQuoted: true };
      return {
        text: parts.map(({ text }) => text).join(''),
        isKnown: parts.every((inner) => inner.isKnown),
        isQuoted: true,
      };
    }
    case 'SimpleExpansion':
      return valueOr(part.text, variables.get(part.text.slice(1)));
    case 'ParameterExpansion': {
      if (part.prefix !== undefined) return unknown(part.text);
      if (part.index !== undefined && part.operation === undefined && /^[@*]$/.test(part.index.text)) {
        const list = variables.list(part.parameter);
        if (list === undefined) return unknown(part.text);
        return { text: list.join(' '), isKnown: true, isQuoted: false, list };
      }
      const { operation } = part;
      if (part.index !== undefined) return unknown(part.text);
      const value = variables.get(part.parameter);
      if (operation === undefined) return valueOr(part.text, value);
      if (operation.type === 'Default' && value !== undefined && value !== '' && /[-=?]/.test(operation.operator)) {
        return { text: value, isKnown: true, isQuoted: false };
      }
      return unknown(part.text);
    }
    case 'Glob':
    case 'ExtendedGlob':
    case 'BraceExpansion':
      return { text: part.text, isKnown: true, isQuoted: false };
    default:
      return unknown(part.text);
  }
}

function valueOr(text: string, value: string | undefined): Piece {
  return value === undefined ? unknown(text) : { text: value, isKnown: true, isQuoted: false };
}

function unknown(text: string): Piece {
  return { text, isKnown: false, isQuoted: false };
}
