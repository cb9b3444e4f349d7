import { isShaleError, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { bodyText, send, type HttpRequest } from '../http/index.ts';
import type { Challenge } from './challenge.ts';
import { basicAuthorization, isSameOwner, type Credential } from './credentials.ts';

/** Bytes that a token answer may have. */
const TOKEN_BODY_MAX_BYTES = 1024 * 1024;

export interface TokenRequest {
  /** What the token is for: `repository:library/debian:pull`. */
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  /** The request that was answered with the challenge. */
  readonly base: Pick<HttpRequest, 'area' | 'signal' | 'isInsecureAllowed' | 'insecureHint' | 'url' | 'tls'>;
}

/**
 * Fetches a bearer token (distribution token specification, and its OAuth2 form for identity tokens). The realm must be
 * https; http will do for a registry that is spoken to in plain itself, on a host where that is allowed. So no registry of
 * the internet can make us ask services of this machine (go-containerregistry#2193). Credentials go along only where the
 * realm belongs to the registry's owner; elsewhere the token is an anonymous one.
 * @throws REGISTRY_AUTH
 */
export async function fetchToken(challenge: Challenge, request: TokenRequest): Promise<string> {
  const { base } = request;
  const url = realmOf(challenge, base);
  const isOwn = isSameOwner(base.url.host, url.host);
  const credential = isOwn ? request.credential : undefined;
  // Without a scope it is a login, which an anonymous token would answer for anybody.
  if (!isOwn && request.credential !== undefined && request.scopes.length === 0)
    throw refused(url, 401, request, isOwn);
  const response = await send({ ...base, ...tokenQuery(challenge, url, { ...request, credential }) });
  const text = await bodyText(response, TOKEN_BODY_MAX_BYTES).catch((cause: unknown) => {
    if (isShaleError(cause)) throw cause;
    throw new ShaleError('REGISTRY_UNREACHABLE', `the token of ${url.host} was cut off`, { cause });
  });
  if (response.status !== 200) throw refused(url, response.status, request, isOwn);
  const fields = tokenFields(text, url.host);
  const token = fields.string('token') ?? fields.string('access_token');
  if (token === undefined || token === '' || /[^\x21-\x7e]/.test(token))
    throw new ShaleError('REGISTRY_AUTH', `${url.host} answers without a usable token`);
  return token;
}

function realmOf(challenge: Challenge, base: TokenRequest['base']): URL {
  const realm = challenge.parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm))
    throw new ShaleError('REGISTRY_AUTH', 'the registry asks for a token but names no realm');
  const url = new URL(realm);
  const isPlain = url.protocol === 'http:' && base.url.protocol === 'http:' && base.isInsecureAllowed(url.host);
  if ((url.protocol === 'https:' || isPlain) && url.username === '' && url.password === '') return url;
  const shown = `${url.protocol}//${url.host}`;
  throw new ShaleError('REGISTRY_AUTH', `${base.url.host} names a token realm that is not asked: ${shown}`, {
    data: { realm: shown },
  });
}

type TokenQuery = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>;

function tokenQuery(challenge: Challenge, realm: URL, { scopes, credential }: TokenRequest): TokenQuery {
  const service = challenge.parameters.get('service');
  const accept = { accept: 'application/json' };
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'shale',
      refresh_token: credential.token,
      scope: scopes.join(' '),
      ...(service !== undefined && { service }),
    });
    const bytes = Buffer.from(form.toString());
    return {
      method: 'POST',
      url: realm,
      headers: { ...accept, 'content-type': 'application/x-www-form-urlencoded' },
      body: {
        sizeBytes: bytes.length,
        async *open() {
          yield bytes;
        },
      },
    };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credential?.kind !== 'password') return { method: 'GET', url, headers: accept };
  url.searchParams.set('account', credential.username);
  const authorization = basicAuthorization(credential.username, credential.password);
  return { method: 'GET', url, headers: { ...accept, authorization } };
}

function refused(url: URL, status: number, { credential, base }: TokenRequest, isOwn: boolean): ShaleError {
  const isDenied = status === 401 || status === 403;
  if (credential !== undefined && !isOwn)
    return new ShaleError('REGISTRY_AUTH', `${url.host} gives no token without a login: status ${status}`, {
      hint: `the credentials of ${base.url.host} are not sent to ${url.host}, which belongs to somebody else`,
    });
  if (credential !== undefined && isDenied)
    return new ShaleError('REGISTRY_AUTH', `${url.host} does not accept the stored credentials of ${base.url.host}`, {
      hint: `shale login ${base.url.host}`,
    });
  return new ShaleError('REGISTRY_AUTH', `${url.host} gives no token: status ${status}`);
}

function tokenFields(text: string, host: string): JsonReader {
  try {
    return new JsonReader(parseJson(Buffer.from(text), 'the token'), 'the token', 'REGISTRY_AUTH');
  } catch (cause) {
    const what = /^\s*</.test(text) ? 'a web page, as for people to log in' : 'something that is no token';
    throw new ShaleError('REGISTRY_AUTH', `${host} answers with ${what}`, { cause });
  }
}
