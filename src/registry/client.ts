import { createHash } from 'node:crypto';
import { collect, isShaleError, isSystemError, limitBytes, ShaleError, type ByteStream } from '../base/index.ts';
import { bodyText, headerOf, send, type HttpRequest, type HttpResponse } from '../http/index.ts';
import {
  digestFromHex,
  isDigest,
  MANIFEST_MAX_BYTES,
  MEDIA,
  type Descriptor,
  type Digest,
  type Reference,
} from '../oci/index.ts';
import { fetchAnonymousToken, parseChallenge } from './token.ts';

/** Times that something is asked for when it is cut off or the registry is busy. */
const TRIES_MAX = 5;
/** Milliseconds that a registry can make us wait before another try. */
const RETRY_AFTER_MAX_MS = 60_000;
/** Answers that say "later", or that a server gives while it restarts. */
const BUSY: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
/** Bytes of an error answer that are looked at. */
const ERROR_BODY_MAX_BYTES = 64 * 1024;

export interface RegistryOptions {
  /** Hosts (`host[:port]`) that may be spoken to in plain http, beside loopback. */
  readonly insecureHosts: readonly string[];
  readonly signal: AbortSignal;
  /** By registry: base URLs that are asked before it, in their order. What a mirror gives is verified like all else. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** Waits before the try after number `attempt` (from 1), at least as long as the registry asks for. Ends early when cancelled. */
  readonly pause: (attempt: number, atLeastMs: number) => Promise<void>;
}

/** A manifest as it came: its bytes are what its digest is of. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** One repository of a registry, for reading (distribution-spec, "Pull"). */
export interface Repository {
  /**
   * Fetches a manifest by tag or digest and verifies it.
   * @throws MANIFEST_UNKNOWN, DIGEST_MISMATCH, REGISTRY_AUTH, REGISTRY_UNREACHABLE, REGISTRY_ERROR
   */
  manifest(tagOrDigest: string): Promise<FetchedManifest>;
  /**
   * Streams a blob; the stream fails at its end when size or digest are not the descriptor's. A connection that breaks is
   * taken up again where it ended, five times.
   * @throws BLOB_UNKNOWN, DIGEST_MISMATCH, SIZE_MISMATCH
   */
  blob(descriptor: Descriptor): ByteStream;
}

