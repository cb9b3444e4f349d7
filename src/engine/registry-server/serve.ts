import { readFile } from 'node:fs/promises';
import { isShaleError, messageOf, ShaleError } from '../../base/index.ts';
import { isLoopback } from '../../http/index.ts';
import { fetchFromSources } from '../../images/index.ts';
import { Layers } from '../../layers/index.ts';
import type { Digest } from '../../oci/index.ts';
import { parseAccounts, serveRegistry as serve, type RegistryStore, type UploadedBytes } from '../../registry/index.ts';
import { openStore, type IngestOptions, type Store } from '../../store/index.ts';
import { buildLimits, cacheCap } from '../cache-cap.ts';
import type { EngineContext } from '../context.ts';
import type { ServeRegistryRequest } from '../transfer-types.ts';
import type { Watch } from '../types.ts';
import { ServerMemory } from './memory.ts';
import { holdForManifest, StoreContents, writableRepository } from './store-contents.ts';
import { UpstreamContents } from './upstream/upstream-contents.ts';
import { parseUpstream, Upstreams } from './upstream/upstreams.ts';

/** The registry that names without a host mean. */
const HUB = 'docker.io';

/** Milliseconds between two collections, and how long one may take. */
const COLLECT_EVERY_MS: number = 10 * 60_000;
const COLLECT_BUDGET_MS = 1000;

/** Milliseconds that requests under way have when the server is to end. */
const DRAIN_MS = 5000;

/**
 * `shale serve registry`: until the signal is aborted, and until what was under way then is answered.
 * @throws SERVE_FAILED, SERVE_INSECURE
 */
export async function serveRegistry(
  context: EngineContext,
  request: ServeRegistryRequest,
  { signal }: Watch,
): Promise<void> {
  const { host, port, readOnly, listening, drainMs = DRAIN_MS } = request;
  requireSafe(request);
  const work = new AbortController();
  const tls = request.tls && { cert: await readText(request.tls.certFile), key: await readText(request.tls.keyFile) };
  const { htpasswdFile } = request;
  const accounts = htpasswdFile === undefined ? undefined : parseAccounts(await readText(htpasswdFile), htpasswdFile);
  const failed = (error: unknown): void => request.failed(messageOf(error));
  using _collecting = collectNowAndThen(context, failed);
  const upstreams = openUpstreams(context, request, work.signal);
  const writes = upstreams !== undefined ? 'unsupported' : readOnly ? 'denied' : 'taken';
  try {
    await serve(storeAsRegistry(context, upstreams, work.signal), {
      host,
      port,
      writes,
      listening,
      accounts,
      tls,
      signal,
      drainMs,
      cutOff: () => work.abort(new ShaleError('CANCELED', 'the server has ended')),
      failed,
    });
  } finally {
    await upstreams?.downloads.ended();
  }
}

/**
 * Whoever reaches the server may use it, or can listen to passwords and change what is sent: not by accident.
 * @throws SERVE_INSECURE
 */
function requireSafe({ host, tls, htpasswdFile, insecure = false }: ServeRegistryRequest): void {
  if (insecure || isLoopback(host) || (tls !== undefined && htpasswdFile !== undefined)) return;
  const open = htpasswdFile === undefined ? ['whoever reaches it could use the store'] : [];
  const plain = tls === undefined ? ['what is sent could be read and changed on its way'] : [];
  throw new ShaleError('SERVE_INSECURE', `other machines reach ${host}: ${[...open, ...plain].join(', and ')}`, {
    hint: 'give --htpasswd and --tls-cert; or --insecure where that is meant',
  });
}

/** @throws SERVE_FAILED */
function openUpstreams(
  context: EngineContext,
  { upstreams = [], host, port }: ServeRegistryRequest,
  signal: AbortSignal,
): Upstreams | undefined {
  const [first, ...others] = upstreams.map(parseUpstream);
  if (first === undefined) return undefined;
  if ([first, ...others].some(({ registry }) => registry === `${host}:${port}`))
    throw new ShaleError('SERVE_FAILED', `${host}:${port} would be its own upstream`);
  return new Upstreams([first, ...others], context.registry(signal));
}

/** Other commands collect when they end; this one does not end. What requests use is leased, as everywhere. */
function collectNowAndThen(context: EngineContext, failed: (error: unknown) => void): Disposable {
  const { home, runRoot, now } = context.options;
  const collect = async (): Promise<void> => {
    await using store = await openStore({ root: home, runRoot, clock: now });
    const maxCacheBytes = cacheCap(context);
    await store.collect({ budgetMs: COLLECT_BUDGET_MS, maxCacheBytes, ...buildLimits(context) });
  };
  const timer = setInterval(() => void collect().catch(failed), COLLECT_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ShaleError('SERVE_FAILED', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** A handle of the store for each request and each upload: what they hold ends with them. */
function storeAsRegistry(context: EngineContext, upstreams: Upstreams | undefined, signal: AbortSignal): RegistryStore {
  const { home: root, runRoot, now } = context.options;
  const home = HUB;
  const memory = new ServerMemory(now);
  const openHandle = (): Promise<Store> => openStore({ root, runRoot, clock: now });
  const openIngest = async (repository: string, id: string, existing: 'truncate' | 'required') => {
    const stored = writableRepository(repository, HUB);
    return await openUpload(await openHandle(), { ref: `upload ${stored} ${id}`, existing }, async (store, digest) => {
      await holdForManifest(store, digest, now());
      memory.addBlob(stored, digest);
    });
  };
  return {
    async open(registry) {
      const layers: Layers = new Layers(await openHandle(), {
        fetch: (diffId) => fetchFromSources(layers, diffId, { registry: context.registry(signal) }),
      });
      if (upstreams === undefined) return new StoreContents(layers, { memory, now, signal, home });
      const meant = registry !== undefined && upstreams.has(registry) ? registry : upstreams.home;
      return new UpstreamContents(layers, upstreams, { memory, now, signal, home: meant, openHandle });
    },
    upload: (repository, id) => openIngest(repository, id, 'truncate'),
    resume: async (repository, id) => {
      try {
        return await openIngest(repository, id, 'required');
      } catch (error) {
        if (isShaleError(error, 'INGEST_NOT_FOUND', 'INGEST_BUSY')) return undefined;
        throw error;
      }
    },
  };
}

async function openUpload(
  store: Store,
  options: IngestOptions,
  committed: (store: Store, digest: Digest) => Promise<void>,
): Promise<UploadedBytes> {
  await using opened = new AsyncDisposableStack();
  opened.use(store);
  const ingest = opened.use(await store.blobs.createIngest(options));
  const resources = opened.move();
  return {
    get sizeBytes() {
      return ingest.sizeBytes;
    },
    write: (chunk) => ingest.write(chunk),
    truncate: (sizeBytes) => ingest.truncate(sizeBytes),
    async commit(digest) {
      await committed(store, await ingest.commit(digest));
    },
    keep: () => ingest.keep(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
