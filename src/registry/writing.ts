import { ShaleError, type ByteStream } from '../base/index.ts';
import { headerOf, type HttpBody, type HttpResponse } from '../http/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { uploadedBytes } from './protocol.ts';
import type { Place } from './reading.ts';
import type { PushBlobOptions, PushManifest } from './repository.ts';
import { drain, failureOf, faultsOf, isBusy, retryAfterMs, TRIES_MAX, wasCut } from './session.ts';

/** A blob up to this size is sent with the request that ends its upload. */
const SMALL_BYTES = 64 * 1024;
/** An upload that came on by this much before it broke does not count as a failed try. */
const PROGRESS_BYTES = 1024 * 1024;
/** Milliseconds that a registry may take to put a large blob in its place, or to look into the layers of a manifest. */
const COMMIT_TIMEOUT_MS = 10 * 60_000;

/** The scopes of a token that lets us write, and take blobs from other repositories. */
function writeScopes(path: string, mountFrom: readonly string[] = []): string[] {
  return [`repository:${path}:pull,push`, ...mountFrom.map((from) => `repository:${from}:pull`)];
}

export async function pushManifest(
  place: Place,
  manifest: PushManifest,
): Promise<{ readonly listsReferrers: boolean }> {
  const what = `the manifest ${place.name}:${manifest.reference}`;
  const response = await place.session.request({
    method: 'PUT',
    target: `v2/${place.path}/manifests/${manifest.reference}`,
    scopes: writeScopes(place.path),
    headers: { 'content-type': manifest.mediaType },
    body: bodyOf(manifest.bytes),
    idleTimeoutMs: COMMIT_TIMEOUT_MS,
  });
  if (response.status < 300) {
    await drain(response);
    return { listsReferrers: headerOf(response, 'oci-subject') !== undefined };
  }
  if (response.status === 400 || response.status === 404) {
    const faults = await faultsOf(response);
    const isMissing = faults.some(({ code }) => code === 'MANIFEST_BLOB_UNKNOWN' || code === 'BLOB_UNKNOWN');
    throw new ShaleError(
      isMissing ? 'MANIFEST_BLOB_UNKNOWN' : 'REGISTRY_ERROR',
      `${place.session.host} refuses ${what}: ${faults[0]?.message ?? `status ${response.status}`}`,
      { data: { status: response.status, codes: faults.map(({ code }) => code) } },
    );
  }
  throw await failureOf(response, place.session, { what, unknownCode: 'REPOSITORY_UNKNOWN', verb: 'written' });
}

export async function deleteManifest(place: Place, tagOrDigest: string): Promise<void> {
  const what = `${place.name}:${tagOrDigest}`;
  const response = await place.session.request({
    method: 'DELETE',
    target: `v2/${place.path}/manifests/${tagOrDigest}`,
    scopes: [`repository:${place.path}:pull,push,delete`],
  });
  if (response.status < 300) return await drain(response);
  if (response.status === 405 || (response.status === 400 && tagOrDigest.startsWith('sha256:') === false))
    throw new ShaleError('REGISTRY_UNSUPPORTED', `${place.session.host} does not delete ${what}`, {
      data: { status: response.status },
    });
  throw await failureOf(response, place.session, { what, unknownCode: 'MANIFEST_UNKNOWN', verb: 'deleted' });
}

/** See `Repository.pushBlob`. */
export async function pushBlob(
  place: Place,
  descriptor: Descriptor,
  options: PushBlobOptions,
): Promise<'mounted' | 'sent'> {
  const from = options.mountFrom?.find((path) => path !== place.path);
  const upload = new Upload(place, descriptor, options);
  if (from !== undefined && (await upload.mount(from))) return 'mounted';
  await upload.run();
  return 'sent';
}

/** One upload session (distribution-spec, "Pushing a blob in chunks"): begun, sent, taken up again, ended. */
class Upload {
  readonly #place: Place;
  readonly #descriptor: Descriptor;
  readonly #options: PushBlobOptions;
  /** Where the next request of the session goes; undefined before it begins. */
  #location: URL | undefined;

  constructor(place: Place, descriptor: Descriptor, options: PushBlobOptions) {
    this.#place = place;
    this.#descriptor = descriptor;
    this.#options = options;
  }

