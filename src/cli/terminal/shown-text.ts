import { type ByteString, toBytes } from '../../base/index.ts';
import { textWidth } from '../output/text-width.ts';

/**
 * Characters that a terminal acts upon, that show nothing or that change the order of what stands around them: control
 * and format characters, line and paragraph separators, what Unicode has not given a meaning, lone surrogates.
 */
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ALL_UNSHOWN = new RegExp(UNSHOWN, 'gu');
/** A mark without anything before it would sit on what stands left of the name. */
const LEADING_MARK = /^\p{M}/u;

const PRINTABLE_ASCII = /^[ -~]*$/;
const TAB_COLUMNS = 8;

/**
 * A file's name or path as one line that shows every byte and lets a terminal do nothing: what is not shown is escaped
 * as `\n`, `\x1B`, `\u{202E}`, bytes that are not UTF-8 as `\xFF`, a backslash as `\\`. Different names look different.
 */
export function shownName(name: ByteString): string {
  if (PRINTABLE_ASCII.test(name)) return name.replaceAll('\\', '\\\\');
  let shown = '';
  for (const part of utf8Parts(toBytes(name))) {
    shown += typeof part === 'number' ? hexByte(part) : part.replaceAll('\\', '\\\\').replaceAll(ALL_UNSHOWN, escaped);
  }
  return shown.replace(LEADING_MARK, escaped);
}

/** A text of others (an instruction, a message) as one line: blanks for line ends and tabs, escapes for what is not shown. */
export function shownText(text: string): string {
  const line = text.replaceAll(/[\t\r\n]+/g, ' ');
  if (PRINTABLE_ASCII.test(line)) return line;
  return line.replaceAll(ALL_UNSHOWN, escaped).replace(LEADING_MARK, escaped);
}

/** One line of a text file: tabs to the next stop; control and format characters as less shows them, `^[` and `<U+202E>`. */
export function shownLine(line: string): string {
  if (PRINTABLE_ASCII.test(line)) return line;
  let shown = '';
  let column = 0;
  for (const [index, piece] of line.split('\t').entries()) {
    const blanks = index === 0 ? 0 : TAB_COLUMNS - (column % TAB_COLUMNS);
    const text = piece.replaceAll(ALL_UNSHOWN, caret);
    shown += ' '.repeat(blanks) + text;
    column += blanks + textWidth(text);
  }
  return shown;
}

/** Runs of UTF-8 as text, bytes that are none as numbers. */
function* utf8Parts(bytes: Uint8Array): Generator<string | number> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    yield decoder.decode(buffer);
    return;
  } catch {
    // Some byte is wrong: go on in small steps.
  }
  let run = '';
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length === 0) {
      if (run !== '') yield run;
      run = '';
      yield buffer[at] ?? 0;
      at++;
    } else {
      run += buffer.toString('utf8', at, at + length);
      at += length;
    }
  }
  if (run !== '') yield run;
}

/** The bytes of the character at `at`; 0 when it is not well-formed (Unicode, table 3-7). */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0;
  return bytes.toString('utf8', at, at + length).includes('\uFFFD') && !isReplacement(bytes, at) ? 0 : length;
}

/** U+FFFD itself, which may stand in a name. */
function isReplacement(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
}

const hexByte = (byte: number): string => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return NAMED[character] ?? hexByte(code);
  return `\\u{${code.toString(16).toUpperCase()}}`;
}

function caret(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return '^?';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
