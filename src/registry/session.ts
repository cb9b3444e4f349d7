import { collect, isShaleError, isSystemError, ShaleError, SingleFlight } from '../base/index.ts';
import {
  bodyText,
  headerOf,
  send,
  type HttpBody,
  type HttpMethod,
  type HttpResponse,
  type TlsMaterial,
} from '../http/index.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { basicAuthorization, type Credential, type CredentialSource } from './credentials.ts';
import { ERROR_BODY_MAX_BYTES, parseFaults, type RegistryFault } from './protocol.ts';
import { fetchToken } from './token.ts';

/** Times that something is asked for when it is cut off or the registry is busy. */
export const TRIES_MAX = 5;
/** Milliseconds that a registry can make us wait before another try. */
const RETRY_AFTER_MAX_MS = 60_000;
/** Answers that say "later", or that a server gives while it restarts. */
const BUSY: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

export interface RegistryOptions {
  /** Hosts (`host[:port]`) that may be spoken to in plain http, beside loopback. */
  readonly insecureHosts: readonly string[];
  readonly signal: AbortSignal;
  /** By registry: base URLs that are asked before it, in their order. What a mirror gives is verified like all else. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** Waits before the try after number `attempt` (from 1), at least as long as the registry asks for. Ends early when cancelled. */
  readonly pause: (attempt: number, atLeastMs: number) => Promise<void>;
  /** False: an answer that says "later" is handed on at once, for whoever asked can wait as well. */
  readonly waitsWhenBusy?: boolean;
  /** Asked when a registry wants to know who we are; without it everything is asked for without a login. */
  readonly credentials?: CredentialSource;
  /** Certificates for a host, beside those of the system. */
  readonly certificates?: (host: string) => Omit<TlsMaterial, 'verify'> | undefined;
}

export interface SessionRequest {
  readonly method: HttpMethod;
  /** A path below the base, or where the registry sent us. */
  readonly target: string | URL;
  /** What a token has to be for: `repository:a/b:pull`. */
  readonly scopes: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** False for what only the caller can repeat. */
  readonly retry?: boolean;
  readonly idleTimeoutMs?: number;
}

/**
 * The conversation with one server: who we are to it, and patience. What was learnt in one request (tokens, whether it
 * speaks TLS) holds for the next.
 */
export class RegistrySession {
  /** The registry whose credentials are shown. */
  readonly registry: string;
  readonly #options: RegistryOptions;
  readonly #authorizations = new Map<string, string>();
  readonly #authorizing = new SingleFlight<string, string | undefined>();
  #base: URL;
  #isSchemeKnown: boolean;
  #credential: Promise<Credential | undefined> | undefined;

