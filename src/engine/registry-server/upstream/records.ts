import { framedHash, isJsonObject, type Json } from '../../../base/index.ts';
import { isDigest, MANIFEST_MAX_BYTES, type Digest } from '../../../oci/index.ts';
import type { ServedManifest } from '../../../registry/index.ts';
import type { Store } from '../../../store/index.ts';
import { factsOf } from '../manifest-facts.ts';

/** Names the kinds of keys, and their version. */
const DOMAIN = 'shale upstream 1';
/** Manifests and tags of one repository that are looked through. */
const REMEMBERED_MAX = 1000;

/** A record that keeps a blob, and the blob's size as the manifest of the record has it. */
interface Holder {
  readonly record: number;
  readonly sizeBytes: number;
}

/**
 * What was pulled through, as records of the cache (docs/formats/pulled-through.md): one for each manifest, which keeps it with
 * those of its blobs that are here, so that an image goes as a whole when the cache has to shrink; and one for each tag.
 */
export class UpstreamRecords {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async manifest(repository: string, digest: Digest): Promise<ServedManifest | undefined> {
    const { cacheRecords, blobs } = this.#store;
    const record = await cacheRecords.find(keyOf('manifest', repository, digest));
    if (!isJsonObject(record?.result) || (await blobs.find(digest)) === undefined) return undefined;
    const { mediaType } = record.result;
    if (typeof mediaType !== 'string') return undefined;
    return { bytes: await blobs.read(digest, MANIFEST_MAX_BYTES), digest, mediaType };
  }

  async addManifest(repository: string, manifest: ServedManifest): Promise<void> {
    const { cacheRecords, blobs } = this.#store;
    const { bytes, digest, mediaType } = manifest;
    await blobs.put(bytes);
    const sizes = factsOf(manifest).sizes;
    const here: Digest[] = [];
    for (const blob of sizes.keys()) if ((await blobs.find(blob)) !== undefined) here.push(blob);
    await cacheRecords.put({
      keys: [keyOf('manifest', repository, digest)],
      slot: slotOf('manifests', repository),
      result: { mediaType, digest, sizes: Object.fromEntries(sizes) },
      blobs: [digest, ...here],
      sizeBytes: bytes.byteLength,
    });
  }

  /** The record that keeps a blob of a repository: one of its manifest, or its own. */
  async holderOf(repository: string, blob: Digest): Promise<Holder | undefined> {
    for (const { id, result } of await this.#store.cacheRecords.findNearest(
      slotOf('manifests', repository),
      REMEMBERED_MAX,
    )) {
      const sizes = isJsonObject(result) ? result['sizes'] : undefined;
      const sizeBytes = isJsonObject(sizes) ? sizes[blob] : undefined;
      if (typeof sizeBytes === 'number') return { record: id, sizeBytes };
    }
    return undefined;
  }

  /** A blob that is here stays as long as its manifest; one that no manifest is known to name has a record of its own. */
  async addBlob(repository: string, blob: Digest, sizeBytes: number): Promise<void> {
    const { cacheRecords } = this.#store;
    const holder = await this.holderOf(repository, blob);
    if (holder !== undefined) return await cacheRecords.addBlob(holder.record, blob);
    await cacheRecords.put({
      keys: [keyOf('blob', repository, blob)],
      slot: slotOf('manifests', repository),
      result: { sizes: { [blob]: sizeBytes } },
      blobs: [blob],
      sizeBytes,
    });
  }

  async tag(repository: string, tag: string): Promise<Digest | undefined> {
    const record = await this.#store.cacheRecords.find(keyOf('tag', repository, tag));
    return tagIn(record?.result)?.digest;
  }

  async setTag(repository: string, tag: string, digest: Digest): Promise<void> {
    const record = {
      keys: [keyOf('tag', repository, tag)],
      slot: slotOf('tags', repository),
      result: { tag, digest },
      blobs: [digest],
    };
    await this.#store.cacheRecords.put(record, { replace: true });
  }

  /** The upstream has it no more. */
  async dropTag(repository: string, tag: string): Promise<void> {
    const record = await this.#store.cacheRecords.find(keyOf('tag', repository, tag));
    if (record !== undefined) await this.#store.cacheRecords.remove(record.id);
  }

  async tags(repository: string): Promise<string[]> {
    const records = await this.#store.cacheRecords.findNearest(slotOf('tags', repository), REMEMBERED_MAX);
    return records.filter(({ keys }) => keys.length > 0).flatMap(({ result }) => tagIn(result)?.tag ?? []);
  }
}

function tagIn(result: Json | undefined): { readonly tag: string; readonly digest: Digest } | undefined {
  if (!isJsonObject(result)) return undefined;
  const { tag, digest } = result;
  return typeof tag === 'string' && isDigest(digest) ? { tag, digest } : undefined;
}

function keyOf(kind: 'manifest' | 'blob' | 'tag', repository: string, name: string): string {
  return framedHash(DOMAIN, { kind, repository, name });
}

/** `shale cache ls` shows it. */
function slotOf(kind: 'manifests' | 'tags', repository: string): string {
  return `pulled through: ${kind} of ${repository}`;
}
