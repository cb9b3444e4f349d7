import { kindOf, numberOf, numberText, textOf, toJson, type Value } from '../value.ts';
import { CallRefused } from './function.ts';

const VERB = /%(?:%|([-+ 0#]*)(\d+)?(?:\.(\d+))?(?:\[(\d+)\])?([a-zA-Z]))/g;
const WIDTH_MAX = 10_000;

/** `format`: Go's verbs as HCL has them: %s %q %v %#v %d %b %o %x %X %e %E %f %g %G %t. @throws CallRefused */
export function formatText(pattern: string, args: readonly Value[]): string {
  let next = 0;
  let used = 0;
  let end = 0;
  const text = pattern.replaceAll(VERB, (whole, ...found: unknown[]) => {
    const [flags = '', width, precision, index, verb = ''] = found as (string | undefined)[]; // The groups of the pattern.
    if (whole === '%%') return '%';
    if (index !== undefined) next = Number(index) - 1;
    const value = args[next++];
    used = Math.max(used, next);
    if (value === undefined) throw new CallRefused(`there is no argument ${next} for ${whole}`);
    if (Number(width ?? 0) > WIDTH_MAX || Number(precision ?? 0) > WIDTH_MAX)
      throw new CallRefused(`the width of ${whole} is greater than ${WIDTH_MAX}`);
    const shown = formatOne(value, {
      flags,
      precision: precision === undefined ? undefined : Number(precision),
      verb,
      whole,
    });
    return padded(shown, flags, Number(width ?? 0), verb);
  });
  end = pattern.replaceAll(VERB, '').indexOf('%');
  if (end !== -1) throw new CallRefused('a % stands without a verb; %% is the sign itself');
  if (used < args.length) throw new CallRefused(`${args.length} arguments, and the text uses ${used} of them`);
  return text;
}

interface Verb {
  readonly flags: string;
  readonly precision: number | undefined;
  readonly verb: string;
  readonly whole: string;
}

function formatOne(value: Value, { flags, precision, verb, whole }: Verb): string {
  switch (verb) {
    case 'v':
      return flags.includes('#') ? JSON.stringify(toJson(value)) : (textOf(value) ?? JSON.stringify(toJson(value)));
    case 's':
      return Array.from(needText(value, whole)).slice(0, precision).join('');
    case 'q':
      return JSON.stringify(needText(value, whole));
    case 't':
      return String(needText(value, whole) === 'true');
    case 'd':
      return signed(numberText(Math.trunc(needNumber(value, whole))), flags);
    case 'b':
    case 'o':
    case 'x':
    case 'X': {
      if (typeof value === 'string' && (verb === 'x' || verb === 'X')) return hexOf(value, verb === 'X');
      const digits = Math.trunc(needNumber(value, whole)).toString({ b: 2, o: 8, x: 16, X: 16 }[verb]);
      return verb === 'X' ? digits.toUpperCase() : digits;
    }
    case 'f':
      return signed(needNumber(value, whole).toFixed(Math.min(precision ?? 6, 100)), flags);
    case 'e':
    case 'E': {
      const text = goExponent(needNumber(value, whole).toExponential(Math.min(precision ?? 6, 100)));
      return signed(verb === 'E' ? text.toUpperCase() : text, flags);
    }
    case 'g':
    case 'G':
      return signed(numberText(needNumber(value, whole)), flags);
    default:
      throw new CallRefused(`${whole} is no verb of format`);
  }
}

function needText(value: Value, verb: string): string {
  const text = textOf(value);
  if (text === undefined) throw new CallRefused(`${verb} takes a string, not ${kindOf(value)}`);
  return text;
}

function needNumber(value: Value, verb: string): number {
  const number = numberOf(value);
  if (number === undefined) throw new CallRefused(`${verb} takes a number, not ${kindOf(value)}`);
  return number;
}

function signed(text: string, flags: string): string {
  if (text.startsWith('-')) return text;
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text;
}

function padded(text: string, flags: string, width: number, verb: string): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || /[sqvt]/.test(verb)) return ' '.repeat(missing) + text;
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}

function hexOf(text: string, isUpper: boolean): string {
  const digits = Buffer.from(text).toString('hex');
  return isUpper ? digits.toUpperCase() : digits;
}

/** Go writes two digits at least. */
function goExponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, 'e$10$2');
}
