import { constants } from 'node:os';
import { ShaleError } from '../base/index.ts';

const NUMBERS: Readonly<Record<string, number>> = constants.signals;
// signal(7): glibc leaves 34 to 64 to programs.
const REALTIME_MIN = 34;
const REALTIME_MAX = 64;

/**
 * The number of a signal as docker takes it: a number, or a name with or without `SIG`, also `RTMIN+3`.
 * @throws SIGNAL_UNKNOWN.
 */
export function signalNumber(signal: string | number): number {
  const text = String(signal).trim().toUpperCase().replace(/^SIG/, '');
  const value = /^\d{1,3}$/.test(text) ? Number(text) : (NUMBERS[`SIG${text}`] ?? realtime(text));
  if (value === undefined || value < 1 || value > REALTIME_MAX) {
    throw new ShaleError('SIGNAL_UNKNOWN', `there is no signal ${JSON.stringify(signal)}`, { data: { signal } });
  }
  return value;
}

function realtime(text: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const base = match[1] === 'MIN' ? REALTIME_MIN : REALTIME_MAX;
  const offset = Number(match[3] ?? 0) * (match[2] === '-' ? -1 : 1);
  const value = base + offset;
  return value >= REALTIME_MIN && value <= REALTIME_MAX ? value : undefined;
}
