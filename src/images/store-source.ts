import type { Artifact } from '../attest/index.ts';
import { invariant, ShaleError } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  digestOf,
  formatManifest,
  formatPlatform,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  MEDIA,
  parseManifest,
  type Descriptor,
  type DiffId,
  type Digest,
  type LayerCompression,
} from '../oci/index.ts';
import { openRepository, type RegistryOptions } from '../registry/index.ts';
import type { ImageIndexRecord, ImageRecord, Store } from '../store/index.ts';
import type { PackedItem } from './archive.ts';
import type { Document, ImageSource } from './content.ts';
import { fileBytes } from './encode.ts';
import { readImageSet, readPredicates, type ImageSet } from './image-set.ts';
import { isLayoutSource } from './layout-source.ts';
import {
  besidesOf,
  hasAny,
  packImage,
  referrersOf,
  type AttestationStyle,
  type PackedDocument,
  type Packing,
} from './pack.ts';
import type { FoundImage } from './resolve.ts';
import { packFound } from './save.ts';

export interface StoreSourceOptions {
  /** Of layers that have to be compressed; a manifest that came with the image is taken as it is when absent. */
  readonly compression?: LayerCompression | undefined;
  readonly level?: number | undefined;
  readonly signal: AbortSignal;
  /** How layers are fetched that are known and not here; they are refused without it. */
  readonly registry?: RegistryOptions | undefined;
  /** As the image's set says when absent. */
  readonly attestationStyle?: AttestationStyle | undefined;
}

/** An image of the store as something that can be sent. */
export interface StoreSource extends ImageSource {
  /** The manifests that were made or found, by image. */
  readonly manifests: ReadonlyMap<Digest, Document>;
  /** What is said about one of them in the store: artifacts that were made for it. */
  referrers(subject: Digest): Promise<readonly Descriptor[]>;
}

/**
 * What a name of the store leads to. What was pulled is given with the manifests and the bytes that it came with, so its
 * digests stay, and layers that are known but not here come from where they lie; what was made here gets a manifest, with
 * layers in the compression that is asked for (gzip by default).
 * @throws LAYER_NOT_FOUND, IMAGE_INCOMPLETE when an image of a pulled index is not here as it came
 */
export async function storeSource(
  layers: Layers,
  found: FoundImage,
  name: string,
  options: StoreSourceOptions,
): Promise<StoreSource> {
  const { compression, level, signal, registry, attestationStyle } = options;
  const came = new CameWith(layers.store, registry);
  const packing = {
    compression: compression ?? 'gzip',
    level,
    reuse: 'any',
    mediaTypes: 'oci',
    attestationStyle,
  } as const;
  if (compression !== undefined || level !== undefined)
    return await packedSource(layers, await packFound(layers, found, packing, signal), name);
  const { record, set } = found;
  if (set === undefined) {
    const root = await came.manifest(record);
    if (root === undefined) return await packedSource(layers, await packFound(layers, found, packing, signal), name);
    return new FromStore(layers, { name, root, manifests: new Map([[record.id, root]]), came });
  }
  if (isManifestType(set.mediaType)) {
    const root = await came.manifest(record, set.digest);
    if (root !== undefined) return new FromStore(layers, { name, root, manifests: new Map([[record.id, root]]), came });
  }
  return isIndexType(set.mediaType)
    ? await indexThatCame(layers, set, { name, came })
    : await indexOfSet(layers, await readImageSet(layers.store, set.digest), { name, came, packing, signal });
}

/** What was packed, as something that can be sent; its documents are kept in the store. */
export async function packedSource(
  layers: Layers,
  { images, index }: Pick<PackedItem, 'images' | 'index'>,
  name: string,
): Promise<StoreSource> {
  const manifests = new Map<Digest, Document>();
  const referrers = new Map<Digest, Descriptor[]>();
  for (const { config, manifest, referrers: artifacts, beside } of images) {
    manifests.set(config.descriptor.digest, await keep(layers, manifest));
    referrers.set(manifest.descriptor.digest, await keepArtifacts(layers, artifacts));
    await keepArtifacts(layers, beside);
  }
  const [only] = manifests.values();
  const root = index === undefined ? only : await keep(layers, index);
  invariant(root !== undefined, 'what is packed has an image');
  return new FromStore(layers, { name, root, manifests, referrers, came: new CameWith(layers.store, undefined) });
}

interface Named {
  readonly name: string;
  readonly came: CameWith;
}

