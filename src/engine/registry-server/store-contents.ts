import { createReadStream } from 'node:fs';
import { ShaleError } from '../../base/index.ts';
import { storeSource, type FoundImage, type StoreSource } from '../../images/index.ts';
import type { Layers } from '../../layers/index.ts';
import {
  isDigest,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  parseManifest,
  type Descriptor,
  type Digest,
} from '../../oci/index.ts';
import type { RegistryContents, ServedBlob, ServedManifest, TakenManifest } from '../../registry/index.ts';
import type { BlobStat, ImageIndexRecord, ImageRecord, Store, TagTarget } from '../../store/index.ts';
import { factsOf, type ManifestFacts } from './manifest-facts.ts';
import { WAITING_MS, type ServerMemory } from './memory.ts';
import { partsOf, servedRepository, storeRepository } from './names.ts';
import { takePushed } from './take-pushed.ts';

const REASON = 'serve registry';

export interface ContentsOptions {
  readonly memory: ServerMemory;
  readonly now: () => number;
  /** Of the server. */
  readonly signal: AbortSignal;
  /** The registry of names without a host. */
  readonly home: string;
}

/**
 * The store as a registry, for one request: its handle holds what was found until the request is answered. A repository has
 * the manifests that its tags lead to and those that are recorded as being in it, and the blobs that they name.
 */
export class StoreContents implements RegistryContents {
  readonly #layers: Layers;
  readonly #store: Store;
  readonly #options: ContentsOptions;
  readonly #memory: ServerMemory;

  constructor(layers: Layers, options: ContentsOptions) {
    this.#layers = layers;
    this.#store = layers.store;
    this.#options = options;
    this.#memory = options.memory;
  }

  /** The repository of the store that a name of the protocol means. */
  #stored(repository: string): string | undefined {
    return storeRepository(repository, this.#options.home);
  }

  async manifest(repository: string, reference: string): Promise<ServedManifest | undefined> {
    const stored = this.#stored(repository);
    if (stored === undefined) return undefined;
    return isDigest(reference) ? this.#byDigest(stored, reference) : this.#byTag(stored, reference);
  }

  async #byTag(repository: string, tag: string): Promise<ServedManifest | undefined> {
    const name = `${repository}:${tag}`;
    const target = (await this.#store.tags.find(name))?.target;
    if (target === undefined) return undefined;
    const manifest =
      target.kind === 'image'
        ? await this.#ofImage(await this.#store.images.get(target.digest), repository, name)
        : await this.#ofSet(await this.#store.indexes.find(target.digest), name, repository);
    if (manifest !== undefined) this.#memory.addManifest(repository, { manifest, target });
    return manifest;
  }

