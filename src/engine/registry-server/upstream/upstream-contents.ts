import { isShaleError } from '../../../base/index.ts';
import type { Layers } from '../../../layers/index.ts';
import { isDigest, MEDIA, type Descriptor, type Digest } from '../../../oci/index.ts';
import type { ByteRange, ServedBlob, ServedManifest } from '../../../registry/index.ts';
import type { BlobStat, Store } from '../../../store/index.ts';
import { storeRepository } from '../names.ts';
import { fileBlob, StoreContents, type ContentsOptions } from '../store-contents.ts';
import type { Fetch } from './download.ts';
import { UpstreamRecords } from './records.ts';
import { ask, inOurWords, isDown, type UpstreamRepository, type Upstreams } from './upstreams.ts';

/** Tags of an upstream that are handed on. */
const TAGS_MAX = 100_000;
/** Bytes of a blob of unknown kind that is fetched for clients. */
const MEDIA_TYPE_OF_BLOBS = 'application/octet-stream';

export interface UpstreamOptions extends ContentsOptions {
  readonly openHandle: () => Promise<Store>;
}

/**
 * The store as a cache of registries that stands before them. What a digest names is fetched once, verified and kept; what a
 * tag leads to is asked for each time, and answered from memory, with a warning, where nobody answers. Names that an upstream
 * does not have, and those of other registries, are the store's own.
 */
export class UpstreamContents extends StoreContents {
  readonly #upstreams: Upstreams;
  readonly #layers: Layers;
  readonly #home: string;
  readonly #signal: AbortSignal;
  readonly #openHandle: () => Promise<Store>;
  readonly #records: UpstreamRecords;

  constructor(layers: Layers, upstreams: Upstreams, options: UpstreamOptions) {
    super(layers, options);
    this.#upstreams = upstreams;
    this.#layers = layers;
    this.#home = options.home;
    this.#signal = options.signal;
    this.#openHandle = options.openHandle;
    this.#records = new UpstreamRecords(layers.store);
  }

  #upstream(repository: string): UpstreamRepository | undefined {
    const stored = storeRepository(repository, this.#home);
    return stored === undefined ? undefined : this.#upstreams.repository(stored);
  }

  override async manifest(repository: string, reference: string): Promise<ServedManifest | undefined> {
    const upstream = this.#upstream(repository);
    if (upstream === undefined) return super.manifest(repository, reference);
    if (!isDigest(reference)) return this.#byTag(upstream, repository, reference);
    return (await super.manifest(repository, reference)) ?? (await this.#byDigest(upstream, reference));
  }

  async #byTag(upstream: UpstreamRepository, repository: string, tag: string): Promise<ServedManifest | undefined> {
    const { stored, client } = upstream;
    const known = await this.#records.tag(stored, tag);
    const before = known === undefined ? undefined : await this.#records.manifest(stored, known);
    try {
      const digest = await this.#upstreams.tag(upstream, tag, before !== undefined);
      const now = digest === undefined ? undefined : await this.#byDigest(upstream, digest);
      if (now === undefined) {
        await this.#records.dropTag(stored, tag);
        return await super.manifest(repository, tag);
      }
      if (now.digest !== known) await this.#records.setTag(stored, tag, now.digest);
      return now;
    } catch (error) {
      const old = isDown(error) ? (before ?? (await super.manifest(repository, tag))) : undefined;
      if (old === undefined || !isDown(error)) throw error;
      const warning = `${client.name}:${tag} may be another image by now: ${error.message}`;
      return { ...old, warning };
    }
  }

  async #byDigest(upstream: UpstreamRepository, digest: Digest): Promise<ServedManifest | undefined> {
    const known = await this.#records.manifest(upstream.stored, digest);
    if (known !== undefined) return known;
    const fetched = await this.#upstreams.manifest(upstream, digest);
    if (fetched === undefined) return undefined;
    const { bytes, mediaType } = fetched;
    const manifest = { bytes, digest, mediaType: mediaType === '' ? MEDIA.ociManifest : mediaType };
    await this.#records.addManifest(upstream.stored, manifest);
    return manifest;
  }

  override async blob(repository: string, digest: Digest): Promise<ServedBlob | undefined> {
    const own = await super.blob(repository, digest);
    const upstream = this.#upstream(repository);
    if (own !== undefined || upstream === undefined) return own;
    const { stored, client } = upstream;
    const holder = await this.#records.holderOf(stored, digest);
    // What is here already is for those only to whom the upstream would give it.
    const sizeBytes = holder?.sizeBytes ?? (await ask(client, () => client.blobSize(digest)));
    if (sizeBytes === undefined) return undefined;
    const there = await this.#layers.store.blobs.find(digest);
    if (there !== undefined) {
      await this.#records.addBlob(stored, digest, sizeBytes);
      return fileBlob(there);
    }
    return { sizeBytes, open: (range) => this.#stream(upstream, { digest, sizeBytes }, range) };
  }

  async #stream(
    upstream: UpstreamRepository,
    blob: Pick<BlobStat, 'digest' | 'sizeBytes'>,
    range: ByteRange = { start: 0, end: blob.sizeBytes - 1 },
  ): Promise<AsyncIterable<Uint8Array>> {
    const fetch: Fetch = (began, moved) => this.#fetch(upstream, blob, began, moved);
    try {
      return await this.#upstreams.downloads.of(blob.digest, blob.sizeBytes, fetch).open(range);
    } catch (error) {
      throw isShaleError(error) ? inOurWords(upstream.client.name, error) : error;
    }
  }

  /** In a handle of its own: the request that began it may be over before. */
  async #fetch(
    { stored, client }: UpstreamRepository,
    { digest, sizeBytes }: Pick<BlobStat, 'digest' | 'sizeBytes'>,
    ...[began, moved]: Parameters<Fetch>
  ): Promise<BlobStat> {
    await using store = await this.#openHandle();
    const descriptor: Descriptor = { mediaType: MEDIA_TYPE_OF_BLOBS, digest, size: sizeBytes };
    const blob = await store.blobs.ensure(digest, { sizeBytes, signal: this.#signal }, async (ingest) => {
      began(ingest);
      for await (const chunk of client.blob(descriptor, ingest.sizeBytes)) {
        await ingest.write(chunk);
        moved(ingest.sizeBytes);
      }
    });
    await new UpstreamRecords(store).addBlob(stored, digest, sizeBytes);
    return blob;
  }

  override async tags(repository: string): Promise<readonly string[] | undefined> {
    const upstream = this.#upstream(repository);
    if (upstream === undefined) return super.tags(repository);
    const { stored, client } = upstream;
    const own = async (): Promise<readonly string[]> => (await super.tags(repository)) ?? [];
    try {
      const tags = await ask(client, () => collectTags(client.tags()));
      return tags === undefined ? await super.tags(repository) : sorted(tags);
    } catch (error) {
      const known = isDown(error) ? [...(await own()), ...(await this.#records.tags(stored))] : [];
      if (known.length === 0) throw error;
      return sorted(known);
    }
  }

  override async referrers(repository: string, subject: Digest): Promise<readonly Descriptor[]> {
    const upstream = this.#upstream(repository);
    if (upstream === undefined) return super.referrers(repository, subject);
    const { client } = upstream;
    return (await ask(client, () => client.referrers(subject))) ?? (await super.referrers(repository, subject));
  }
}

async function collectTags(tags: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const tag of tags) if (all.push(tag) >= TAGS_MAX) break;
  return all;
}

/** In the order of their bytes, each once. */
function sorted(tags: readonly string[]): string[] {
  return [...new Set(tags)].toSorted((a, b) => (a < b ? -1 : 1));
}