async function indexThatCame(layers: Layers, set: ImageIndexRecord, { name, came }: Named): Promise<StoreSource> {
  const { store } = layers;
  const bytes = await store.blobs.read(set.digest, MANIFEST_MAX_BYTES);
  const manifests = new Map<Digest, Document>();
  for (const { digest, imageId, platform } of set.entries) {
    const image = imageId === undefined ? undefined : await store.images.find(imageId);
    const document = image && (await came.manifest(image, digest));
    const isThere = document !== undefined || (image === undefined && (await store.blobs.find(digest)) !== undefined);
    if (document !== undefined && imageId !== undefined) manifests.set(imageId, document);
    if (isThere) continue;
    const what = platform === undefined ? digest : formatPlatform(platform);
    throw new ShaleError('IMAGE_INCOMPLETE', `the image ${what} of ${name} is not here as it came`, {
      hint: `shale pull --all-platforms ${name}; or pack all of it anew with --compression gzip`,
    });
  }
  const root = { bytes, digest: set.digest, mediaType: set.mediaType };
  return new FromStore(layers, { name, root, manifests, came });
}

/** The index over the images of a set: those that came with a manifest keep it, the others are packed. */
async function indexOfSet(
  layers: Layers,
  set: ImageSet,
  { name, came, packing, signal }: Named & { readonly packing: Packing; readonly signal: AbortSignal },
): Promise<StoreSource> {
  const manifests = new Map<Digest, Document>();
  const referrers = new Map<Digest, Descriptor[]>();
  const entries: Descriptor[] = [];
  const beside: Descriptor[] = [];
  const style = packing.attestationStyle ?? set.attestationStyle;
  for (const { id, platform, annotations, attestations } of set.images) {
    const record = await layers.store.images.get(id);
    const document = hasAny(annotations?.manifest) ? undefined : await came.manifest(record);
    const config = document === undefined ? await layers.store.blobs.read(id, CONFIG_MAX_BYTES) : Buffer.alloc(0);
    const sent =
      document ??
      (await keep(
        layers,
        (await packImage(layers, { config, platform, diffIds: record.diffIds }, { ...packing, annotations, signal }))
          .manifest,
      ));
    manifests.set(id, sent);
    const described = annotations?.manifestDescriptor;
    const { digest, mediaType, bytes } = sent;
    const about = hasAny(described) ? { annotations: described } : {};
    entries.push({ mediaType, digest, size: bytes.byteLength, platform, ...about });
    const predicates = await readPredicates(layers.store, attestations);
    const subject = { mediaType, digest, size: bytes.byteLength };
    if (style === 'index') beside.push(...(await keepArtifacts(layers, besidesOf(subject, predicates))));
    else referrers.set(digest, await keepArtifacts(layers, referrersOf(subject, predicates)));
  }
  const [only] = manifests.values();
  invariant(only !== undefined, 'a set has an image');
  if (set.kind === 'image' && beside.length === 0)
    return new FromStore(layers, { name, root: only, manifests, referrers, came });
  const own = hasAny(set.annotations) ? { annotations: set.annotations } : {};
  const index = { mediaType: MEDIA.ociIndex, manifests: [...entries, ...beside], ...own };
  const bytes = formatManifest({ kind: 'index', index });
  await layers.store.blobs.put(bytes);
  const root = { bytes, digest: digestOf(bytes), mediaType: MEDIA.ociIndex };
  return new FromStore(layers, { name, root, manifests, referrers, came });
}

/** Finds what images came with, and remembers where layers lie that are not here. */
class CameWith {
  readonly #store: Store;
  readonly #registry: RegistryOptions | undefined;
  readonly #repositories = new Map<Digest, string[]>();

  constructor(store: Store, registry: RegistryOptions | undefined) {
    this.#store = store;
    this.#registry = registry;
  }

