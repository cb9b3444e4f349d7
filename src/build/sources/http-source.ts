import { createHash, type Hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  framedHash,
  isJsonObject,
  isShaleError,
  limitBytes,
  messageOf,
  ShaleError,
  type ByteString,
  type Json,
} from '../../base/index.ts';
import { bodyText, headerOf, send, type HttpResponse } from '../../http/index.ts';
import { isDigest, type Digest } from '../../oci/index.ts';
import type { Store } from '../../store/index.ts';
import { dispositionFileName, shownUrl } from './url-text.ts';

/** A file of the web that lies in the store. */
export interface FetchedUrl {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  /** What the server calls it, where it says (RFC 6266). */
  readonly fileName: ByteString | undefined;
  /** Seconds since 1970, where the server says. */
  readonly lastModified: number | undefined;
}

/** The value of a build secret; undefined when nobody gave one of that name. */
export type ReadSecret = (id: string) => Promise<Uint8Array | undefined>;

export interface FetchUrlOptions {
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly secret: ReadSecret;
  /** `ALGORITHM:HEX` over the content. */
  readonly checksum?: string;
  /** Bytes so far, and of all (0 when unknown). */
  readonly progress?: (current: number, total: number) => void;
}

/** Bytes that one URL may give. */
const CONTENT_BYTES_MAX: number = 64 * 1024 ** 3;
/** Bytes of an error answer that are read, so that the connection can be let go. */
const ERROR_BODY_BYTES_MAX = 64 * 1024;
const TRIES_MAX = 3;
const RETRY_DELAY_MS = 250;
/** Answers that say "later". */
const BUSY: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);
const CHECKSUM_HEX_DIGITS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** The kind and version of what is remembered of a URL. */
const DOMAIN = 'shale url 1';

/**
 * The content of a URL, in the store. What was fetched before is asked for by its ETag and Last-Modified, and not sent
 * again when it has not changed (RFC 9110 §13); with a checksum of something that is here, nobody is asked.
 * @throws SOURCE_NOT_FOUND, SOURCE_AUTH, SOURCE_FAILED, SOURCE_UNREACHABLE, SOURCE_REDIRECT, CHECKSUM_INVALID,
 * DIGEST_MISMATCH, LIMIT_EXCEEDED
 */
export async function fetchUrl(url: string, options: FetchUrlOptions): Promise<FetchedUrl> {
  const { store } = options;
  const checksum = options.checksum === undefined ? undefined : parseChecksum(options.checksum);
  const key = framedHash(DOMAIN, url);
  const known = await remembered(store, key);
  const pinned = known ?? (checksum?.digest && (await stored(store, checksum.digest, undefined)));
  if (pinned !== undefined && checksum?.digest === pinned.digest) return pinned;
  const headers = {
    accept: '*/*',
    ...(await authorization(url, options.secret)),
    ...conditions(checksum === undefined ? known : undefined),
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await ask(url, headers, options);
      if (answer.status === 304 && known !== undefined) return known;
      if (answer.status === 200) return await take(answer, { url, key, checksum, options });
      await bodyText(answer, ERROR_BODY_BYTES_MAX).catch(() => '');
      if (attempt >= TRIES_MAX || !BUSY.has(answer.status)) throw refused(url, answer.status);
    } catch (error) {
      options.signal.throwIfAborted();
      if (attempt >= TRIES_MAX || !isShaleError(error, 'SOURCE_CUT')) throw error;
    }
    await setTimeout(RETRY_DELAY_MS * attempt, undefined, { signal: options.signal });
  }
}

interface Checksum {
  readonly algorithm: string;
  readonly hex: string;
  /** The same as a digest of the store, where it is one. */
  readonly digest: Digest | undefined;
}

/** @throws CHECKSUM_INVALID */
function parseChecksum(text: string): Checksum {
  const [algorithm = '', hex = ''] = text.split(':');
  if (CHECKSUM_HEX_DIGITS[algorithm] !== hex.length || !/^[0-9a-f]+$/.test(hex))
    throw new ShaleError('CHECKSUM_INVALID', `${JSON.stringify(text)} is no checksum of a file`, {
      hint: 'it is written as sha256:HEX, sha384:HEX or sha512:HEX',
    });
  return { algorithm, hex, digest: isDigest(text) ? text : undefined };
}

interface Remembered extends FetchedUrl {
  readonly etag: string | undefined;
  /** As the server wrote it. */
  readonly modified: string | undefined;
}

/** What an earlier build fetched from a URL, as long as it is in the store. */
async function remembered(store: Store, key: string): Promise<Remembered | undefined> {
  const record = await store.cacheRecords.find(key);
  const result: Json | undefined = record?.trusted === true ? record.result : undefined;
  if (!isJsonObject(result) || !isDigest(result['digest'])) return undefined;
  const there = await stored(store, result['digest'], text(result['fileName']));
  const modified = text(result['lastModified']);
  return there && { ...there, etag: text(result['etag']), modified, lastModified: seconds(modified) };
}