  /** True when the registry took the blob from `from`; else an upload has begun, or none. */
  async mount(from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: this.#descriptor.digest, from });
    const response = await this.#place.session.request({
      method: 'POST',
      target: `v2/${this.#place.path}/blobs/uploads/?${query.toString()}`,
      scopes: writeScopes(this.#place.path, [from]),
    });
    await drain(response);
    if (response.status === 202) this.#moveOn(response);
    return response.status === 201;
  }

  async run(): Promise<void> {
    let offset = 0;
    try {
      for (let attempt = 1; ;) {
        const before = offset;
        const outcome = await this.#attempt(offset);
        if (outcome.kind === 'done') return;
        if (attempt >= TRIES_MAX) throw outcome.error;
        await this.#place.session.pause(attempt, outcome.waitMs);
        offset = (await this.#status()) ?? 0;
        attempt = offset - before >= PROGRESS_BYTES ? 1 : attempt + 1;
      }
    } catch (error) {
      await this.#cancel();
      throw error;
    }
  }

  async #attempt(offset: number): Promise<{ kind: 'done' } | { kind: 'again'; error: unknown; waitMs: number }> {
    try {
      if (this.#location === undefined) await this.#begin();
      const { size } = this.#descriptor;
      if (size > SMALL_BYTES && offset < size) {
        const sent = await this.#send(offset);
        if (sent !== undefined) return sent;
      }
      return await this.#end(size > SMALL_BYTES ? size : offset);
    } catch (error) {
      if (!wasCut(error)) throw error;
      return { kind: 'again', error, waitMs: 0 };
    }
  }

  async #begin(): Promise<void> {
    const response = await this.#place.session.request({
      method: 'POST',
      target: `v2/${this.#place.path}/blobs/uploads/`,
      scopes: writeScopes(this.#place.path),
      body: bodyOf(new Uint8Array(0)),
    });
    if (response.status !== 202) throw await this.#failure(response);
    await drain(response);
    this.#moveOn(response);
  }

  /** Sends everything from `offset` on in one request. Undefined when it arrived. */
  async #send(offset: number): Promise<{ kind: 'again'; error: unknown; waitMs: number } | undefined> {
    const { size } = this.#descriptor;
    const response = await this.#place.session.request({
      method: 'PATCH',
      target: this.#next(),
      scopes: writeScopes(this.#place.path),
      headers: {
        'content-type': 'application/octet-stream',
        ...(offset > 0 && { 'content-range': `${offset}-${size - 1}` }),
      },
      body: this.#bytesFrom(offset),
      retry: false,
    });
    if (response.status >= 300) return await this.#again(response);
    await drain(response);
    this.#moveOn(response);
    return undefined;
  }

  /** Ends the upload; of a small blob everything comes along. */
  async #end(offset: number): Promise<{ kind: 'done' } | { kind: 'again'; error: unknown; waitMs: number }> {
    const target = this.#next();
    target.searchParams.set('digest', this.#descriptor.digest);
    const response = await this.#place.session.request({
      method: 'PUT',
      target,
      scopes: writeScopes(this.#place.path),
      headers: { 'content-type': 'application/octet-stream' },
      body: this.#bytesFrom(offset),
      retry: false,
      idleTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    if (response.status >= 300) return await this.#again(response);
    await drain(response);
    this.#options.sent?.(this.#descriptor.size);
    return { kind: 'done' };
  }

  /** Busy, out of step or lost: worth another try. Anything else is the registry's last word. */
  async #again(response: HttpResponse): Promise<{ kind: 'again'; error: unknown; waitMs: number }> {
    const waitMs = retryAfterMs(response);
    const isLost = response.status === 404;
    const error = await this.#failure(response);
    if (!isBusy(response.status) && response.status !== 416 && !isLost) throw error;
    if (isLost) this.#location = undefined;
    return { kind: 'again', error, waitMs };
  }

  /** How much the registry has; undefined when the session is over, and another one begins. */
  async #status(): Promise<number | undefined> {
    if (this.#location === undefined) return undefined;
    const response = await this.#place.session.request({
      method: 'GET',
      target: this.#next(),
      scopes: writeScopes(this.#place.path),
    });
    await drain(response);
    const has = response.status === 204 ? uploadedBytes(headerOf(response, 'range')) : undefined;
    // Some registries say 0-0 where nothing has come yet; one byte less costs nothing.
    if (has === undefined || has <= 1 || has > this.#descriptor.size || this.#descriptor.size <= SMALL_BYTES) {
      await this.#cancel();
      return undefined;
    }
    this.#moveOn(response);
    return has;
  }

  async #cancel(): Promise<void> {
    const location = this.#location;
    this.#location = undefined;
    if (location === undefined) return;
    try {
      const scopes = writeScopes(this.#place.path);
      await drain(await this.#place.session.request({ method: 'DELETE', target: location, scopes, retry: false }));
    } catch {
      // A registry that does not hear of it forgets the upload by itself.
    }
  }

  /** The Location is used as it is given, query included. */
  #moveOn(response: HttpResponse): void {
    const location = headerOf(response, 'location');
    const next = location === undefined ? this.#location : URL.parse(location, response.url.href);
    if (next === undefined || next === null || !/^https?:$/.test(next.protocol))
      throw new ShaleError('REGISTRY_ERROR', `${response.url.host} does not say where an upload goes on`);
    this.#location = next;
  }

  #next(): URL {
    if (this.#location === undefined) throw new ShaleError('INVARIANT', 'an upload has begun before it goes on');
    return new URL(this.#location);
  }

  #bytesFrom(offset: number): HttpBody {
    const { size } = this.#descriptor;
    const { open, sent } = this.#options;
    return {
      sizeBytes: size - offset,
      async *open() {
        let done = offset;
        if (offset >= size) return;
        for await (const chunk of open(offset)) {
          yield chunk;
          done += chunk.byteLength;
          sent?.(done);
        }
      },
    };
  }

  async #failure(response: HttpResponse): Promise<ShaleError> {
    const what = `the blob ${this.#descriptor.digest} in ${this.#place.name}`;
    return await failureOf(response, this.#place.session, { what, unknownCode: 'REPOSITORY_UNKNOWN', verb: 'written' });
  }
}

function bodyOf(bytes: Uint8Array): HttpBody {
  return {
    sizeBytes: bytes.byteLength,
    async *open(): ByteStream {
      if (bytes.byteLength > 0) yield bytes;
    },
  };
}
