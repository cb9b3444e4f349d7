const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's durations, `1h30m`, `1.5s`, `300ms`, in ms; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|ms|s|m|h))+$/.exec(text);
  if (match === null) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h)/g);
  const sum = [...parts].reduce((total, [, number, unit = '']) => total + Number(number) * (UNIT_MS[unit] ?? 0), 0);
  return match[1] === '-' ? -sum : sum;
}
