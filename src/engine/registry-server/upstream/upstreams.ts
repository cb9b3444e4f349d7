import { setTimeout as sleep } from 'node:timers/promises';
import { isShaleError, ShaleError, SingleFlight } from '../../../base/index.ts';
import { parseReference, type Digest } from '../../../oci/index.ts';
import {
  openRepository,
  refusal,
  type FetchedManifest,
  type RegistryOptions,
  type Repository,
} from '../../../registry/index.ts';
import { Downloads } from './download.ts';

/** Milliseconds that a registry has to say what a tag leads to, where the answer of an earlier time is at hand. */
export const PATIENCE_MS = 10_000;
/** Milliseconds before a cut connection is taken up again, doubled with each time that it is cut. */
const PAUSE_MS = 100;
/** What the client of a registry throws when it is not there, cannot do it now, or gives what it should not. */
const DOWN: readonly string[] = [
  'REGISTRY_UNREACHABLE',
  'REGISTRY_ERROR',
  'REGISTRY_PAGING',
  'REGISTRY_REDIRECT',
  'REGISTRY_INSECURE',
  'REGISTRY_UNSUPPORTED',
  'CREDENTIALS_UNAVAILABLE',
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'LIMIT_EXCEEDED',
];
const ABSENT: readonly string[] = ['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'REPOSITORY_UNKNOWN'];

/** One repository of a registry that is cached. */
export interface UpstreamRepository {
  /** Of the store: `docker.io/library/debian`. */
  readonly stored: string;
  readonly client: Repository;
}

/** What `--upstream` names: registries, the first of which has the names without a host. */
export interface UpstreamAddress {
  readonly registry: string;
  /** It is spoken to in plain http, because its URL says so. */
  readonly isPlain: boolean;
}

/** Reads `https://registry.example`, also without the scheme. @throws SERVE_FAILED */
export function parseUpstream(text: string): UpstreamAddress {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const fail = (why: string, hint: string): never => {
    throw new ShaleError('SERVE_FAILED', `the upstream ${JSON.stringify(text)} ${why}`, { hint });
  };
  if (url === null || !/^https?:$/.test(url.protocol) || url.host === '')
    return fail('is not the URL of a registry', 'one is https://registry-1.docker.io');
  if (url.username !== '' || url.password !== '') {
    const message = `the upstream ${url.host} is given with a password`;
    throw new ShaleError('SERVE_FAILED', message, { hint: `shale login ${url.host}` });
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return fail('has a path', 'repositories are asked for by the names that clients ask for');
  return { registry: parseReference(`${url.host}/a/b`).registry, isPlain: url.protocol === 'http:' };
}

/** The registries that are cached, and what is being asked of them now, on behalf of all clients of the server. */
export class Upstreams {
  /** The registry of names without a host. */
  readonly home: string;
  readonly downloads: Downloads = new Downloads();
  readonly #registries: ReadonlySet<string>;
  readonly #options: RegistryOptions;
  readonly #patienceMs: number;
  readonly #tags = new SingleFlight<string, Digest | undefined>();
  readonly #manifests = new SingleFlight<string, FetchedManifest | undefined>();

  constructor(
    addresses: readonly [UpstreamAddress, ...UpstreamAddress[]],
    options: RegistryOptions,
    patienceMs: number = PATIENCE_MS,
  ) {
    const plain = addresses.filter(({ isPlain }) => isPlain).map(({ registry }) => registry);
    this.home = addresses[0].registry;
    this.#registries = new Set(addresses.map(({ registry }) => registry));
    this.#options = {
      ...options,
      insecureHosts: [...options.insecureHosts, ...plain],
      // The machine's own clients may have this very server for a mirror.
      mirrors: {},
      waitsWhenBusy: false,
      // Clients wait meanwhile, and come back when they are sent away.
      pause: (attempt) => sleep(PAUSE_MS * 2 ** attempt, undefined, { signal: options.signal }),
    };
    this.#patienceMs = patienceMs;
  }

  has(registry: string): boolean {
    return this.#registries.has(registry);
  }

  /** Undefined for a repository of another registry. `stored`: as the store calls it. */
  repository(stored: string): UpstreamRepository | undefined {
    const slash = stored.indexOf('/');
    const [registry, repository] = [stored.slice(0, slash), stored.slice(slash + 1)];
    if (!this.has(registry)) return undefined;
    return { stored, client: openRepository({ registry, repository }, this.#options) };
  }

  /** What a tag leads to. `isUrgent`: the answer is not waited for as long as it may take. @throws as `ask` */
  tag({ stored, client }: UpstreamRepository, tag: string, isUrgent: boolean): Promise<Digest | undefined> {
    const asked = this.#tags.run(`${stored}:${tag}`, () => ask(client, () => client.findManifest(tag)));
    if (!isUrgent) return asked;
    return Promise.race([asked, this.#late(client)]);
  }

  async #late(client: Repository): Promise<never> {
    await sleep(this.#patienceMs, undefined, { ref: false });
    throw refusal('UNAVAILABLE', `${client.name} is not answered for within ${this.#patienceMs / 1000} s`);
  }

  /** A manifest, verified. @throws as `ask` */
  manifest({ stored, client }: UpstreamRepository, digest: Digest): Promise<FetchedManifest | undefined> {
    return this.#manifests.run(`${stored}@${digest}`, () => ask(client, () => client.manifest(digest)));
  }
}

/**
 * Asks an upstream, and says what goes wrong in the words of the registry that asks for others; undefined for what is not
 * there.
 * @throws DENIED, TOOMANYREQUESTS, UNAVAILABLE
 */
export async function ask<T>({ name }: Repository, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isShaleError(error)) throw error;
    if (ABSENT.includes(error.code)) return undefined;
    throw inOurWords(name, error);
  }
}

/** As what went wrong when an upstream was asked is told to a client. */
export function inOurWords(name: string, error: ShaleError): ShaleError {
  if (error.code === 'REGISTRY_AUTH') return refusal('DENIED', `the cache is not let in: ${error.message}`);
  const { status, waitMs } = error.data;
  if (status === 429) {
    const headers = { 'Retry-After': Math.max(1, Math.ceil(Number(waitMs ?? 0) / 1000)) };
    return refusal('TOOMANYREQUESTS', `${name}: ${error.message}`, { headers });
  }
  return DOWN.includes(error.code) ? refusal('UNAVAILABLE', `${name}: ${error.message}`) : error;
}

/** Whether what was known before is better than nothing now. */
export function isDown(error: unknown): error is ShaleError {
  return isShaleError(error, 'UNAVAILABLE', 'TOOMANYREQUESTS');
}