async function stored(store: Store, digest: Digest, fileName: ByteString | undefined): Promise<FetchedUrl | undefined> {
  const blob = await store.blobs.find(digest);
  return blob && { digest, sizeBytes: blob.sizeBytes, path: blob.path, fileName, lastModified: undefined };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function seconds(date: string | undefined): number | undefined {
  const ms = Date.parse(date ?? '');
  return Number.isFinite(ms) && ms >= 0 ? Math.floor(ms / 1000) : undefined;
}

function conditions(known: Remembered | undefined): Record<string, string> {
  if (known?.etag !== undefined) return { 'if-none-match': known.etag };
  return known?.modified === undefined ? {} : { 'if-modified-since': known.modified };
}

/** `HTTP_AUTH_HEADER_<host>` is a whole header, `HTTP_AUTH_TOKEN_<host>` a bearer token; the token wins, as with BuildKit. */
async function authorization(url: string, secret: ReadSecret): Promise<Record<string, string>> {
  const host = new URL(url).hostname;
  const token = await secret(`HTTP_AUTH_TOKEN_${host}`);
  const header = token === undefined ? await secret(`HTTP_AUTH_HEADER_${host}`) : undefined;
  const value =
    token === undefined ? header && Buffer.from(header).toString() : `Bearer ${Buffer.from(token).toString()}`;
  if (value === undefined) return {};
  const line = value.replace(/[\r\n]+$/, '');
  if (/[^\x20-\x7e\t]/.test(line))
    throw new ShaleError('SECRET_INVALID', `the secret for ${host} cannot be sent in a header: it is no line of text`);
  return { authorization: line };
}

function ask(url: string, headers: Record<string, string>, { signal }: FetchUrlOptions): Promise<HttpResponse> {
  return send({
    area: 'SOURCE',
    method: 'GET',
    url: new URL(url),
    headers,
    signal,
    // The Dockerfile says http or https itself.
    isInsecureAllowed: () => true,
  });
}

interface Taking {
  readonly url: string;
  readonly key: string;
  readonly checksum: Checksum | undefined;
  readonly options: FetchUrlOptions;
}

async function take(answer: HttpResponse, { url, key, checksum, options }: Taking): Promise<FetchedUrl> {
  const { store, signal } = options;
  const total = Number(headerOf(answer, 'content-length') ?? 0);
  const other = checksum === undefined || checksum.algorithm === 'sha256' ? undefined : createHash(checksum.algorithm);
  await using ingest = await store.blobs.createIngest({ signal });
  for await (const chunk of bodyOf(answer, url)) {
    other?.update(chunk);
    await ingest.write(chunk);
    options.progress?.(ingest.sizeBytes, total);
  }
  if (total > 0 && ingest.sizeBytes !== total) throw cut(url, `it ended after ${ingest.sizeBytes} of ${total} bytes`);
  const { sizeBytes } = ingest;
  const digest = await ingest.commit();
  verify(checksum, digest, other, url);
  const modified = headerOf(answer, 'last-modified');
  const fileName = dispositionFileName(headerOf(answer, 'content-disposition'));
  const result = {
    digest,
    ...given('etag', strongest(headerOf(answer, 'etag'))),
    ...given('lastModified', modified),
    ...given('fileName', fileName),
  };
  const slot = `url ${key}`;
  await store.cacheRecords.put(
    { keys: [key], slot, result, blobs: [digest], sizeBytes, trusted: true },
    { replace: true },
  );
  return { digest, sizeBytes, path: store.blobs.path(digest), fileName, lastModified: seconds(modified) };
}

/** A tag that is not one would be sent back as a header of its own. */
function strongest(etag: string | undefined): string | undefined {
  return etag !== undefined && /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? etag : undefined;
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

async function* bodyOf(answer: HttpResponse, url: string): AsyncGenerator<Uint8Array> {
  try {
    yield* limitBytes(answer.body, CONTENT_BYTES_MAX, shownUrl(url));
  } catch (error) {
    if (isShaleError(error)) throw error;
    throw cut(url, messageOf(error), error);
  }
}

function verify(checksum: Checksum | undefined, digest: Digest, other: Hash | undefined, url: string): void {
  if (checksum === undefined) return;
  const got = other === undefined ? digest : `${checksum.algorithm}:${other.digest('hex')}`;
  const expected = `${checksum.algorithm}:${checksum.hex}`;
  if (got !== expected) throw mismatch(url, expected, got);
}

function mismatch(url: string, expected: string, got: string): ShaleError {
  return new ShaleError('DIGEST_MISMATCH', `${shownUrl(url)} has the checksum ${got}, expected ${expected}`, {
    data: { expected, got },
    hint: 'the file has changed, or the checksum belongs to another one',
  });
}

/** Worth another try: the connection was made and broke. */
function cut(url: string, why: string, cause?: unknown): ShaleError {
  return new ShaleError('SOURCE_CUT', `reading ${shownUrl(url)} stopped: ${why}`, {
    ...(cause !== undefined && { cause }),
  });
}

function refused(url: string, status: number): ShaleError {
  const shown = shownUrl(url);
  const data = { url: shown, status };
  if (status === 404 || status === 410)
    return new ShaleError('SOURCE_NOT_FOUND', `${shown} does not exist (${status})`, { data });
  if (status !== 401 && status !== 403) return new ShaleError('SOURCE_FAILED', `${shown} answers ${status}`, { data });
  const { hostname } = new URL(url);
  return new ShaleError('SOURCE_AUTH', `${shown} may not be read without credentials (${status})`, {
    data,
    hint: `give them with --secret id=HTTP_AUTH_TOKEN_${hostname}`,
  });
}
