import type { ClientRequest, IncomingMessage } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import { collect, isSystemError, messageOf, ShaleError, streamOf, type ByteStream } from '../base/index.ts';

/** Redirects that one request may follow. */
const REDIRECTS_MAX = 10;
/** Milliseconds without a byte after which a connection counts as dead, unless the request says otherwise. */
const IDLE_TIMEOUT_MS = 60_000;

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a request sends. Opened again when a redirect asks for the same request elsewhere. */
export interface HttpBody {
  readonly sizeBytes: number;
  open(): ByteStream;
}

/** PEM texts for connections to one host, and whether its certificate is looked at. */
export interface TlsMaterial {
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  /** False only where the configuration says that the host is insecure. */
  readonly verify: boolean;
}

export interface HttpRequest {
  /** Who asks, as the codes of errors begin: `REGISTRY` gives `REGISTRY_UNREACHABLE`. */
  readonly area: string;
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether plain http may be spoken with a host (`host:port`). */
  readonly isInsecureAllowed: (host: string) => boolean;
  /** What to do where it may not, in one line. */
  readonly insecureHint?: (host: string) => string;
  readonly body?: HttpBody;
  /** What a TLS connection to a host (`host:port`, without a port that is 443) uses beside the usual. */
  readonly tls?: (host: string) => TlsMaterial | undefined;
  /** Milliseconds without a byte after which the connection counts as dead. */
  readonly idleTimeoutMs?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: ByteStream;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/**
 * Sends a request and follows redirects. `Authorization` goes to the origin that was asked for and never to another one that
 * it redirects to; a redirect from https to http is refused (CVE-2020-15157's class).
 * @throws …_UNREACHABLE, …_REDIRECT, …_INSECURE, each beginning with the request's area
 */
export async function send(request: HttpRequest): Promise<HttpResponse> {
  let url = request.url;
  let headers = request.headers;
  for (let redirects = 0; ; redirects++) {
    const response = await sendTrusting({ ...request, url, headers });
    const location = response.headers.location;
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined)
      return responseOf(response, url);
    response.resume();
    if (redirects >= REDIRECTS_MAX)
      throw new ShaleError(`${request.area}_REDIRECT`, `${url.host} redirects more than ${REDIRECTS_MAX} times`);
    const next = redirectTarget(location, url, request.area);
    if (request.body !== undefined && response.statusCode !== 307 && response.statusCode !== 308)
      throw new ShaleError(`${request.area}_REDIRECT`, `${url.host} redirects what was sent to it elsewhere`);
    if (next.origin !== url.origin) headers = withoutAuthorization(headers);
    url = next;
  }
}

/** A request of somebody else that is handed on as it is. */
export interface RelayedRequest {
  /** As in HttpRequest. */
  readonly area: string;
  readonly method: string;
  readonly url: URL;
  /** Those that belong to the connection that they came by are left out. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
  /** Where the connection goes. */
  readonly host: string;
  readonly port: number;
  /** What stands in the request line. */
  readonly target: string;
  /** How its host's name is looked up; as the machine does when absent. */
  readonly lookup?: LookupFunction;
}

/** RFC 9110 §7.6.1, and what Node writes by itself. */
const OF_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'expect',
];

/** Hands a request on and gives the answer whatever it is: nothing is added, and no redirect followed. @throws …_UNREACHABLE */
export async function relay(request: RelayedRequest): Promise<HttpResponse> {
  const { area, method, url, signal, body } = request;
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined || OF_CONNECTION.includes(name)
        ? []
        : [[name, typeof value === 'string' ? value : value.join(', ')]],
    ),
  );
  const bytes = { sizeBytes: body.byteLength, open: () => streamOf(body) };
  const response = await sendTrusting({
    area,
    method,
    url,
    headers,
    signal,
    connection: request,
    ...(body.byteLength > 0 && { body: bytes }),
    isInsecureAllowed: () => true,
  });
  return responseOf(response, url);
}

function redirectTarget(location: string, from: URL, area: string): URL {
  let next: URL;
  try {
    next = new URL(location, from);
  } catch {
    throw new ShaleError(`${area}_REDIRECT`, `${from.host} redirects to something that is not a URL`);
  }
  next.username = '';
  next.password = '';
  if (next.protocol !== 'https:' && next.protocol !== from.protocol) {
    throw new ShaleError(`${area}_REDIRECT`, `${from.host} redirects from ${from.protocol}// to ${next.protocol}//`);
  }
  return next;
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  const secret = ['authorization', 'cookie'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secret.includes(name.toLowerCase())));
}

function responseOf(response: IncomingMessage, url: URL): HttpResponse {
  return { status: response.statusCode ?? 0, headers: response.headers, body: response, url };
}

