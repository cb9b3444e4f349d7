import { parseDuration } from '../../base/index.ts';
import { CallRefused, fixed, type BakeFunction } from './function.ts';
import type { Value } from '../value.ts';

/** Functions of time; `now` is when the bake began, in milliseconds since 1970. */
export function timeFunctions(now: () => number): Readonly<Record<string, BakeFunction>> {
  return {
    formatdate: fixed(['string', 'string'], (pattern, time) => formatDate(pattern, parseTime(time))),
    timeadd: fixed(['string', 'string'], (time, span) => {
      const moment = parseTime(time);
      return rfc3339({ ...moment, ms: moment.ms + durationMs(span) });
    }),
    timestamp: fixed([], () => rfc3339({ ms: now(), zoneMinutes: 0 })),
    unixtimestampparse: fixed(['number'], (seconds) => unixParts(seconds)),
  };
}

interface Moment {
  readonly ms: number;
  /** Of the place, east of Greenwich. */
  readonly zoneMinutes: number;
}

/** RFC 3339, section 5.6. */
function parseTime(text: string): Moment {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[-+]\d\d:\d\d)$/.exec(text);
  const ms = match === null ? Number.NaN : Date.parse(text);
  if (match === null || Number.isNaN(ms))
    throw new CallRefused(`${JSON.stringify(text)} is no time as 2026-01-02T15:04:05Z`);
  const [, sign = '', hours = '0', minutes = '0'] = /^([-+])(\d\d):(\d\d)$/.exec(match[1] ?? '') ?? [];
  return { ms, zoneMinutes: (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) };
}

/** The clock on the wall there, read through the UTC getters. */
function wall({ ms, zoneMinutes }: Moment): Date {
  return new Date(ms + zoneMinutes * 60_000);
}

function zoneText(zoneMinutes: number, separator: string): string {
  const amount = Math.abs(zoneMinutes);
  return `${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(amount / 60))}${separator}${two(amount % 60)}`;
}

function rfc3339(moment: Moment): string {
  const text = wall(moment).toISOString().slice(0, 19);
  return moment.zoneMinutes === 0 ? `${text}Z` : text + zoneText(moment.zoneMinutes, ':');
}

function durationMs(text: string): number {
  const ms = text === '0' ? 0 : parseDuration(text);
  if (ms === undefined) throw new CallRefused(`${JSON.stringify(text)} is no span of time as 1h30m`);
  return ms;
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** HCL's date pattern: runs of letters are parts, text in single quotes stands for itself. */
function formatDate(pattern: string, moment: Moment): string {
  return pattern.replaceAll(/'((?:[^']|'')*)'|([a-zA-Z])\2*/g, (part: string, quoted?: string) =>
    quoted === undefined ? datePart(part, moment) : quoted.replaceAll("''", "'"),
  );
}

function datePart(part: string, moment: Moment): string {
  const time = wall(moment);
  const hour = time.getUTCHours();
  const { zoneMinutes } = moment;
  const month = MONTHS[time.getUTCMonth()] ?? '';
  const day = DAYS[time.getUTCDay()] ?? '';
  const parts: Readonly<Record<string, string>> = {
    YYYY: String(time.getUTCFullYear()),
    YY: two(time.getUTCFullYear() % 100),
    MMMM: month,
    MMM: month.slice(0, 3),
    MM: two(time.getUTCMonth() + 1),
    M: String(time.getUTCMonth() + 1),
    DD: two(time.getUTCDate()),
    D: String(time.getUTCDate()),
    EEEE: day,
    EEE: day.slice(0, 3),
    hh: two(hour),
    h: String(hour),
    HH: two(hour % 12 === 0 ? 12 : hour % 12),
    H: String(hour % 12 === 0 ? 12 : hour % 12),
    AA: hour < 12 ? 'AM' : 'PM',
    aa: hour < 12 ? 'am' : 'pm',
    mm: two(time.getUTCMinutes()),
    m: String(time.getUTCMinutes()),
    ss: two(time.getUTCSeconds()),
    s: String(time.getUTCSeconds()),
    ZZZZZ: zoneText(zoneMinutes, ':'),
    ZZZZ: zoneText(zoneMinutes, ''),
    ZZZ: zoneMinutes === 0 ? 'UTC' : zoneText(zoneMinutes, ''),
    Z: zoneMinutes === 0 ? 'Z' : zoneText(zoneMinutes, ':'),
  };
  const text = parts[part];
  if (text === undefined) throw new CallRefused(`${JSON.stringify(part)} is no part of a date pattern`);
  return text;
}

function unixParts(seconds: number): Value {
  const time = new Date(seconds * 1000);
  const startOfYear = Date.UTC(time.getUTCFullYear(), 0, 1);
  const dayOfYear = Math.floor((time.getTime() - startOfYear) / 86_400_000) + 1;
  return new Map<string, Value>([
    ['year', time.getUTCFullYear()],
    ['year_day', dayOfYear],
    ['day', time.getUTCDate()],
    ['month', time.getUTCMonth() + 1],
    ['month_name', MONTHS[time.getUTCMonth()] ?? ''],
    ['weekday', time.getUTCDay()],
    ['weekday_name', DAYS[time.getUTCDay()] ?? ''],
    ['hour', time.getUTCHours()],
    ['minute', time.getUTCMinutes()],
    ['second', time.getUTCSeconds()],
    ['rfc3339', rfc3339({ ms: time.getTime(), zoneMinutes: 0 })],
    ['iso_year', isoWeek(time).year],
    ['iso_week', isoWeek(time).week],
  ]);
}

/** ISO 8601: week 1 has the year's first Thursday. */
function isoWeek(time: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1) / 7) };
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
