import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { invariant } from '../../base/index.ts';
import {
  descriptorJson,
  digestOf,
  isDigest,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  MEDIA,
  type Descriptor,
  type Digest,
} from '../../oci/index.ts';
import type { Accounts } from './accounts.ts';
import { answer, refusal, type Headers } from './answer.ts';
import { appendBody, rangeOf, readBody } from './body.ts';
import type { RegistryContents, RegistryStore, ServedManifest } from './contents.ts';
import { pageOf } from './page.ts';
import { parseRange } from './range.ts';
import { digestIn, parseTarget, repositoryIn, tagIn, type Route } from './route.ts';
import type { Upload, Uploads } from './uploads.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' } as const;
/** Tags that one manifest may get with its upload. */
const TAGS_AT_ONCE_MAX = 10;

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** What the paths of the protocol know (distribution-spec, "Endpoints"). */
const METHODS: Readonly<Record<Route['kind'], readonly string[]>> = {
  base: ['GET', 'HEAD'],
  catalog: ['GET', 'HEAD'],
  tags: ['GET', 'HEAD'],
  referrers: ['GET', 'HEAD'],
  blob: ['GET', 'HEAD'],
  manifest: ['GET', 'HEAD', 'PUT', 'DELETE'],
  uploads: ['POST'],
  upload: ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'],
};

/** Whether anything is taken or removed: `denied` where it was decided so, `unsupported` by a cache of other registries. */
export type Writes = 'taken' | 'denied' | 'unsupported';

/** What the handlers work with. */
export interface Serving {
  readonly store: RegistryStore;
  readonly uploads: Uploads;
  readonly writes: Writes;
  readonly accounts: Accounts | undefined;
}

/** One request with its answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly contents: RegistryContents;
}

/** Answers one request of the distribution protocol. @throws the faults of the protocol, and what the store throws */
export async function handle(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  await serving.accounts?.admit(request.headers.authorization);
  const { route, query } = parseTarget(request.url ?? '');
  const method = request.method ?? '';
  const isReading = READING.has(method);
  requireMethod(serving.writes, route, method);
  if (route.kind === 'base') {
    answer(response, 200, JSON_TYPE, Buffer.from('{}'));
    return;
  }
  if (route.kind === 'upload') {
    await handleUpload(serving, route, { request, response, query });
    return;
  }
  // Clients that ask a mirror say so whose it should be: containerd does.
  await using contents = await serving.store.open(query.get('ns') ?? undefined);
  const exchange: Exchange = { request, response, query, contents };
  if (isReading) await read(route, exchange);
  else await change(serving, route, { ...exchange, method });
}

/** @throws UNSUPPORTED (405) with the methods that there are (RFC 9110, 15.5.6), DENIED */
function requireMethod(writes: Writes, route: Route, method: string): void {
  const known = METHODS[route.kind];
  if (!known.includes(method))
    throw refusal('UNSUPPORTED', `${method.slice(0, 20)} is not possible here`, { headers: allow(known) });
  if (READING.has(method) || writes === 'taken') return;
  if (writes === 'denied') throw refusal('DENIED', 'this registry takes nothing: it is read-only');
  const headers = allow(known.filter((one) => READING.has(one)));
  throw refusal('UNSUPPORTED', 'this registry takes nothing: it is a cache of another', { headers });
}

function allow(methods: readonly string[]): Headers {
  return { Allow: methods.join(', ') };
}

async function read(route: Route, exchange: Exchange): Promise<void> {
  const { contents, query, response } = exchange;
  switch (route.kind) {
    case 'manifest':
      return await sendManifest(exchange, route.repository, route.reference);
    case 'blob':
      return await sendBlob(exchange, route.repository, route.digest);
    case 'tags': {
      const { repository } = route;
      const tags = await contents.tags(repository);
      if (tags === undefined) throw refusal('NAME_UNKNOWN', `there is no repository ${repository}`);
      const { entries, link } = pageOf({ entries: tags, keyOf: itself, query, path: `/v2/${repository}/tags/list` });
      return sendList(response, { name: repository, tags: entries }, link);
    }
    case 'catalog': {
      const repositories = await contents.repositories();
      const { entries, link } = pageOf({ entries: repositories, keyOf: itself, query, path: '/v2/_catalog' });
      return sendList(response, { repositories: entries }, link);
    }
    case 'referrers':
      return sendReferrers(exchange, route, await contents.referrers(route.repository, route.digest));
    default:
      invariant(false, `${route.kind} is not among what is read`);
  }
}

