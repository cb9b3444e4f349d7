import { mapPool, messageOf, ShaleError } from '../../base/index.ts';
import { openSources } from '../../build/index.ts';
import { headerOf, relay } from '../../http/index.ts';
import { pullImage, takeImage, type Document, type ImageSource } from '../../images/index.ts';
import { isRedacted, type LockedAnswer, type LockedBase } from '../../lock/index.ts';
import {
  parseManifest,
  parsePlatform,
  parseReference,
  type Descriptor,
  type Digest,
  type ImageManifest,
} from '../../oci/index.ts';
import type { EngineContext } from '../context.ts';
import { openSource } from '../places.ts';
import type { Watch } from '../types.ts';
import { makeWorkFolder } from '../work-folders.ts';
import { keepArchive, LOCK_ARTIFACT_TYPE, namedBlobs } from './archive.ts';
import { requireLock, type FoundLock } from './lock-place.ts';
import type { FetchOutcome, VendorPlace } from './lock-types.ts';
import { BASE_NAME, placeOf } from './vendor.ts';

/** Addresses that are asked at once. */
const FETCHES_AT_ONCE = 6;

/** `shale lock fetch`: see `LockEngine.fetchLocked`. */
export async function fetchLocked(
  context: EngineContext,
  path: string,
  from: VendorPlace | undefined,
  watch: Watch,
): Promise<FetchOutcome> {
  const found = requireLock(path);
  const outcome =
    from === undefined ? await fetchOutside(context, found, watch) : await takeIn(context, found, from, watch);
  if (outcome.failed.length === 0) await keepArchive(context.store, found.lock, found.path);
  return outcome;
}

/** From where it was vendored. @throws LOCK_DAMAGED, VENDOR_OTHER */
async function takeIn(
  context: EngineContext,
  found: FoundLock,
  from: VendorPlace,
  watch: Watch,
): Promise<FetchOutcome> {
  const { store, layers } = context;
  const place = placeOf(from);
  await using source = await openSource(context, place, watch);
  const root = await source.root();
  const parsed = parseManifest(root.bytes, root.mediaType);
  const entries = parsed.kind === 'index' ? parsed.index.manifests : [];
  const fetched: string[] = [];
  const here = new Set<Digest>();
  for (const entry of entries) {
    const base = entry.annotations?.[BASE_NAME];
    if (base !== undefined) {
      const locked = found.lock.bases.find(({ reference }) => reference === base);
      if (locked === undefined || (await store.images.find(locked.image)) !== undefined) continue;
      const only = { ...source, root: () => source.manifest(entry), [Symbol.asyncDispose]: async () => {} };
      const name = (await store.tags.find(base)) === undefined ? base : undefined;
      await takeImage(layers, only, { platform: 'any', lazy: false, name, reason: 'lock fetch', signal: watch.signal });
      fetched.push(base);
      continue;
    }
    const document = await source.manifest(entry);
    const { manifest } = requireArchive(document, source.name);
    for (const blob of manifest.layers) here.add(blob.digest);
    fetched.push(...(await takeBlobs(context, found, { source, layers: manifest.layers, watch })));
  }
  const failed: FetchOutcome['failed'][number][] = [];
  for (const [digest, what] of namedBlobs(found.lock))
    if ((await store.blobs.find(digest)) === undefined) failed.push({ what, why: `it is not in ${source.name}` });
  for (const { reference, image } of found.lock.bases)
    if ((await store.images.find(image)) === undefined)
      failed.push({ what: reference, why: `it is not in ${source.name}` });
  for (const source of found.lock.sources)
    if ('layer' in source && here.has(source.layer)) await layers.adopt(source.layer);
  return { path: found.path, fetched, failed };
}

function requireArchive(document: Document, name: string): { readonly manifest: ImageManifest } {
  const parsed = parseManifest(document.bytes, document.mediaType);
  if (parsed.kind === 'manifest' && parsed.manifest.artifactType === LOCK_ARTIFACT_TYPE) return parsed;
  throw new ShaleError('VENDOR_OTHER', `${name} is not what shale lock vendor writes`);
}