  /** `mirror`: the URL of a server that stands before the registry. */
  constructor(registry: string, options: RegistryOptions, mirror?: string) {
    this.#options = options;
    const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
    const mayBePlain = isInsecureAllowed(host, options);
    this.#base = new URL(
      mirror === undefined ? `${mayBePlain ? 'http' : 'https'}://${host}/` : `${mirror.replace(/\/+$/, '')}/`,
    );
    this.registry = mirror === undefined ? registry : this.#base.host;
    this.#isSchemeKnown = mirror !== undefined || !mayBePlain;
  }

  /** Of the server; for messages. */
  get host(): string {
    return this.#base.host;
  }

  /** True when somebody has logged in to this registry. */
  async hasCredential(): Promise<boolean> {
    return (await this.#findCredential()) !== undefined;
  }

  /**
   * Asks, and asks again while the registry is busy or the connection breaks. Any status is an answer; the body is the
   * caller's to read.
   * @throws REGISTRY_AUTH, REGISTRY_UNREACHABLE, REGISTRY_INSECURE, REGISTRY_REDIRECT, CREDENTIALS_UNAVAILABLE
   */
  async request(request: SessionRequest): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= TRIES_MAX || request.retry === false;
      let waitMs = 0;
      try {
        const response = await this.#authorized(request);
        if (isLast || !BUSY.has(response.status) || this.#options.waitsWhenBusy === false) return response;
        waitMs = retryAfterMs(response);
        await drain(response);
      } catch (error) {
        if (isLast || !wasCut(error)) throw error;
      }
      await this.pause(attempt, waitMs);
    }
  }

  /**
   * As `request`, with the body of a 200 read as a whole, and asked for again where the connection breaks within it. Of other
   * answers the body is the caller's to read.
   * @throws LIMIT_EXCEEDED, and as `request`
   */
  async read(
    request: SessionRequest,
    { maxBytes, what }: { readonly maxBytes: number; readonly what: string },
  ): Promise<{ readonly response: HttpResponse; readonly bytes: Buffer }> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.request(request);
      if (response.status !== 200) return { response, bytes: Buffer.alloc(0) };
      try {
        return { response, bytes: await collect(response.body, maxBytes, what) };
      } catch (error) {
        if (!isTransient(error)) throw error;
        if (attempt >= TRIES_MAX)
          throw new ShaleError('REGISTRY_UNREACHABLE', `${what} was cut off by ${response.url.host}`, { cause: error });
      }
      await this.pause(attempt);
    }
  }

  async pause(attempt: number, atLeastMs = 0): Promise<void> {
    await this.#options.pause(attempt, atLeastMs);
    this.#options.signal.throwIfAborted();
  }

  /** A 401 is answered once: whoever is not let in then is not let in. */
  async #authorized(request: SessionRequest): Promise<HttpResponse> {
    const key = request.scopes.join(' ');
    const known = this.#authorizations.get(key);
    const response = await this.#send(request, known);
    if (response.status !== 401) return response;
    const challenges = parseChallenges(headerOf(response, 'www-authenticate') ?? '');
    const answer = await this.#authorizing.run(key, () => this.#answer(challenges, request.scopes, response.url));
    if (answer === undefined || answer === known) return response;
    await drain(response);
    this.#authorizations.set(key, answer);
    return this.#send(request, answer);
  }

  async #send(request: SessionRequest, authorization: string | undefined): Promise<HttpResponse> {
    try {
      const response = await this.#sendOnce(request, authorization);
      if (this.#isSchemeKnown || response.status !== 400) return response;
      if (!/https/i.test(await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => ''))) return response;
    } catch (error) {
      // A server that wants TLS answers plain http with a reset, or with bytes that are no answer.
      if (this.#isSchemeKnown || !(wasCut(error) || isParseError(error)) || !(await this.#speaksTls())) throw error;
    }
    this.#useTls();
    return this.#sendOnce(request, authorization);
  }

  #useTls(): void {
    this.#base = new URL(this.#base.href.replace(/^http:/, 'https:'));
    this.#isSchemeKnown = true;
  }

  async #speaksTls(): Promise<boolean> {
    this.#isSchemeKnown = true;
    const url = new URL('v2/', this.#base.href.replace(/^http:/, 'https:'));
    try {
      await drain(await send({ ...this.#common(), method: 'GET', url, headers: {} }));
      return true;
    } catch {
      return false;
    }
  }

  async #sendOnce(request: SessionRequest, authorization: string | undefined): Promise<HttpResponse> {
    const { method, headers = {}, body, idleTimeoutMs } = request;
    const url = this.#urlOf(request.target);
    const response = await send({
      ...this.#common(),
      method,
      url,
      headers:
        authorization === undefined || url.origin !== this.#base.origin ? headers : { ...headers, authorization },
      ...(body !== undefined && { body }),
      ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    });
    if (response.status < 400) this.#isSchemeKnown = true;
    return response;
  }

  /** Behind a proxy that speaks TLS for it a registry often believes itself to be plain. */
  #urlOf(target: string | URL): URL {
    const url = new URL(target, this.#base);
    if (url.protocol === 'http:' && this.#base.protocol === 'https:' && url.hostname === this.#base.hostname)
      return new URL(url.href.replace(/^http:/, 'https:'));
    return url;
  }

  #common(): Pick<Parameters<typeof send>[0], 'area' | 'signal' | 'isInsecureAllowed' | 'insecureHint' | 'tls'> {
    const { signal, certificates } = this.#options;
    return {
      area: 'REGISTRY',
      signal,
      isInsecureAllowed: (host) => isInsecureAllowed(host, this.#options),
      insecureHint: (host) => `add "${host}" to registry.insecure in the configuration when that is meant`,
      tls: (host) => ({ ...certificates?.(host), verify: !isInsecureAllowed(host, this.#options) }),
    };
  }

  async #answer(challenges: readonly Challenge[], scopes: readonly string[], url: URL): Promise<string | undefined> {
    // After a redirect another server asks: it is none of its business who we are.
    if (url.origin !== this.#base.origin) return undefined;
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    const credential = challenges.length === 0 ? undefined : await this.#findCredential();
    if (bearer !== undefined) {
      if (credential?.kind === 'bearer') return `Bearer ${credential.token}`;
      const offered = bearer.parameters.get('scope');
      const wanted = scopes.length > 0 || offered === undefined ? scopes : [offered];
      const token = await fetchToken(bearer, { scopes: wanted, credential, base: { ...this.#common(), url } });
      return `Bearer ${token}`;
    }
    const isBasic = challenges.some((challenge) => challenge.scheme === 'basic');
    return isBasic && credential?.kind === 'password'
      ? basicAuthorization(credential.username, credential.password)
      : undefined;
  }

  #findCredential(): Promise<Credential | undefined> {
    return (this.#credential ??= this.#options.credentials?.find(this.registry) ?? Promise.resolve(undefined));
  }
}

/** Sessions of one command, by its options: tokens and what a server speaks are found out once. */
const sessions = new WeakMap<RegistryOptions, Map<string, RegistrySession>>();

/** The conversation with a registry or a mirror of it, the same one for equal options. */
export function sessionWith(registry: string, options: RegistryOptions, mirror?: string): RegistrySession {
  const known = sessions.get(options) ?? new Map<string, RegistrySession>();
  sessions.set(options, known);
  const key = `${registry} ${mirror ?? ''}`;
  const session = known.get(key) ?? new RegistrySession(registry, options, mirror);
  known.set(key, session);
  return session;
}

/** What an answer that is no success says. `what` is what was asked for; `unknownCode` is for what is not there. */
export async function failureOf(
  response: HttpResponse,
  session: RegistrySession,
  about: { readonly what: string; readonly unknownCode: string; readonly verb: string },
): Promise<ShaleError> {
  const faults = await faultsOf(response);
  const said = faults.map((fault) => fault.message).find((message) => message !== '');
  const { what, unknownCode, verb } = about;
  const data = { status: response.status, codes: faults.map((fault) => fault.code), waitMs: retryAfterMs(response) };
  if (response.status === 404) return new ShaleError(unknownCode, `${what} does not exist`, { data });
  if (response.status === 401 || response.status === 403) {
    const isKnown = await session.hasCredential();
    const why = isKnown ? `with the stored credentials of ${session.registry}` : 'without a login';
    return new ShaleError('REGISTRY_AUTH', `${what} may not be ${verb} ${why}`, {
      data,
      hint: isKnown
        ? `shale login ${session.registry} as somebody who may`
        : `shale login ${session.registry}; or the name is misspelt`,
    });
  }
  const ending = said === undefined ? '' : `: ${said}`;
  return new ShaleError('REGISTRY_ERROR', `${response.url.host} answers ${response.status} for ${what}${ending}`, {
    data,
  });
}

/** The faults that an answer names. Reads its body. */
export async function faultsOf(response: HttpResponse): Promise<RegistryFault[]> {
  return parseFaults(Buffer.from(await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => '')));
}

/** Reads an answer that nobody wants, so that its connection can be used again. */
export async function drain(response: HttpResponse): Promise<void> {
  await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => '');
}

/** What a registry asks us to wait (RFC 9110 §10.2.3), as far as we let it; a date is taken against its own clock. */
export function retryAfterMs(response: HttpResponse): number {
  const text = headerOf(response, 'retry-after') ?? '';
  const ms = /^[0-9]+$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.parse(headerOf(response, 'date') ?? text);
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : 0;
}

/** The server is there, and may do better the next time. */
export function isBusy(status: number): boolean {
  return BUSY.has(status);
}

/** What the stream of an answer throws by itself is a connection that broke. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Error && error.name === 'AbortError') return false;
  return !(error instanceof ShaleError) || error.code === 'REGISTRY_UNREACHABLE';
}

/** The connection was made and broke: what is worth another try. */
export function wasCut(error: unknown): boolean {
  return isShaleError(error, 'REGISTRY_UNREACHABLE') && isSystemError(error.cause, 'ECONNRESET', 'EPIPE');
}

function isParseError(error: unknown): boolean {
  return error instanceof ShaleError && isSystemError(error.cause) && error.cause.code?.startsWith('HPE_') === true;
}

/** Plain http is for loopback and for the hosts that the configuration names. */
export function isInsecureAllowed(host: string, options: Pick<RegistryOptions, 'insecureHosts'>): boolean {
  return (
    /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?$/.test(host) || options.insecureHosts.includes(host)
  );
}