/** What TLS says of a certificate whose issuer it does not know. */
const UNKNOWN_ISSUER = [
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];
/** Hosts whose issuer stands in the machine's own list only. */
const trustedByMachine = new Set<string>();

/**
 * Node has a list of authorities of its own. The machine's, where companies put theirs, is read when a host cannot be
 * verified by it: that takes a tenth of a second.
 */
async function sendTrusting(request: OneRequest): Promise<IncomingMessage> {
  const { host } = request.url;
  try {
    return await sendOnce(request);
  } catch (error) {
    const isUnknown = error instanceof ShaleError && isSystemError(error.cause, ...UNKNOWN_ISSUER);
    if (!isUnknown || trustedByMachine.has(host)) throw error;
    trustedByMachine.add(host);
    return await sendOnce(request);
  }
}

type OneRequest = Omit<HttpRequest, 'method'> & {
  readonly method: string;
  /** Where it goes, and how, when that is not what its URL says. */
  readonly connection?: Pick<RelayedRequest, 'host' | 'port' | 'target' | 'lookup'>;
};

function sendOnce(request: OneRequest): Promise<IncomingMessage> {
  const { url, method, headers, signal, body, connection, idleTimeoutMs: timeout = IDLE_TIMEOUT_MS } = request;
  if (url.protocol === 'http:' && !request.isInsecureAllowed(url.host)) {
    throw new ShaleError(`${request.area}_INSECURE`, `${url.host} would be spoken to without encryption`, {
      ...(request.insecureHint && { hint: request.insecureHint(url.host) }),
    });
  }
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    // An `import` of these modules would load all of Node's fetch with them, which costs more than shale's own start.
    const { request: start } = process.getBuiltinModule(url.protocol === 'http:' ? 'node:http' : 'node:https');
    const length = body === undefined ? {} : { 'content-length': String(body.sizeBytes) };
    const ours = connection === undefined ? { 'user-agent': 'shale', 'accept-encoding': 'identity' } : {};
    const outgoing = start(
      url,
      {
        method,
        headers: { ...ours, ...length, ...headers },
        ...(connection !== undefined && {
          hostname: connection.host,
          port: connection.port,
          path: connection.target,
          ...(connection.lookup !== undefined && { lookup: connection.lookup }),
          ...(isIP(url.hostname) === 0 && { servername: url.hostname }),
        }),
        signal,
        timeout,
        ...(url.protocol === 'https:' && tlsOptions(request.tls?.(url.host), trustedByMachine.has(url.host))),
      },
      (response) => {
        isAnswered = true;
        // An answer that comes before all was sent makes the rest worthless.
        if (body !== undefined) response.once('end', () => outgoing.writableEnded || outgoing.destroy());
        resolve(response);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${timeout / 1000} seconds`)));
    outgoing.on('error', (cause) => {
      if (signal.aborted) return reject(signal.reason);
      reject(
        new ShaleError(
          `${request.area}_UNREACHABLE`,
          `cannot reach ${url.host}: ${isSystemError(cause, 'ECONNREFUSED') ? 'connection refused' : messageOf(cause)}`,
          { cause, data: { host: url.host } },
        ),
      );
    });
    if (body === undefined) outgoing.end();
    else
      sendBody(outgoing, body, () => isAnswered).catch((error: unknown) => {
        reject(error);
        outgoing.destroy();
      });
  });
}

/** Writes a body as fast as it is taken. Ends early, and well, when the connection does: `error` or the answer says why. */
async function sendBody(outgoing: ClientRequest, body: HttpBody, isAnswered: () => boolean): Promise<void> {
  for await (const chunk of body.open()) {
    if (outgoing.destroyed || isAnswered()) return;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
}

async function drained(outgoing: ClientRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    const events = ['drain', 'close', 'response'] as const;
    const done = (): void => {
      for (const event of events) outgoing.off(event, done);
      resolve();
    };
    for (const event of events) outgoing.on(event, done);
  });
}

function tlsOptions(material: TlsMaterial | undefined, isTrustedByMachine: boolean): object {
  const { ca = [], cert, key, verify = true } = material ?? {};
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  const more = [...ca, ...(isTrustedByMachine ? getCACertificates('system') : [])];
  return {
    ...(more.length > 0 && { ca: [...getCACertificates('default'), ...more] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(!verify && { rejectUnauthorized: false }),
  };
}

/** Reads the text of an error or token answer, as far as its limit goes. */
export async function bodyText(response: HttpResponse, maxBytes: number): Promise<string> {
  return (await collect(response.body, maxBytes, `the answer of ${response.url.host}`)).toString('utf8');
}

/** One value of a header that may come several times. */
export function headerOf(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
