import { messageOf } from '../../base/index.ts';
import { CallRefused } from './function.ts';

/**
 * A pattern in RE2's language, which HCL uses, as a JavaScript one: `(?P<name>`, `\A`, `\z`, leading flags and POSIX classes
 * are rewritten, the rest is the same.
 * @throws CallRefused
 */
export function compileRe2(pattern: string, flags: '' | 'g'): RegExp {
  let body = pattern;
  let extra = '';
  const leading = /^\(\?([imsU]+)\)/.exec(body);
  if (leading !== null) {
    body = body.slice(leading[0].length);
    extra = Array.from(new Set(leading[1]))
      .filter((flag) => flag !== 'U')
      .join('');
  }
  const rewritten = body
    .replaceAll('(?P<', '(?<')
    .replaceAll(/(^|[^\\])\\A/g, '$1^')
    .replaceAll(/(^|[^\\])\\z/g, '$1$')
    .replaceAll(/\[:(\^?)(\w+):\]/g, (_, not: string, name: string) => posixClass(name, not !== ''));
  try {
    return new RegExp(rewritten, `${flags}${extra}u`);
  } catch (error) {
    try {
      // RE2 lets a backslash stand before letters and signs that mean themselves.
      return new RegExp(rewritten, `${flags}${extra}`);
    } catch {
      throw new CallRefused(`the pattern ${JSON.stringify(pattern)} is not one: ${messageOf(error)}`);
    }
  }
}

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

function posixClass(name: string, isNegated: boolean): string {
  const found = POSIX[name];
  if (found === undefined || isNegated)
    throw new CallRefused(`the class [:${isNegated ? '^' : ''}${name}:] is not known here`);
  return found;
}
