import { visibleName } from './text.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text that a name's bytes spell (a character stands for a byte); bytes that are no UTF-8, and what is not to be seen, as `\xNN`. */
export function nameText(bytes: string): string {
  if (!/[^\u0020-\u007e]/.test(bytes)) return bytes;
  try {
    return visibleName(decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0))));
  } catch {
    return bytes.replaceAll(/[^\u0020-\u007e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  }
}

/** The bytes of a text in UTF-8, as a name has them: what a search compares with. */
export function nameBytes(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
