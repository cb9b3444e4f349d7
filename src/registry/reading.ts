import { createHash } from 'node:crypto';
import { isShaleError, limitBytes, ShaleError } from '../base/index.ts';
import { headerOf, type HttpResponse } from '../http/index.ts';
import { digestFromHex, isDigest, MANIFEST_MAX_BYTES, MEDIA, type Descriptor, type Digest } from '../oci/index.ts';
import type { FetchedManifest } from './repository.ts';
import { drain, failureOf, isTransient, TRIES_MAX, type RegistrySession } from './session.ts';

const MANIFEST_TYPES = [MEDIA.ociIndex, MEDIA.ociManifest, MEDIA.dockerIndex, MEDIA.dockerManifest, '*/*'].join(', ');
/** A connection that gave this much before it broke does not count as a failed try. */
const PROGRESS_BYTES = 1024 * 1024;

/** A repository and the conversation in which it is asked for. */
export interface Place {
  readonly session: RegistrySession;
  /** Below the registry: `library/debian`. */
  readonly path: string;
  /** As people write it, for messages. */
  readonly name: string;
}

/** The scopes of a token that lets us read a repository. */
export function readScopes(path: string): string[] {
  return [`repository:${path}:pull`];
}

export async function fetchManifest(place: Place, tagOrDigest: string): Promise<FetchedManifest> {
  const what = `${place.name}${isDigest(tagOrDigest) ? '@' : ':'}${tagOrDigest}`;
  const request = {
    method: 'GET',
    target: `v2/${place.path}/manifests/${tagOrDigest}`,
    scopes: readScopes(place.path),
    headers: { accept: MANIFEST_TYPES },
  } as const;
  const { response, bytes } = await place.session.read(request, {
    maxBytes: MANIFEST_MAX_BYTES,
    what: `the manifest ${what}`,
  });
  if (response.status !== 200)
    throw await failureOf(response, place.session, { what, unknownCode: 'MANIFEST_UNKNOWN', verb: 'read' });
  const digest = digestFromHex(createHash('sha256').update(bytes).digest('hex'));
  const expected = isDigest(tagOrDigest) ? tagOrDigest : headerOf(response, 'docker-content-digest');
  if (isDigest(expected) && expected !== digest) {
    throw new ShaleError('DIGEST_MISMATCH', `the manifest ${what} has the digest ${digest}, expected ${expected}`, {
      data: { expected, got: digest },
    });
  }
  return { bytes, digest, mediaType: (headerOf(response, 'content-type') ?? '').split(';')[0]?.trim() ?? '' };
}

/** Asks with HEAD; a registry that does not know it, or does not say the digest, is asked for the manifest. */
export async function findManifest(place: Place, tagOrDigest: string): Promise<Digest | undefined> {
  const response = await place.session.request({
    method: 'HEAD',
    target: `v2/${place.path}/manifests/${tagOrDigest}`,
    scopes: readScopes(place.path),
    headers: { accept: MANIFEST_TYPES },
  });
  await drain(response);
  if (response.status === 404) return undefined;
  const digest = headerOf(response, 'docker-content-digest');
  if (response.status === 200 && isDigest(digest)) return digest;
  try {
    return (await fetchManifest(place, tagOrDigest)).digest;
  } catch (error) {
    if (isShaleError(error, 'MANIFEST_UNKNOWN')) return undefined;
    throw error;
  }
}

export async function hasBlob(place: Place, descriptor: Descriptor): Promise<boolean> {
  const response = await askForBlob(place, descriptor.digest);
  await drain(response);
  const size = headerOf(response, 'content-length');
  return response.status === 200 && (size === undefined || Number(size) === descriptor.size);
}

/** See `Repository.blobSize`. */
export async function blobSize(place: Place, digest: Digest): Promise<number | undefined> {
  const response = await askForBlob(place, digest);
  if (response.status === 404) return await drain(response).then(() => undefined);
  const what = `the blob ${digest}`;
  if (response.status !== 200)
    throw await failureOf(response, place.session, { what, unknownCode: 'BLOB_UNKNOWN', verb: 'read' });
  await drain(response);
  const size = Number(headerOf(response, 'content-length') ?? NaN);
  if (Number.isSafeInteger(size)) return size;
  throw new ShaleError('REGISTRY_ERROR', `${response.url.host} does not say how many bytes ${what} has`);
}

function askForBlob(place: Place, digest: Digest): Promise<HttpResponse> {
  const target = `v2/${place.path}/blobs/${digest}`;
  return place.session.request({ method: 'HEAD', target, scopes: readScopes(place.path) });
}

/** See `Repository.blob`. */
export async function* fetchBlob(place: Place, descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
  // All of it came before: an empty range would be refused.
  if (offset > 0 && offset === descriptor.size) return;
  const hash = offset === 0 ? createHash('sha256') : undefined;
  let done = offset;
  let attempt = 1;
  for (let before = done; ; before = done) {
    try {
      for await (const chunk of blobFrom(place, descriptor, done)) {
        hash?.update(chunk);
        done += chunk.byteLength;
        yield chunk;
      }
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (attempt >= TRIES_MAX) throw cutOff(descriptor, done, error);
    }
    if (done >= descriptor.size) break;
    if (attempt >= TRIES_MAX)
      throw new ShaleError(
        'SIZE_MISMATCH',
        `the blob ${descriptor.digest} ends after ${done} of ${descriptor.size} bytes`,
      );
    await place.session.pause(attempt);
    attempt = done - before >= PROGRESS_BYTES ? 1 : attempt + 1;
  }
  const got = hash === undefined ? descriptor.digest : `sha256:${hash.digest('hex')}`;
  if (got !== descriptor.digest)
    throw new ShaleError('DIGEST_MISMATCH', `the blob ${descriptor.digest} has the digest ${got}`, {
      data: { expected: descriptor.digest, got },
    });
}

async function* blobFrom(place: Place, descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
  const response = await place.session.request({
    method: 'GET',
    target: `v2/${place.path}/blobs/${descriptor.digest}`,
    scopes: readScopes(place.path),
    headers: offset === 0 ? {} : { range: `bytes=${offset}-` },
  });
  const what = `the blob ${descriptor.digest}`;
  if (response.status !== 200 && response.status !== 206)
    throw await failureOf(response, place.session, { what, unknownCode: 'BLOB_UNKNOWN', verb: 'read' });
  if (response.status === 206) checkRange(response, offset);
  checkLength(response, descriptor, response.status === 206 ? offset : 0);
  let skip = offset > 0 && response.status === 200 ? offset : 0;
  for await (const chunk of limitBytes(response.body, descriptor.size - offset + skip, what)) {
    if (skip < chunk.byteLength) yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.byteLength);
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

function cutOff(descriptor: Descriptor, done: number, cause: unknown): ShaleError {
  const where = `${done} of ${descriptor.size} bytes`;
  return new ShaleError('REGISTRY_UNREACHABLE', `the blob ${descriptor.digest} was cut off after ${where}`, { cause });
}
