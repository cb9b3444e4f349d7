/** Why a text cannot be interpolated. */
export class InterpolationRefused extends Error {}

const VARIABLE =
  /\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])((?:[^{}]|\$?\{[^{}]*\})*))?\}|)/g;

/**
 * Puts variables into a text of a compose file: `$NAME`, `${NAME}`, `${NAME:-default}`, `-`, `:?`, `?`, `:+`, `+`; `$$` is
 * the sign itself. A variable that is not set is empty.
 * @throws InterpolationRefused
 */
export function interpolate(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(VARIABLE, (whole, bare?: string, braced?: string, operator?: string, word = '') => {
    if (whole === '$$') return '$';
    const name = bare ?? braced;
    if (name === undefined)
      throw new InterpolationRefused(
        `${JSON.stringify(text)}: a "$" stands without a variable; "$$" is the sign itself`,
      );
    const value = environment[name];
    const isThere = value !== undefined && (operator?.startsWith(':') !== true || value !== '');
    switch (operator?.at(-1)) {
      case '-':
        return isThere ? value : interpolate(word, environment);
      case '+':
        return isThere ? interpolate(word, environment) : '';
      case '?':
        if (isThere) return value;
        throw new InterpolationRefused(
          `the variable ${name} is needed${word === '' ? '' : `: ${interpolate(word, environment)}`}`,
        );
      default:
        return value ?? '';
    }
  });
}
