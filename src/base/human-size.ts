const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/**
 * A size as docker prints it: decimal units, `digits` significant ones, no trailing zeros. `1.5kB`, `117MB`. A value
 * that rounds up to 1000 moves to the next unit (docker prints `1e+03MB` there).
 */
export function humanSize(sizeBytes: number, digits = 3): string {
  let value = sizeBytes;
  let unit = 0;
  while (unit < UNITS.length - 1 && Number(value.toPrecision(digits)) >= 1000) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${UNITS[unit]}`;
}