  /** A manifest that came with the image, when its layers can be had as it names them. */
  async manifest(record: ImageRecord, digest?: Digest): Promise<Document | undefined> {
    for (const known of record.manifests) {
      if (digest !== undefined && known.digest !== digest) continue;
      if ((await this.#store.blobs.find(known.digest)) === undefined) continue;
      const bytes = await this.#store.blobs.read(known.digest, MANIFEST_MAX_BYTES);
      const parsed = parseManifest(bytes, known.mediaType);
      if (parsed.kind !== 'manifest') continue;
      const { layers } = parsed.manifest;
      const there = await Promise.all(layers.map((layer, at) => this.#canBeHad(layer, record.diffIds[at])));
      if (there.every(Boolean)) return { bytes, digest: known.digest, mediaType: known.mediaType };
    }
    return undefined;
  }

  async #canBeHad({ digest }: Descriptor, diffId: DiffId | undefined): Promise<boolean> {
    const sources = diffId === undefined ? [] : ((await this.#store.layers.find(diffId))?.sources ?? []);
    const repositories = sources
      .filter((source) => source.digest === digest && !isLayoutSource(source))
      .map((source) => source.repository);
    this.#repositories.set(digest, repositories);
    if ((await this.#store.blobs.find(digest)) !== undefined) return true;
    return this.#registry !== undefined && repositories.length > 0;
  }

  /** Below a registry: the repositories that are known to have a blob. */
  repositories(digest: Digest, registry: string): readonly string[] {
    return (this.#repositories.get(digest) ?? [])
      .filter((repository) => repository.startsWith(`${registry}/`))
      .map((repository) => repository.slice(registry.length + 1));
  }

  /** The bytes of a blob that is not here, from where it lies. @throws BLOB_NOT_FOUND */
  async *fetch(descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
    const [repository] = this.#repositories.get(descriptor.digest) ?? [];
    if (repository === undefined || this.#registry === undefined)
      throw new ShaleError('BLOB_NOT_FOUND', `the blob ${descriptor.digest} is not in the store`);
    const slash = repository.indexOf('/');
    const place = { registry: repository.slice(0, slash), repository: repository.slice(slash + 1) };
    yield* openRepository(place, this.#registry).blob(descriptor, offset);
  }
}

async function keep({ store }: Layers, { bytes, descriptor }: PackedDocument): Promise<Document> {
  await store.blobs.put(bytes);
  return { bytes, digest: descriptor.digest, mediaType: descriptor.mediaType };
}

/** Puts artifacts with their blobs into the store, until they are sent. */
async function keepArtifacts(layers: Layers, artifacts: readonly Artifact[]): Promise<Descriptor[]> {
  for (const { manifest, blobs } of artifacts)
    for (const { bytes } of [...blobs, manifest]) await layers.store.blobs.put(bytes);
  return artifacts.map(({ manifest }) => manifest.descriptor);
}

class FromStore implements StoreSource {
  readonly name: string;
  readonly manifests: ReadonlyMap<Digest, Document>;
  readonly #store: Store;
  readonly #root: Document;
  readonly #referrers: ReadonlyMap<Digest, readonly Descriptor[]>;
  readonly #came: CameWith;

  constructor(
    { store }: Layers,
    {
      name,
      root,
      manifests,
      referrers = new Map(),
      came,
    }: Named & {
      readonly root: Document;
      readonly manifests: ReadonlyMap<Digest, Document>;
      readonly referrers?: ReadonlyMap<Digest, readonly Descriptor[]>;
    },
  ) {
    this.name = name;
    this.manifests = manifests;
    this.#store = store;
    this.#root = root;
    this.#referrers = referrers;
    this.#came = came;
  }

  async root(): Promise<Document> {
    return this.#root;
  }

  async manifest({ digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<Document> {
    return { bytes: await this.#store.blobs.read(digest, MANIFEST_MAX_BYTES), digest, mediaType };
  }

  async referrers(subject: Digest): Promise<readonly Descriptor[]> {
    return this.#referrers.get(subject) ?? [];
  }

  async *blob(descriptor: Descriptor, offset = 0): AsyncGenerator<Uint8Array> {
    const there = await this.#store.blobs.find(descriptor.digest);
    if (there === undefined) yield* this.#came.fetch(descriptor, offset);
    else if (offset === 0) yield* this.#store.blobs.stream(descriptor.digest);
    else yield* fileBytes(there.path, there.sizeBytes - offset, offset);
  }

  async mountFrom({ digest }: Descriptor, registry: string): Promise<readonly string[]> {
    const known = this.#came.repositories(digest, registry);
    const layer = known.length > 0 ? undefined : await this.#store.encodings.findLayer(digest);
    const sources = layer === undefined ? [] : ((await this.#store.layers.find(layer.diffId))?.sources ?? []);
    const others = sources
      .filter((source) => source.digest === digest && source.repository.startsWith(`${registry}/`))
      .map((source) => source.repository.slice(registry.length + 1));
    return [...known, ...others];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