/** What the lock names and the store lacks. @throws LOCK_DAMAGED with the name of what is damaged */
async function takeBlobs(
  { store }: EngineContext,
  { lock }: FoundLock,
  {
    source,
    layers,
    watch,
  }: { readonly source: ImageSource; readonly layers: readonly Descriptor[]; readonly watch: Watch },
): Promise<string[]> {
  const names = namedBlobs(lock);
  const fetched: string[] = [];
  for (const blob of layers) {
    const name = names.get(blob.digest);
    if (name === undefined || (await store.blobs.find(blob.digest)) !== undefined) continue;
    try {
      await using ingest = await store.blobs.createIngest({
        expectedDigest: blob.digest,
        expectedSizeBytes: blob.size,
        signal: watch.signal,
      });
      for await (const chunk of source.blob(blob)) await ingest.write(chunk);
      await ingest.commit(blob.digest);
    } catch (cause) {
      watch.signal.throwIfAborted();
      throw new ShaleError('LOCK_DAMAGED', `${name} in ${source.name} is not what the lock file says`, {
        cause,
        data: { digest: blob.digest, name },
      });
    }
    fetched.push(name);
  }
  return fetched;
}

/** From where it came. What is not there any more, or other than it was, is told; the rest is brought all the same. */
async function fetchOutside(context: EngineContext, found: FoundLock, watch: Watch): Promise<FetchOutcome> {
  const { store } = context;
  const fetched: string[] = [];
  const failed: FetchOutcome['failed'][number][] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      fetched.push(what);
    } catch (error) {
      watch.signal.throwIfAborted();
      failed.push({ what, why: messageOf(error) });
    }
  };
  for (const base of found.lock.bases)
    if ((await store.images.find(base.image)) === undefined)
      await attempt(base.reference, () => pullBase(context, base, watch));
  const sources = openSources({
    layers: context.layers,
    makeFolder: () => makeWorkFolder(store),
    secret: async () => undefined,
    ssh: { kind: 'none' },
    env: context.options.env,
  });
  for (const source of found.lock.sources) {
    if ('url' in source) {
      if ((await store.blobs.find(source.digest)) !== undefined) continue;
      await attempt(source.url, async () => {
        await sources.url(source.url, source.digest, { signal: watch.signal });
      });
    } else if (!(await context.layers.isAvailable(source.layer)))
      failed.push({ what: source.repository, why: 'repositories are fetched by an ordinary build: shale build' });
  }
  const wanted = new Map<Digest, LockedAnswer>();
  for (const answer of found.lock.steps.flatMap((step) => step.fetched))
    if (answer.digest !== undefined && (await store.blobs.find(answer.digest)) === undefined)
      wanted.set(answer.digest, answer);
  await mapPool(Array.from(wanted), FETCHES_AT_ONCE, ([digest, answer]) =>
    attempt(answer.package === undefined ? answer.url : `${answer.package} ${answer.version ?? ''}`, () =>
      fetchAnswer(context, { digest, answer }, watch),
    ),
  );
  return { path: found.path, fetched, failed };
}

async function pullBase(context: EngineContext, base: LockedBase, watch: Watch): Promise<void> {
  if (base.digest === undefined) throw new ShaleError('LOCK_INCOMPLETE', 'it came from no registry');
  const reference = { ...parseReference(base.reference), tag: undefined, digest: base.digest };
  const platform = parsePlatform(base.platform);
  const pulled = await pullImage(context.layers, reference, {
    platform,
    registry: context.registry(watch.signal),
    lazy: false,
  });
  if (pulled.id !== base.image) throw new ShaleError('LOCK_DAMAGED', `its id is ${pulled.id}, expected ${base.image}`);
}

async function fetchAnswer(
  { store }: EngineContext,
  { digest, answer }: { readonly digest: Digest; readonly answer: LockedAnswer },
  { signal }: Watch,
): Promise<void> {
  if (isRedacted(answer.url)) throw new ShaleError('LOCK_REDACTED', 'its address held a secret, which was not kept');
  if (answer.method !== 'GET' || answer.body !== undefined)
    throw new ShaleError('LOCK_UNREACHABLE', `what ${answer.method} gave is not asked for again`);
  const url = new URL(answer.url);
  const encoding = answer.headers['content-encoding'];
  const response = await relay({
    area: 'LOCK',
    method: 'GET',
    url,
    body: new Uint8Array(),
    signal,
    headers: {
      accept: answer.headers['content-type'] ?? '*/*',
      'accept-encoding': encoding ?? 'identity',
      range: answer.range,
    },
    host: url.hostname,
    port: url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port),
    target: `${url.pathname}${url.search}`,
  });
  if (response.status !== answer.status)
    throw new ShaleError('LOCK_UNREACHABLE', `it answers ${response.status}, expected ${answer.status}`);
  const length = Number(headerOf(response, 'content-length') ?? answer.size ?? Number.NaN);
  await using ingest = await store.blobs.createIngest({ expectedDigest: digest, signal });
  for await (const chunk of response.body) {
    await ingest.write(chunk);
    if (ingest.sizeBytes > length) throw new ShaleError('LOCK_DAMAGED', `it gives more than ${length} bytes`);
  }
  await ingest.commit(digest);
}
