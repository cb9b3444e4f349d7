/** Escape sequences that colour or move: they take no room. */
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\-_])/g;

const PLAIN = /^[\u0020-\u007E]*$/;
const NO_WIDTH = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u;
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1F64F}\u{1F680}-\u{1F6FF}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;

let segmenter: Intl.Segmenter | undefined;

/** What a reader takes for single characters, each with its marks. */
export function graphemes(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), (one) => one.segment);
}

/** How many columns `text` takes on a terminal; escape sequences and combining marks take none, CJK and emoji two. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return graphemes(stripEscapes(text)).reduce((sum, one) => sum + graphemeWidth(one), 0);
}

/** The columns of one of `graphemes`: 0 for control characters and lone marks, 1 or 2. */
export function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Cuts plain text (no escapes) to `columns`, ending in `…` where something was cut. */
export function cutToWidth(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (textWidth(text) <= columns) return text;
  let width = 0;
  let kept = '';
  for (const grapheme of PLAIN.test(text) ? text : graphemes(text)) {
    width += graphemeWidth(grapheme);
    if (width > columns - 1) break;
    kept += grapheme;
  }
  return `${kept}…`;
}

/** The text without escape sequences. */
export function stripEscapes(text: string): string {
  return text.includes('\u001B') ? text.replaceAll(ESCAPES, '') : text;
}

/**
 * Output of programs made safe for one line of a display: no escapes, no control characters; of a line that was
 * overwritten with carriage returns the last state.
 */
export function displayLine(line: string): string {
  const text = stripEscapes(line.replace(/\r+$/, ''));
  const shown = text.slice(text.lastIndexOf('\r') + 1);
  return shown.replaceAll('\t', '    ').replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '');
}

/** Blanks after `text` up to `columns`. */
export function padToWidth(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}