async function change(serving: Serving, route: Route, exchange: Exchange & { readonly method: string }): Promise<void> {
  const { contents, response, method } = exchange;
  if (route.kind === 'uploads' && method === 'POST') return await beginUpload(serving, route.repository, exchange);
  if (route.kind === 'manifest' && method === 'PUT')
    return await takeManifest(exchange, route.repository, route.reference);
  if (route.kind === 'manifest' && method === 'DELETE') {
    const { repository, reference } = route;
    const isRemoved = isDigest(reference)
      ? await contents.removeManifest(repository, reference)
      : await contents.removeTag(repository, reference);
    if (isRemoved) return answer(response, 202);
    throw manifestUnknown(repository, reference);
  }
}

async function sendManifest(
  { request, response, contents }: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  // What is made here is compressed first, which takes its time.
  const found = await withoutTimeout(request, () => contents.manifest(repository, reference));
  if (found === undefined) throw manifestUnknown(repository, reference);
  const { bytes, digest, mediaType, warning } = found;
  const headers = {
    'Content-Type': mediaType,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    ...warningHeader(warning),
  };
  if (request.headers['if-none-match'] === headers.ETag) answer(response, 304, headers);
  else answer(response, 200, { ...headers, 'Content-Length': bytes.byteLength }, bytes);
}

async function sendBlob({ request, response, contents }: Exchange, repository: string, digest: Digest): Promise<void> {
  const blob = await contents.blob(repository, digest);
  if (blob === undefined) throw refusal('BLOB_UNKNOWN', `${repository} has no blob ${digest}`);
  const { sizeBytes } = blob;
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Accept-Ranges': 'bytes',
  };
  const range = request.method === 'GET' ? parseRange(request.headers.range, sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${sizeBytes}`, 'Content-Length': 0 });
    response.end();
    return;
  }
  const isSent = request.method !== 'HEAD' && sizeBytes > 0;
  const bytes = isSent ? await blob.open(range) : undefined;
  const length = range === undefined ? sizeBytes : range.end - range.start + 1;
  const part = range && { 'Content-Range': `bytes ${range.start}-${range.end}/${sizeBytes}` };
  response.writeHead(range === undefined ? 200 : 206, { ...headers, ...part, 'Content-Length': length });
  if (bytes === undefined) response.end();
  else await pipeline(bytes, response);
}

/** distribution-spec, "Listing Referrers": always an index, also for what nobody refers to. */
function sendReferrers(
  { query, response }: Exchange,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
  all: readonly Descriptor[],
): void {
  const wanted = query.get('artifactType');
  const listed = wanted === null ? all : all.filter((one) => one.artifactType === wanted);
  const { entries, link } = pageOf({
    entries: listed,
    keyOf: (descriptor) => descriptor.digest,
    query,
    path: `/v2/${repository}/referrers/${digest}`,
  });
  const filtered = wanted === null ? {} : { 'OCI-Filters-Applied': 'artifactType' };
  const headers = { 'Content-Type': MEDIA.ociIndex, ...filtered };
  const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: entries.map(descriptorJson) };
  sendList(response, index, link, headers);
}

function sendList(
  response: ServerResponse,
  list: object,
  link: string | undefined,
  headers: Headers = JSON_TYPE,
): void {
  const more = link === undefined ? {} : { Link: link };
  answer(response, 200, { ...headers, ...more }, Buffer.from(JSON.stringify(list)));
}

function itself(entry: string): string {
  return entry;
}

async function takeManifest(exchange: Exchange, repository: string, reference: string): Promise<void> {
  const { request, response, contents, query } = exchange;
  const bytes = await readBody(request, MANIFEST_MAX_BYTES);
  const digest = digestOf(bytes);
  if (isDigest(reference) && reference !== digest)
    throw refusal('DIGEST_INVALID', `the manifest is ${digest}, not ${reference}`);
  const more = query.getAll('tag');
  if (more.length > TAGS_AT_ONCE_MAX)
    throw refusal('MANIFEST_INVALID', `a manifest may get ${TAGS_AT_ONCE_MAX} tags at once`);
  const tags = isDigest(reference) ? more.map(tagIn) : [reference];
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  if (mediaType !== '' && !isManifestType(mediaType) && !isIndexType(mediaType))
    throw refusal('MANIFEST_INVALID', `${JSON.stringify(mediaType.slice(0, 100))} is not the type of a manifest`);
  const manifest: ServedManifest = { bytes, digest, mediaType };
  // Its layers are unpacked and verified now, however long that takes.
  const { subject, warning } = await withoutTimeout(request, () => contents.takeManifest(repository, manifest, tags));
  answer(response, 201, {
    Location: `/v2/${repository}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(subject !== undefined && { 'OCI-Subject': subject }),
    ...(more.length > 0 && { 'OCI-Tag': tags.join(', ') }),
    ...warningHeader(warning),
  });
}