  /** The manifest that an image came with, else one that is made for it: always the same for the same image. */
  async #ofImage(record: ImageRecord, repository: string, name: string): Promise<ServedManifest> {
    for (const diffId of record.diffIds)
      if ((await this.#store.blobs.find(diffId)) === undefined) await this.#layers.open(diffId);
    // Those with a record of their own are what other tags mean (`takePushed`).
    const others = new Set<Digest>();
    for (const { digest } of record.manifests)
      if ((await this.#store.indexes.find(digest)) !== undefined) others.add(digest);
    const worth = ({ digest, repositories }: ImageRecord['manifests'][number]): number =>
      (others.has(digest) ? 0 : 2) + (repositories.includes(repository) ? 1 : 0);
    for (const known of record.manifests.toSorted((a, b) => worth(b) - worth(a))) {
      const manifest = await this.#whole(known);
      if (manifest !== undefined) return manifest;
    }
    return this.#made({ record, reference: name }, name);
  }

  /** An index or artifact as it came, or the index over the images of a set. */
  async #ofSet(
    set: ImageIndexRecord | undefined,
    name: string,
    repository: string,
  ): Promise<ServedManifest | undefined> {
    if (set === undefined) return undefined;
    if (isIndexType(set.mediaType) || isManifestType(set.mediaType)) return this.#read(set);
    const [first] = set.entries.flatMap(({ imageId }) => (imageId === undefined ? [] : [imageId]));
    const record = first === undefined ? undefined : await this.#store.images.find(first);
    return record && this.#made({ record, set, reference: name }, name, repository);
  }

  /** Makes the manifests of an image or set, and records them, so that they are found by their digests from now on. */
  async #made(found: FoundImage, name: string, repository?: string): Promise<ServedManifest> {
    await using source = await storeSource(this.#layers, found, name, { signal: this.#options.signal });
    for (const [id, { digest, mediaType, bytes }] of source.manifests) {
      const record = await this.#store.images.get(id);
      if (record.manifests.some((one) => one.digest === digest)) continue;
      const made = { digest, mediaType, sizeBytes: bytes.byteLength, repositories: [] };
      await this.#store.publish({ images: [{ ...record, manifests: [made] }], reason: REASON });
    }
    if (repository !== undefined && found.set !== undefined)
      await this.#rememberReferrers(source, repository, { kind: 'index', digest: found.set.digest });
    return source.root();
  }

  /** What is said about the images of a set refers to their manifests, as long as the set is there. */
  async #rememberReferrers(source: StoreSource, repository: string, target: TagTarget): Promise<void> {
    for (const { digest } of source.manifests.values())
      for (const descriptor of await source.referrers(digest)) {
        const manifest = await source.manifest(descriptor);
        for (const blob of this.#facts(manifest).sizes.keys())
          await holdForManifest(this.#store, blob, this.#options.now());
        this.#memory.addManifest(repository, { manifest, target });
      }
  }

  async #byDigest(repository: string, digest: Digest): Promise<ServedManifest | undefined> {
    const remembered = this.#memory.manifest(repository, digest);
    if (remembered !== undefined && (await this.#isThere(remembered.target))) return remembered.manifest;
    const [known] = await this.#manifestsIn(repository, digest);
    return known && this.#read(known);
  }

  async #isThere({ kind, digest }: TagTarget): Promise<boolean> {
    const { images, indexes } = this.#store;
    return (await (kind === 'image' ? images.find(digest) : indexes.find(digest))) !== undefined;
  }

  /** The recorded manifests and indexes of a repository; of one digest where that is given. */
  async #manifestsIn(repository: string, digest?: Digest): Promise<ManifestRecord[]> {
    const found = await this.#store.images.manifestsIn(repository, digest);
    // Sets of images that were made here have a form of their own.
    return found.filter(({ mediaType }) => isIndexType(mediaType) || isManifestType(mediaType));
  }

  /** A manifest whose layers are all here as it names them. */
  async #whole(known: ManifestRecord): Promise<ServedManifest | undefined> {
    const manifest = await this.#read(known);
    const parsed = manifest && parseManifest(manifest.bytes, known.mediaType);
    if (parsed?.kind !== 'manifest') return undefined;
    for (const { digest } of parsed.manifest.layers)
      if ((await this.#store.blobs.find(digest)) === undefined) return undefined;
    return manifest;
  }

  async #read({ digest, mediaType }: ManifestRecord): Promise<ServedManifest | undefined> {
    if ((await this.#store.blobs.find(digest)) === undefined) return undefined;
    return { bytes: await this.#store.blobs.read(digest, MANIFEST_MAX_BYTES), digest, mediaType };
  }

  async blob(repository: string, digest: Digest): Promise<ServedBlob | undefined> {
    const stored = this.#stored(repository);
    if (stored === undefined) return undefined;
    const blob = (await this.#hasBlob(stored, digest)) ? await this.#store.blobs.find(digest) : undefined;
    return blob && fileBlob(blob);
  }

  async #hasBlob(repository: string, digest: Digest): Promise<boolean> {
    if (this.#memory.hasBlob(repository, digest)) return true;
    if (this.#memory.manifestsIn(repository).some(({ manifest }) => this.#facts(manifest).sizes.has(digest)))
      return true;
    for (const known of await this.#manifestsIn(repository))
      if ((await this.#factsOf(known))?.sizes.has(digest) === true) return true;
    return false;
  }

  async #factsOf(known: ManifestRecord): Promise<ManifestFacts | undefined> {
    const facts = this.#memory.facts(known.digest);
    if (facts !== undefined) return facts;
    const manifest = await this.#read(known);
    return manifest && this.#facts(manifest);
  }

  #facts(manifest: ServedManifest): ManifestFacts {
    const known = this.#memory.facts(manifest.digest);
    if (known !== undefined) return known;
    const facts = factsOf(manifest);
    this.#memory.addFacts(facts);
    return facts;
  }

  async tags(repository: string): Promise<readonly string[] | undefined> {
    const stored = this.#stored(repository);
    if (stored === undefined) return undefined;
    const tags = (await this.#store.tags.in(stored)).map(({ name }) => partsOf(name).tag);
    if (tags.length > 0) return tags.toSorted(byBytes);
    return (await this.#manifestsIn(stored)).length > 0 ? [] : undefined;
  }

  async repositories(): Promise<readonly string[]> {
    const stored = new Set((await this.#store.tags.list()).map((tag) => partsOf(tag.name).repository));
    const served = [...stored].map((name) => servedRepository(name, this.#options.home));
    return served.filter((name) => name !== undefined).toSorted(byBytes);
  }

  async referrers(repository: string, subject: Digest): Promise<readonly Descriptor[]> {
    const stored = this.#stored(repository);
    const found = new Map<Digest, Descriptor>();
    for (const known of stored === undefined ? [] : await this.#manifestsIn(stored)) {
      const facts = await this.#factsOf(known);
      if (facts?.subject === subject) found.set(facts.digest, facts.descriptor);
    }
    for (const { manifest, target } of stored === undefined ? [] : this.#memory.manifestsIn(stored)) {
      const facts = this.#facts(manifest);
      if (facts.subject === subject && (await this.#isThere(target))) found.set(facts.digest, facts.descriptor);
    }
    return [...found.values()].toSorted((a, b) => byBytes(a.digest, b.digest));
  }

  async mount(repository: string, digest: Digest, from: string): Promise<boolean> {
    const stored = this.#stored(repository);
    if (stored === undefined || (await this.blob(from, digest)) === undefined) return false;
    await holdForManifest(this.#store, digest, this.#options.now());
    this.#memory.addBlob(stored, digest);
    return true;
  }

  async takeManifest(repository: string, manifest: ServedManifest, tags: readonly string[]): Promise<TakenManifest> {
    const stored = writableRepository(repository, this.#options.home);
    const { taken, target, warning } = await takePushed(this.#layers, manifest, {
      repository: stored,
      tags,
      reason: REASON,
      hasBlob: (digest) => this.#hasBlob(stored, digest),
      hasManifest: async (digest) => (await this.#byDigest(stored, digest)) !== undefined,
      signal: this.#options.signal,
    });
    this.#memory.addManifest(stored, { manifest: taken, target });
    return { subject: this.#facts(taken).subject, warning };
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    const stored = this.#stored(repository);
    return stored !== undefined && (await this.#store.tags.remove(`${stored}:${tag}`, REASON));
  }

  async removeManifest(repository: string, digest: Digest): Promise<boolean> {
    const stored = this.#stored(repository);
    if (stored === undefined || (await this.#byDigest(stored, digest)) === undefined) return false;
    const own = await this.#store.indexes.find(digest);
    const target = own?.digest ?? (await this.#store.images.findByManifest(digest))?.id;
    const named = await this.#store.tags.in(stored);
    const tags = named.filter((tag) => tag.target.digest === target).map(({ name }) => name);
    const held = (await this.#manifestsIn(stored)).filter(({ mediaType }) => isIndexType(mediaType));
    for (const index of held)
      if ((await this.#factsOf(index))?.sizes.has(digest) === true)
        throw new ShaleError('DENIED', `the index ${index.digest} of ${repository} names it: delete that first`);
    await this.#store.images.leaveRepository({ digest, repository: stored, tags, reason: REASON });
    this.#memory.forgetManifest(stored, digest);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

interface ManifestRecord {
  readonly digest: Digest;
  readonly mediaType: string;
}

/** A blob that is whole in its place. */
export function fileBlob({ path, sizeBytes }: BlobStat): ServedBlob {
  return { sizeBytes, open: async (range) => createReadStream(path, range) };
}

/** @throws NAME_INVALID */
export function writableRepository(repository: string, home: string): string {
  const stored = storeRepository(repository, home);
  if (stored !== undefined) return stored;
  throw new ShaleError('NAME_INVALID', `${JSON.stringify(repository)} is not the name of an image`);
}

/** Keeps a blob from being collected until its manifest comes. */
export async function holdForManifest(store: Store, digest: Digest, now: number): Promise<void> {
  const lease = await store.leases.create({ expiresAt: now + WAITING_MS });
  await lease.hold([{ kind: 'blob', digest }]);
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
