/** Go's strconv.ParseBool; undefined for other texts. */
export function parseBoolean(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

/** Decimal digits up to `max`; undefined for other texts. */
export function parseUnsigned(text: string, max: number): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** Octal digits up to 32 bits; undefined for other texts. */
export function parseOctal(text: string): number | undefined {
  if (!/^[0-7]+$/.test(text)) return undefined;
  const value = Number.parseInt(text, 8);
  return value <= 0xffff_ffff ? value : undefined;
}

const SIZE = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i;
const SIZE_UNITS = ['', 'k', 'm', 'g', 't', 'p'];

/** A size in bytes, as `64m` or `1.5 GiB` (units of 1024); undefined for other texts. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * 1024 ** SIZE_UNITS.indexOf(match[2]?.toLowerCase() ?? '');
  return Number.isSafeInteger(Math.trunc(bytes)) ? Math.trunc(bytes) : undefined;
}

/** The fields of one CSV line, as Go's encoding/csv reads them; undefined when it is malformed or empty. */
export function parseCsvLine(text: string): string[] | undefined {
  if (text === '') return undefined;
  const fields: string[] = [];
  for (let at = 0; ;) {
    const field = text[at] === '"' ? quotedField(text, at) : bareField(text, at);
    if (field === undefined) return undefined;
    fields.push(field.text);
    if (field.end >= text.length) return fields;
    at = field.end + 1;
  }
}

function bareField(text: string, at: number): { text: string; end: number } | undefined {
  const comma = text.indexOf(',', at);
  const end = comma === -1 ? text.length : comma;
  const field = text.slice(at, end);
  return field.includes('"') ? undefined : { text: field, end };
}

function quotedField(text: string, start: number): { text: string; end: number } | undefined {
  let field = '';
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') field += text[at];
    else if (text[at + 1] === '"') {
      field += '"';
      at++;
    } else return at + 1 === text.length || text[at + 1] === ',' ? { text: field, end: at + 1 } : undefined;
  }
  return undefined;
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};
const INT64_MAX = 2 ** 63;

/** A duration as Go writes it (`1h30m`, `-1.5s`), in nanoseconds; undefined for other texts. */
export function parseDuration(text: string): number | undefined {
  if (/^[-+]?0$/.test(text)) return 0;
  const match = /^([-+])?((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  let nanoseconds = 0;
  for (const [, number, unit = ''] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g)) {
    nanoseconds += Math.trunc(Number(number) * (NANOSECONDS[unit] ?? 0));
  }
  if (nanoseconds >= INT64_MAX) return undefined;
  return match[1] === '-' ? -nanoseconds : nanoseconds;
}

/** The inverse of `parseDuration` as Go prints it: `1m30s`, `1.5ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const value = Math.abs(nanoseconds);
  if (value < 1e3) return `${sign}${value}ns`;
  if (value < 1e6) return `${sign}${value / 1e3}µs`;
  if (value < 1e9) return `${sign}${value / 1e6}ms`;
  const hours = Math.floor(value / 3.6e12);
  const minutes = Math.floor((value % 3.6e12) / 6e10);
  // In whole nanoseconds, so that 0.1 s does not come out as 0.1000000001.
  const seconds = Math.round(value % 6e10) / 1e9;
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
