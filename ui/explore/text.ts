/** Numbers and names as the page shows them. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `117 MB`: decimal units, three significant digits. */
export function sizeText(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  while (unit < UNITS.length - 1 && Number(value.toPrecision(3)) >= 1000) {
    value /= 1000;
    unit++;
  }
  return `${bytes < 0 ? '−' : ''}${Number(value.toPrecision(3))} ${UNITS[unit]}`;
}

/** `+3 kB`, `−3 kB`, `±0 B`. */
export function differenceText(bytes: number): string {
  return bytes === 0 ? '±0 B' : bytes > 0 ? `+${sizeText(bytes)}` : sizeText(bytes);
}

/** `3.4 s`, `12 ms`, `2 min 5 s`. */
export function timeText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 3600
    ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
    : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** `12,345`. */
export function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** `3 files`, `1 file`. */
export function countOf(count: number, one: string, many: string = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `41 %`; what is not nothing is never told as 0. */
export function shareText(part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0 %';
  const percent = (part / whole) * 100;
  return percent < 0.1 ? '< 0.1 %' : `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** `rwxr-sr-t`. */
export function modeText(mode: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, place) => ((mode >> (8 - place)) & 1 ? letter : '-'));
  for (const [bit, place, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[place] = letters[place] === '-' ? letter.toUpperCase() : letter;
  }
  return letters.join('');
}

/** Controls, line ends of other scripts, and what turns the direction of text around: a name could hide behind them. */
const HIDDEN: RegExp =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A name of an image with everything in it to be seen. */
export function visibleName(name: string): string {
  return name.replaceAll(HIDDEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** `sha256:0123…` as twelve digits. */
export function shortId(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** Bytes as rows of 16: place, digits, what can be printed. */
export function hexRows(bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let start = 0; start < bytes.length; start += 16) {
    const row = bytes.subarray(start, start + 16);
    const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
    const left = digits.slice(0, 8).join(' ').padEnd(23);
    const right = digits.slice(8).join(' ').padEnd(23);
    const shown = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    rows.push(`${start.toString(16).padStart(8, '0')}  ${left}  ${right}  ${shown}`);
  }
  return rows;
}
