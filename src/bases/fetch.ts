import { createReadStream } from 'node:fs';
import { request as httpRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import { fileURLToPath } from 'node:url';
import { type ByteStream, isSystemError, messageOf, ShaleError } from '../base/index.ts';

/** Reads what lies at an address. */
export interface Fetcher {
  /**
   * The bytes at `url` (http, https, file), redirects followed.
   * @throws FETCH_NOT_FOUND, FETCH_FAILED; the same codes may come while the stream is read.
   */
  fetch(url: string, signal: AbortSignal | undefined): Promise<ByteStream>;
}

export interface HttpFetcherOptions {
  /** Names the program in requests. */
  readonly userAgent: string;
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case forms are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleTimeoutMs?: number;
}

const REDIRECTS_MAX = 5;
const ATTEMPTS_MAX = 3;
const RETRY_DELAY_MS = 200;
const CONNECTIONS_MAX = 8;
const IDLE_TIMEOUT_MS = 30_000;

/** A small GET client over node:http and node:https: connections are kept open between requests until disposed. */
export class HttpFetcher implements Fetcher, Disposable {
  readonly #options: HttpFetcherOptions;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(options: HttpFetcherOptions) {
    this.#options = options;
    const agent = { keepAlive: true, maxSockets: CONNECTIONS_MAX, proxyEnv: proxyVariables(options.env) };
    this.#http = new HttpAgent(agent);
    this.#https = new HttpsAgent(agent);
  }

  async fetch(url: string, signal: AbortSignal | undefined): Promise<ByteStream> {
    let current = url;
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      if (current.startsWith('file:')) return openFile(current);
      const response = await this.#get(current, signal);
      const status = response.statusCode ?? 0;
      if (status === 200) return readBody(response, current);
      response.resume();
      const location = response.headers.location;
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw refused(current, status);
      current = followRedirect(current, location);
    }
    throw new ShaleError('FETCH_FAILED', `${redact(url)} redirects more than ${REDIRECTS_MAX} times`);
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #get(url: string, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#getOnce(url, signal);
        if ((response.statusCode ?? 0) < 500 || attempt === ATTEMPTS_MAX) return response;
        response.resume();
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt === ATTEMPTS_MAX) {
          const why = messageOf(error);
          throw new ShaleError('FETCH_FAILED', `could not read ${redact(url)}: ${why}`, {
            cause: error,
            data: { url: redact(url) },
          });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * attempt));
    }
  }

  #getOnce(url: string, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const target = new URL(url);
      const options = {
        agent: target.protocol === 'https:' ? this.#https : this.#http,
        headers: { 'user-agent': this.#options.userAgent, accept: '*/*' },
        timeout: this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      };
      const request = target.protocol === 'https:' ? httpsRequest(target, options) : httpRequest(target, options);
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('response', resolve);
      request.on('error', reject);
      request.end();
    });
  }
}

function proxyVariables(env: HttpFetcherOptions['env']): Record<string, string | undefined> {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries([...names, ...names.map((name) => name.toLowerCase())].map((name) => [name, env[name]]));
}

// A redirect away from https would give up what the user asked for.
function followRedirect(from: string, location: string): string {
  const target = new URL(location, from);
  const allowed = target.protocol === 'https:' || (target.protocol === 'http:' && from.startsWith('http:'));
  if (!allowed)
    throw new ShaleError('FETCH_FAILED', `${redact(from)} redirects to ${redact(target.href)}, which is not followed`);
  return target.href;
}

function refused(url: string, status: number): ShaleError {
  const code = status === 404 || status === 410 ? 'FETCH_NOT_FOUND' : 'FETCH_FAILED';
  return new ShaleError(code, `${redact(url)} answered ${status}`, { data: { url: redact(url), status } });
}

async function* readBody(response: IncomingMessage, url: string): AsyncGenerator<Uint8Array> {
  const expected = Number(response.headers['content-length'] ?? Number.NaN);
  let seen = 0;
  try {
    // Node's types leave the chunks of a response open; without an encoding they are buffers.
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      seen += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    throw new ShaleError('FETCH_FAILED', `reading ${redact(url)} stopped after ${seen} bytes: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (Number.isFinite(expected) && seen !== expected) {
    throw new ShaleError('FETCH_FAILED', `${redact(url)} ended after ${seen} of ${expected} bytes`);
  }
}

async function openFile(url: string): Promise<ByteStream> {
  const stream = createReadStream(fileURLToPath(url), { highWaterMark: 1024 * 1024 });
  try {
    await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject));
  } catch (error) {
    const code = isSystemError(error, 'ENOENT', 'ENOTDIR') ? 'FETCH_NOT_FOUND' : 'FETCH_FAILED';
    throw new ShaleError(code, `could not read ${url}: ${messageOf(error)}`, { cause: error, data: { url } });
  }
  return stream as AsyncIterable<Uint8Array>; // Without an encoding a file stream gives buffers.
}

/** The address without a name or password in it. */
export function redact(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/, '$1***@');
}
