import { JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { bodyText, send, type HttpRequest } from '../http/index.ts';

/** Bytes that a token answer may have. */
const TOKEN_BODY_MAX_BYTES = 1024 * 1024;

export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a WWW-Authenticate header (RFC 9110 §11.6.1): scheme and parameters of its first challenge. */
export function parseChallenge(header: string): Challenge | undefined {
  const match = /^\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s+(.*))?$/s.exec(header);
  if (match?.[1] === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, plain] of (match[2] ?? '').matchAll(
    /([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
  )) {
    parameters.set(name.toLowerCase(), quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'));
  }
  return { scheme: match[1].toLowerCase(), parameters };
}

/**
 * Fetches an anonymous bearer token (distribution token specification). The realm must be https; http will do for a registry
 * that is spoken to in plain itself, on a host where that is allowed. So no registry of the internet can make us ask
 * services of this machine (go-containerregistry#2193).
 * @throws REGISTRY_AUTH
 */
export async function fetchAnonymousToken(
  challenge: Challenge,
  scope: string,
  base: Pick<HttpRequest, 'area' | 'signal' | 'isInsecureAllowed' | 'url'>,
): Promise<string> {
  const realm = challenge.parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm))
    throw new ShaleError('REGISTRY_AUTH', 'the registry asks for a token but names no realm');
  const url = new URL(realm);
  const isPlain = url.protocol === 'http:' && base.url.protocol === 'http:' && base.isInsecureAllowed(url.host);
  if ((url.protocol !== 'https:' && !isPlain) || url.username !== '' || url.password !== '') {
    const realmShown = `${url.protocol}//${url.host}`;
    throw new ShaleError('REGISTRY_AUTH', `${base.url.host} names a token realm that is not asked: ${realmShown}`, {
      data: { realm: realmShown },
    });
  }
  const service = challenge.parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', challenge.parameters.get('scope') ?? scope);
  const response = await send({ ...base, method: 'GET', url, headers: { accept: 'application/json' } });
  const text = await bodyText(response, TOKEN_BODY_MAX_BYTES);
  if (response.status !== 200)
    throw new ShaleError('REGISTRY_AUTH', `${url.host} gives no token: status ${response.status}`);
  const fields = tokenFields(text, url.host);
  const token = fields.string('token') ?? fields.string('access_token');
  if (token === undefined || /[^\x21-\x7e]/.test(token))
    throw new ShaleError('REGISTRY_AUTH', `${url.host} answers without a usable token`);
  return token;
}

function tokenFields(text: string, host: string): JsonReader {
  try {
    return new JsonReader(parseJson(Buffer.from(text), 'the token'), 'the token', 'REGISTRY_AUTH');
  } catch (cause) {
    const what = /^\s*</.test(text) ? 'a web page, as for people to log in' : 'something that is no token';
    throw new ShaleError('REGISTRY_AUTH', `${host} answers with ${what}`, { cause });
  }
}