/** Lets the connection rest while something is made; the client has its usual time again to take what it is given. */
async function withoutTimeout<T>({ socket }: IncomingMessage, work: () => Promise<T>): Promise<T> {
  const { timeout = 0 } = socket;
  socket.setTimeout(0);
  try {
    return await work();
  } finally {
    socket.setTimeout(timeout);
  }
}

async function beginUpload(serving: Serving, repository: string, exchange: Exchange): Promise<void> {
  const { query, contents, response, request } = exchange;
  const mounted = query.get('mount');
  const from = query.get('from');
  if (mounted !== null && from !== null) {
    const digest = digestIn(mounted);
    if (await contents.mount(repository, digest, repositoryIn(from))) return blobTaken(response, repository, digest);
  }
  const whole = query.get('digest');
  const digest = whole === null ? undefined : digestIn(whole);
  const upload = await serving.uploads.begin(repository);
  if (digest === undefined) return uploadGoesOn(response, 202, upload);
  try {
    await appendBody(request, upload.bytes);
    await upload.bytes.commit(digest);
  } finally {
    await serving.uploads.end(upload);
  }
  blobTaken(response, repository, digest);
}

async function handleUpload(
  { uploads }: Serving,
  { repository, id }: Extract<Route, { readonly kind: 'upload' }>,
  { request, response, query }: Omit<Exchange, 'contents'>,
): Promise<void> {
  await uploads.use(repository, id, async (upload) => {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return uploadGoesOn(response, 204, upload);
      case 'PATCH':
        await appendBody(request, upload.bytes);
        return uploadGoesOn(response, 202, upload);
      case 'PUT': {
        const digest = digestIn(query.get('digest'));
        await appendBody(request, upload.bytes);
        try {
          await upload.bytes.commit(digest);
        } finally {
          await uploads.end(upload);
        }
        return blobTaken(response, repository, digest);
      }
      case 'DELETE':
        await uploads.end(upload);
        return answer(response, 204);
      default:
        invariant(false, `an upload knows no ${request.method ?? ''}`);
    }
  });
}

/** distribution-spec, "Warnings". */
function warningHeader(warning: string | undefined): Headers {
  return warning === undefined ? {} : { Warning: `299 - ${JSON.stringify(warning.slice(0, 1000))}` };
}

function uploadGoesOn(response: ServerResponse, status: number, { id, repository, bytes }: Upload): void {
  answer(response, status, {
    Location: `/v2/${repository}/blobs/uploads/${id}`,
    Range: rangeOf(bytes.sizeBytes),
    'Docker-Upload-UUID': id,
  });
}

function blobTaken(response: ServerResponse, repository: string, digest: Digest): void {
  answer(response, 201, { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}

function manifestUnknown(repository: string, reference: string): Error {
  return refusal('MANIFEST_UNKNOWN', `${repository} has no manifest ${reference}`);
}
