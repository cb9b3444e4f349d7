export { humanSize } from '../../base/index.ts';

/** `1 file`, `2 files`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** A span of time in one unit, as docker words it: `About an hour`, `3 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / SECOND);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  return longDuration(Math.floor(ms / HOUR + 0.5));
}

function longDuration(hours: number): string {
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 60) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

/** `3 weeks ago`; a time that is not past is `Less than a second ago`. Times are ms since 1970. */
export function humanAgo(timeMs: number, nowMs: number): string {
  return `${humanDuration(nowMs - timeMs)} ago`;
}

/** A time as docker's templates print it (`CreatedAt`), in UTC: `2026-01-02 15:04:05 +0000 UTC`. */
export function humanTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** `sha256:0123…` as tables show it: 12 hex digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** At most `max` characters, the last one an ellipsis where some were cut. */
export function ellipsis(text: string, max: number): string {
  if (text.length <= max) return text;
  const characters = Array.from(text);
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`;
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size in powers of 1024, four significant digits, as docker's stats prints memory: `1.5MiB`. */
export function binarySize(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (unit < BINARY_UNITS.length - 1 && value >= 1024) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${BINARY_UNITS[unit]}`;
}
