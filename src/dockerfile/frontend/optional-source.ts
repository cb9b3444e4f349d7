/** What a variable or an escape takes up, and what means something in a pattern. */
const SPECIAL = /\\.|\$\{[^}]*\}|\$\w+|\[[^\]]*\]|[*?[\]\\$"'{}]/gs;

/**
 * A pattern that matches the path and nothing else, and that may match nothing: one of its letters as a class, `fil[e]`.
 * Undefined when it has no letter that stands for itself; a path that has a wildcard already is its own pattern.
 */
export function optionalPattern(path: string): string | undefined {
  if (/[*?[]/.test(path.replace(/\\./gs, ''))) return path;
  const plain = path.replace(SPECIAL, (special) => '\0'.repeat(special.length));
  for (let at = plain.length - 1; at >= 0; at--) {
    if (!/[\p{L}\p{N}_-]/u.test(plain.charAt(at)) || plain.charAt(at) === '-') continue;
    return `${path.slice(0, at)}[${path.charAt(at)}]${path.slice(at + 1)}`;
  }
  return undefined;
}
