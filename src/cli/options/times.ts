import { parseDuration } from '../../base/index.ts';
import { UsageError } from '../usage-error.ts';

/**
 * A moment as `--since` takes it, in ms since 1970: a span before now (`10m`), seconds since 1970, or a date as
 * `2026-01-02`, `2026-01-02T15:04:05`, with or without a zone (without one: UTC).
 * @throws USAGE
 */
export function parseMoment(flag: string, text: string, nowMs: number): number {
  const span = parseDuration(text);
  if (span !== undefined) return nowMs - span;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:\d\d)?)?$/.test(text)) {
    const zoned = /(Z|[-+]\d\d:\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`;
    const time = Date.parse(zoned);
    if (!Number.isNaN(time)) return time;
  }
  throw new UsageError(`${flag} ${JSON.stringify(text)} is not a time`, `${flag} 10m, or ${flag} 2026-01-02T15:04:05`);
}

/**
 * A whole number in a range.
 * @throws USAGE
 */
export function parseNumber(flag: string, text: string, range: { min: number; max: number }): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < range.min || value > range.max) {
    throw new UsageError(`${flag} is a number from ${range.min} to ${range.max}, not ${JSON.stringify(text)}`);
  }
  return value;
}

/** How long `stop` waits before it kills; -1 is for ever. Seconds, as docker's `-t`. */
export function parseStopSeconds(text: string): number {
  return parseNumber('--time', text, { min: -1, max: 86_400 });
}

/** `--tail`: a number of lines, or undefined for all. */
export function parseTail(text: string): number | undefined {
  return text === 'all' ? undefined : parseNumber('--tail', text, { min: 0, max: 1e9 });
}