const MANIFEST_TYPES = [MEDIA.ociIndex, MEDIA.ociManifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(', ');

export function openRepository(reference: Reference, options: RegistryOptions): Repository {
  const mirrors = (options.mirrors?.[reference.registry] ?? []).map(
    (mirror) => new RepositoryClient(reference, options, mirror),
  );
  const own = new RepositoryClient(reference, options);
  return mirrors.length === 0 ? own : new MirroredRepository([...mirrors, own]);
}

/** Asks mirrors first. One that is down, or does not have what is asked for, is passed over; one that lies is not. */
class MirroredRepository implements Repository {
  readonly #places: readonly Repository[];

  constructor(places: readonly Repository[]) {
    this.#places = places;
  }

  async manifest(tagOrDigest: string): Promise<FetchedManifest> {
    let failure: unknown;
    for (const place of this.#places) {
      try {
        return await place.manifest(tagOrDigest);
      } catch (error) {
        if (!isAbsence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async *blob(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    let failure: unknown;
    for (const place of this.#places) {
      let begun = false;
      try {
        for await (const chunk of place.blob(descriptor)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun || !isAbsence(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

function isAbsence(error: unknown): boolean {
  return isShaleError(
    error,
    'MANIFEST_UNKNOWN',
    'BLOB_UNKNOWN',
    'REGISTRY_UNREACHABLE',
    'REGISTRY_ERROR',
    'REGISTRY_AUTH',
  );
}

class RepositoryClient implements Repository {
  readonly #name: string;
  readonly #base: URL;
  readonly #options: RegistryOptions;
  #authorization: string | undefined;

  constructor(reference: Reference, options: RegistryOptions, mirror?: string) {
    this.#name = reference.repository;
    this.#options = options;
    const host = reference.registry === 'docker.io' ? 'registry-1.docker.io' : reference.registry;
    const origin = mirror?.replace(/\/+$/, '') ?? `${isInsecureAllowed(host, options) ? 'http' : 'https'}://${host}`;
    this.#base = new URL(`${origin}/v2/${reference.repository}/`);
  }

  async manifest(tagOrDigest: string): Promise<FetchedManifest> {
    const what = `${this.#base.host}/${this.#name}:${tagOrDigest}`;
    const response = await this.#get(`manifests/${tagOrDigest}`, { accept: MANIFEST_TYPES });
    if (response.status !== 200) throw await failure(response, 'MANIFEST_UNKNOWN', what);
    const bytes = await collect(response.body, MANIFEST_MAX_BYTES, `the manifest ${what}`);
    const digest = digestFromHex(createHash('sha256').update(bytes).digest('hex'));
    const expected = isDigest(tagOrDigest) ? tagOrDigest : headerOf(response, 'docker-content-digest');
    if (isDigest(expected) && expected !== digest) {
      throw new ShaleError('DIGEST_MISMATCH', `the manifest ${what} has the digest ${digest}, expected ${expected}`, {
        data: { expected, got: digest },
      });
    }
    return { bytes, digest, mediaType: (headerOf(response, 'content-type') ?? '').split(';')[0]?.trim() ?? '' };
  }

  async *blob(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let done = 0;
    for (let attempt = 1; ; attempt++) {
      try {
        for await (const chunk of this.#blobFrom(descriptor, done)) {
          hash.update(chunk);
          done += chunk.byteLength;
          yield chunk;
        }
      } catch (error) {
        this.#options.signal.throwIfAborted();
        if (!isTransient(error)) throw error;
        if (attempt >= TRIES_MAX) throw cutOff(descriptor, done, error);
      }
      if (done >= descriptor.size) break;
      if (attempt >= TRIES_MAX)
        throw new ShaleError(
          'SIZE_MISMATCH',
          `the blob ${descriptor.digest} ends after ${done} of ${descriptor.size} bytes`,
        );
      await this.#options.pause(attempt, 0);
    }
    const got = `sha256:${hash.digest('hex')}`;
    if (got !== descriptor.digest)
      throw new ShaleError('DIGEST_MISMATCH', `the blob ${descriptor.digest} has the digest ${got}`, {
        data: { expected: descriptor.digest, got },
      });
  }

  async *#blobFrom(descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
    const response = await this.#get(`blobs/${descriptor.digest}`, offset === 0 ? {} : { range: `bytes=${offset}-` });
    if (response.status !== 200 && response.status !== 206)
      throw await failure(response, 'BLOB_UNKNOWN', `the blob ${descriptor.digest}`);
    if (response.status === 206) checkRange(response, offset);
    checkLength(response, descriptor, response.status === 206 ? offset : 0);
    let skip = offset > 0 && response.status === 200 ? offset : 0;
    for await (const chunk of limitBytes(
      response.body,
      descriptor.size - offset + skip,
      `the blob ${descriptor.digest}`,
    )) {
      if (skip < chunk.byteLength) yield skip === 0 ? chunk : chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.byteLength);
    }
  }

  /** Asks, and asks again while the registry is busy. */
  async #get(path: string, headers: Record<string, string>): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= TRIES_MAX;
      let waitMs = 0;
      try {
        const response = await this.#getOnce(path, headers);
        if (isLast || !BUSY.has(response.status)) return response;
        waitMs = retryAfterMs(response);
        await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => '');
      } catch (error) {
        if (isLast || !wasCut(error)) throw error;
      }
      await this.#options.pause(attempt, waitMs);
      this.#options.signal.throwIfAborted();
    }
  }

  async #getOnce(path: string, headers: Record<string, string>): Promise<HttpResponse> {
    const request: HttpRequest = {
      area: 'REGISTRY',
      method: 'GET',
      url: new URL(path, this.#base),
      headers: this.#authorization === undefined ? headers : { ...headers, authorization: this.#authorization },
      signal: this.#options.signal,
      isInsecureAllowed: (host) => isInsecureAllowed(host, this.#options),
    };
    const response = await send(request);
    const challenge =
      response.status === 401 ? parseChallenge(headerOf(response, 'www-authenticate') ?? '') : undefined;
    if (challenge?.scheme !== 'bearer') return response;
    await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => '');
    this.#authorization = `Bearer ${await fetchAnonymousToken(challenge, `repository:${this.#name}:pull`, request)}`;
    return send({ ...request, headers: { ...headers, authorization: this.#authorization } });
  }
}

/** Part of a blob must be the part that was asked for: joined wrongly it would look like corruption on our side. */
function checkRange(response: HttpResponse, offset: number): void {
  const range = headerOf(response, 'content-range');
  if (range === undefined || Number(/^bytes (\d+)-/.exec(range)?.[1]) === offset) return;
  throw new ShaleError(
    'REGISTRY_ERROR',
    `${response.url.host} gives the bytes ${JSON.stringify(range.slice(0, 60))} of a blob, asked for from ${offset} on`,
  );
}

/** A registry that announces another length has another blob: asking again would not help. */
function checkLength(response: HttpResponse, { digest, size }: Descriptor, offset: number): void {
  const announced = headerOf(response, 'content-length');
  if (announced === undefined || Number(announced) === size - offset) return;
  throw new ShaleError('SIZE_MISMATCH', `the blob ${digest} has ${Number(announced) + offset} bytes, expected ${size}`);
}

/** What a registry asks us to wait (RFC 9110 §10.2.3), as far as we let it; a date is taken against its own clock. */
function retryAfterMs(response: HttpResponse): number {
  const text = headerOf(response, 'retry-after') ?? '';
  const ms = /^[0-9]+$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.parse(headerOf(response, 'date') ?? text);
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS) : 0;
}

/** The connection was made and broke: what is worth another try. */
function wasCut(error: unknown): boolean {
  return isShaleError(error, 'REGISTRY_UNREACHABLE') && isSystemError(error.cause, 'ECONNRESET', 'EPIPE');
}

/** Plain http is for loopback and for the hosts that the configuration names. */
export function isInsecureAllowed(host: string, options: Pick<RegistryOptions, 'insecureHosts'>): boolean {
  return (
    /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?$/.test(host) || options.insecureHosts.includes(host)
  );
}

function isTransient(error: unknown): boolean {
  return !(error instanceof ShaleError) || error.code === 'REGISTRY_UNREACHABLE';
}

function cutOff(descriptor: Descriptor, done: number, cause: unknown): ShaleError {
  const where = `${done} of ${descriptor.size} bytes`;
  return new ShaleError('REGISTRY_UNREACHABLE', `the blob ${descriptor.digest} was cut off after ${where}`, { cause });
}

async function failure(response: HttpResponse, unknownCode: string, what: string): Promise<ShaleError> {
  const text = await bodyText(response, ERROR_BODY_MAX_BYTES).catch(() => '');
  const said = /"message"\s*:\s*"([^"\\]{1,200})"/.exec(text)?.[1];
  const data = { status: response.status };
  if (response.status === 404) return new ShaleError(unknownCode, `${what} does not exist`, { data });
  if (response.status === 401 || response.status === 403) {
    return new ShaleError('REGISTRY_AUTH', `${what} may not be read without a login`, {
      data,
      hint: 'the image may be private, or the name misspelt',
    });
  }
  return new ShaleError(
    'REGISTRY_ERROR',
    `${response.url.host} answers ${response.status} for ${what}${said === undefined ? '' : `: ${said}`}`,
    { data },
  );
}
