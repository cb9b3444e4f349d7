import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ByteStream, isShaleError, isSystemError, messageOf, ShaleError } from '../base/index.ts';
import { headerOf, type HttpResponse, send } from '../http/index.ts';

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
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleTimeoutMs?: number;
}

const ATTEMPTS_MAX = 3;
const RETRY_DELAY_MS = 200;
const IDLE_TIMEOUT_MS = 30_000;
const NEVER: AbortSignal = new AbortController().signal;

/** Asks mirrors: plain http will do, since what comes is checked by signatures; a server that fails is asked again. */
export class HttpFetcher implements Fetcher {
  readonly #options: HttpFetcherOptions;

  constructor(options: HttpFetcherOptions) {
    this.#options = options;
  }

  async fetch(url: string, signal: AbortSignal | undefined): Promise<ByteStream> {
    if (url.startsWith('file:')) return openFile(url);
    const response = await this.#get(url, signal);
    if (response.status === 200) return readBody(response, url);
    void discard(response);
    throw refused(url, response.status);
  }

  async #get(url: string, signal: AbortSignal | undefined): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await send({
          area: 'FETCH',
          method: 'GET',
          url: new URL(url),
          headers: { 'user-agent': this.#options.userAgent, accept: '*/*' },
          signal: signal ?? NEVER,
          isInsecureAllowed: () => true,
          idleTimeoutMs: this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
        });
        if (response.status < 500 || attempt === ATTEMPTS_MAX) return response;
        void discard(response);
      } catch (error) {
        signal?.throwIfAborted();
        const isFinal = attempt === ATTEMPTS_MAX || !isShaleError(error, 'FETCH_UNREACHABLE');
        if (isFinal) {
          throw new ShaleError('FETCH_FAILED', `could not read ${redact(url)}: ${messageOf(error)}`, {
            cause: error,
            data: { url: redact(url) },
          });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * attempt));
    }
  }
}

/** Lets go of an answer that nobody reads. */
async function discard({ body }: HttpResponse): Promise<void> {
  try {
    // Leaving the loop ends the connection.
    for await (const _ of body) break;
  } catch {
    // It ended by itself.
  }
}

function refused(url: string, status: number): ShaleError {
  const code = status === 404 || status === 410 ? 'FETCH_NOT_FOUND' : 'FETCH_FAILED';
  return new ShaleError(code, `${redact(url)} answered ${status}`, { data: { url: redact(url), status } });
}

async function* readBody(response: HttpResponse, url: string): AsyncGenerator<Uint8Array> {
  const expected = Number(headerOf(response, 'content-length') ?? Number.NaN);
  let seen = 0;
  try {
    for await (const chunk of response.body) {
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
