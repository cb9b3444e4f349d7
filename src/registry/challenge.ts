/** One way to authenticate that a server offers. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+";
/** Challenges that one header is read for. */
const CHALLENGES_MAX = 20;

/** Reads a WWW-Authenticate header (RFC 9110 §11.6.1), or several joined by commas. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const parameter = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 's');
  const scheme = new RegExp(`^(${TOKEN})(?=\\s|,|$)`);
  for (let rest = header.slice(0, 16_384).trimStart(); rest !== '';) {
    const pair = parameter.exec(rest);
    const name = pair === null ? scheme.exec(rest) : null;
    if (pair !== null) {
      const [, key = '', quoted, plain = ''] = pair;
      challenges.at(-1)?.parameters.set(key.toLowerCase(), quoted?.replaceAll(/\\(.)/gs, '$1') ?? plain);
    } else if (name !== null) {
      if (challenges.length >= CHALLENGES_MAX) break;
      challenges.push({ scheme: (name[1] ?? '').toLowerCase(), parameters: new Map() });
    }
    const taken = (pair ?? name)?.[0].length ?? 1;
    rest = rest.slice(taken).replace(/^[\s,]+/, '');
  }
  return challenges;
}
