/**
 * Orders two Debian versions (Debian policy 5.6.12, deb-version(7)): negative, 0 or positive. Never fails: text that
 * is no version is ordered by the same rules, as dpkg does for relations it finds in old packages.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const left = splitVersion(a);
  const right = splitVersion(b);
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

interface VersionParts {
  readonly epoch: number;
  readonly upstream: string;
  /** Empty when there is none, which sorts like `0`. */
  readonly revision: string;
}

function splitVersion(version: string): VersionParts {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(version.slice(0, colon), 10) || 0,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

// Runs of non-digits and runs of digits in turn; the end of the text counts as 0 in both.
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    while (a[i] === '0') i++;
    while (b[j] === '0') j++;
    let first = 0;
    for (; isDigit(a, i) && isDigit(b, j); i++, j++) first ||= a.charCodeAt(i) - b.charCodeAt(j);
    if (isDigit(a, i)) return 1;
    if (isDigit(b, j)) return -1;
    if (first !== 0) return first;
  }
  return 0;
}

// `~` before everything, even the end; then the end and digits; then letters; then all else.
function weight(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 0x7e) return -1;
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122) ? code : code + 256;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

export type VersionOperator = '<<' | '<=' | '=' | '>=' | '>>';

/** True when `version` stands in the relation to `wanted`. */
export function satisfiesVersion(version: string, operator: VersionOperator, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  switch (operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}
