/** Unicode's White_Space, as Go's unicode.IsSpace: U+0085 is one, U+FEFF is none (the other way round in JavaScript). */
const SPACE = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

export function isSpace(char: string | undefined): boolean {
  if (char === undefined) return false;
  const code = char.charCodeAt(0);
  return code < 0x80 ? code === 0x20 || (code >= 0x09 && code <= 0x0d) : SPACE.test(char);
}

/** Where the text begins after leading white space, and where it ends before trailing one. */
export function trimmedBounds(text: string, from = 0, to: number = text.length): { start: number; end: number } {
  let start = from;
  let end = to;
  while (start < end && isSpace(text[start])) start++;
  while (end > start && isSpace(text[end - 1])) end--;
  return { start, end };
}

export function trimSpace(text: string): string {
  const { start, end } = trimmedBounds(text);
  return text.slice(start, end);
}

export function trimLeadingSpace(text: string): string {
  return text.slice(trimmedBounds(text).start);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** The text in double quotes as Go's %q writes it: the form of syntax dumps and of history texts. */
export function quote(text: string): string {
  let quoted = '"';
  for (const char of text) quoted += ESCAPES[char] ?? (PRINTABLE.test(char) ? char : escapeCode(char));
  return `${quoted}"`;
}

function escapeCode(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}
