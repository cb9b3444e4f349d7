import { readSync } from 'node:fs';
import { SNIFF_BYTES, sniffCompression } from '../archive/index.ts';
import { IN_TOTO_TYPE, parseStatement, predicateOf, STATEMENT_MAX_BYTES } from '../attest/index.ts';
import { fromText, isShaleError, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import type { FileRegion, Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  digestOf,
  formatReference,
  isDigest,
  isIndexType,
  isManifestType,
  layerCompression,
  MANIFEST_MAX_BYTES,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Descriptor,
  type DiffId,
  type Digest,
  type ImageIndex,
  type ImageManifest,
} from '../oci/index.ts';
import type { ImageIndexRecord, NewImage, TagTarget } from '../store/index.ts';
import { blobName, IMAGE_NAME, REF_NAME } from './archive.ts';
import type { ImageArchive } from './archive-reader.ts';
import { describeImage } from './image-file.ts';
import { openArchive, type ArchiveOrigin } from './open-archive.ts';
import { putImageSet, putPredicates, type ImageOfSet, type StoredPredicate } from './image-set.ts';
import { hasAny, type Annotations } from './pack.ts';
import { besideOf } from './read-attestations.ts';
import { unpackLayer } from './unpack-layer.ts';

const INDEX_DEPTH_MAX = 4;

export interface LoadedImage {
  /** Of the image, or of the set of images where the archive has an index or annotations. */
  readonly id: Digest;
  /** In full; empty when the archive gives none. */
  readonly names: readonly string[];
}

/**
 * Takes in every image of an archive made by `docker save`, or of a tar of an OCI layout, compressed or not. Everything is
 * verified against its digest; either all images appear or none.
 * @throws ARCHIVE_INVALID, MANIFEST_INVALID, CONFIG_INVALID, DIGEST_MISMATCH, LIMIT_EXCEEDED
 */
export async function loadArchive(
  layers: Layers,
  source: ArchiveOrigin,
  options: { readonly signal: AbortSignal },
): Promise<LoadedImage[]> {
  const { store } = layers;
  await using opened = await openArchive(store, source, options.signal);
  const { archive } = opened;
  const loader = new Loader(layers, archive, options.signal);
  if (archive.has('manifest.json') && !loader.holdsIndexes()) await loader.loadDocker();
  else if (archive.has('index.json')) await loader.loadLayout();
  else
    throw new ShaleError('ARCHIVE_INVALID', 'the archive has neither manifest.json nor index.json', {
      hint: 'a root filesystem is taken in by "shale import"',
    });
  const sets = new Set(loader.sets.map(({ digest }) => digest));
  const tags = loader.loaded.flatMap(({ id, names }) => {
    const target: TagTarget = { kind: sets.has(id) ? 'index' : 'image', digest: id };
    return names.map((name) => ({ name, target }));
  });
  await store.publish({ images: loader.images, indexes: loader.sets, tags, reason: 'load' });
  return loader.loaded;
}

class Loader {
  readonly #layers: Layers;
  readonly #archive: ImageArchive;
  readonly #signal: AbortSignal;
  readonly images: NewImage[] = [];
  readonly sets: Omit<ImageIndexRecord, 'addedAt'>[] = [];
  readonly loaded: LoadedImage[] = [];
  /** By the manifest that they are about. */
  readonly #attestations = new Map<Digest, readonly StoredPredicate[]>();
  /** Those whose attestations an index lists beside them. */
  readonly #besides = new Set<Digest>();

  constructor(layers: Layers, archive: ImageArchive, signal: AbortSignal) {
    this.#layers = layers;
    this.#archive = archive;
    this.#signal = signal;
  }

  /** moby image/tarexport: manifest.json names config, layers and tags. */
  async loadDocker(): Promise<void> {
    const listed = parseJson(this.#archive.read('manifest.json', MANIFEST_MAX_BYTES), 'manifest.json');
    if (!Array.isArray(listed)) throw new ShaleError('ARCHIVE_INVALID', 'manifest.json is not a list');
    for (const [i, item] of listed.entries()) {
      const fields = new JsonReader(item, `manifest.json[${i}]`, 'ARCHIVE_INVALID');
      const configName = memberName(fields.required('Config', fields.string('Config')));
      const files = (fields.strings('Layers') ?? []).map(memberName);
      const names = (fields.strings('RepoTags') ?? []).map((name) => formatReference(parseReference(name)));
      const bytes = this.#archive.read(configName, CONFIG_MAX_BYTES);
      const config = parseImageConfig(bytes);
      if (files.length !== config.diffIds.length)
        throw new ShaleError(
          'ARCHIVE_INVALID',
          `manifest.json[${i}] names ${files.length} layers, its config ${config.diffIds.length}`,
        );
      for (const [at, diffId] of config.diffIds.entries()) await this.#takeLayer(files[at] ?? '', diffId);
      const { id } = await this.#addImage(bytes);
      this.loaded.push({ id, names });
    }
  }

  /** True when the archive has an index of several platforms, whole: manifest.json could not say so. */
  holdsIndexes(): boolean {
    if (!this.#archive.has('index.json')) return false;
    const top = parseManifest(this.#archive.read('index.json', MANIFEST_MAX_BYTES));
    const indexes = top.kind === 'index' ? top.index.manifests.filter(({ mediaType }) => isIndexType(mediaType)) : [];
    return indexes.length > 0 && indexes.every((descriptor) => this.#isWhole(descriptor));
  }

  /** docker saves an index with the platforms that it has, and names those that it lacks. */
  #isWhole(descriptor: Descriptor): boolean {
    if (!this.#archive.has(blobName(descriptor.digest))) return false;
    const document = parseManifest(this.#blob(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
    return (
      document.kind === 'index' && document.index.manifests.every(({ digest }) => this.#archive.has(blobName(digest)))
    );
  }

  /** image-spec image-layout.md. */
  async loadLayout(): Promise<void> {
    const document = parseManifest(this.#archive.read('index.json', MANIFEST_MAX_BYTES));
    if (document.kind !== 'index') throw new ShaleError('ARCHIVE_INVALID', 'index.json is not an image index');
    for (const descriptor of document.index.manifests) await this.#takeAttestation(descriptor);
    for (const descriptor of document.index.manifests) await this.#loadNamed(descriptor);
    if (this.loaded.length === 0) throw new ShaleError('ARCHIVE_INVALID', 'the archive holds no image');
  }

  /** What an entry of index.json leads to: an image, or a set of them where that says more. */
  async #loadNamed(descriptor: Descriptor): Promise<void> {
    const names = namesOf(descriptor);
    const images: ImageOfSet[] = [];
    const index = await this.#loadDocument(descriptor, images, 0);
    const [first] = images;
    if (first === undefined) return;
    const saysMore = Object.values(first.annotations ?? {}).some(hasAny) || first.attestations !== undefined;
    if (images.length === 1 && !saysMore) {
      this.loaded.push({ id: first.id, names });
      return;
    }
    const set = await putImageSet(this.#layers.store, {
      kind: images.length === 1 ? 'image' : 'index',
      images,
      annotations: index?.annotations,
      ...(index !== undefined && { descriptorAnnotations: ownAnnotations(descriptor) }),
      ...(index?.manifests.some(({ digest }) => this.#besides.has(digest)) === true && { attestationStyle: 'index' }),
    });
    this.sets.push(set);
    this.loaded.push({ id: set.digest, names });
  }

  /** Loads the images that a descriptor leads to, in their order; gives the index that it leads to, where it is one. */
  async #loadDocument(descriptor: Descriptor, images: ImageOfSet[], depth: number): Promise<ImageIndex | undefined> {
    if (depth > INDEX_DEPTH_MAX)
      throw new ShaleError('ARCHIVE_INVALID', `indexes are nested deeper than ${INDEX_DEPTH_MAX} levels`);
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return undefined;
    const document = parseManifest(this.#blob(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
    if (document.kind === 'index') {
      const beside = document.index.manifests.filter((entry) => besideOf(entry) !== undefined);
      for (const entry of beside) await this.#takeBeside(entry);
      for (const entry of document.index.manifests) await this.#loadDocument(entry, images, depth + 1);
      return document.index;
    }
    const { manifest } = document;
    if (!manifest.layers.every((layer) => layerCompression(layer.mediaType) !== undefined)) return undefined;
    const image = await this.#loadManifest(manifest);
    const annotations = { manifest: manifest.annotations, manifestDescriptor: ownAnnotations(descriptor) };
    const attestations = this.#attestations.get(descriptor.digest);
    images.push({ ...image, annotations, ...(attestations !== undefined && { attestations }) });
    return undefined;
  }

  /** Keeps what an artifact of the layout says about one of its images; whatever else it is, it is passed over. */
  async #takeAttestation(descriptor: Descriptor): Promise<void> {
    if (!isManifestType(descriptor.mediaType)) return;
    const document = parseManifest(this.#blob(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
    if (document.kind !== 'manifest' || document.manifest.subject === undefined) return;
    const { digest } = document.manifest.subject;
    await this.#takeStatements(document.manifest, digest);
  }

  /** The same of what an index lists beside an image, as BuildKit does. */
  async #takeBeside(descriptor: Descriptor): Promise<void> {
    const about = besideOf(descriptor);
    if (!isDigest(about) || !isManifestType(descriptor.mediaType)) return;
    const document = parseManifest(this.#blob(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
    if (document.kind !== 'manifest') return;
    await this.#takeStatements(document.manifest, about);
    if (this.#attestations.has(about)) this.#besides.add(about);
  }

  async #takeStatements(manifest: ImageManifest, digest: Digest): Promise<void> {
    for (const layer of manifest.layers) {
      if (layer.mediaType !== IN_TOTO_TYPE) continue;
      const statement = parseStatement(this.#blob(layer, STATEMENT_MAX_BYTES));
      if (!statement.subjects.includes(digest)) continue;
      const kept = await putPredicates(this.#layers.store, [predicateOf(statement.predicateType, statement.predicate)]);
      this.#attestations.set(digest, [...(this.#attestations.get(digest) ?? []), ...kept]);
    }
  }

  async #loadManifest(manifest: ImageManifest): Promise<ImageOfSet> {
    const bytes = this.#blob(manifest.config, CONFIG_MAX_BYTES);
    const config = parseImageConfig(bytes);
    if (manifest.layers.length !== config.diffIds.length)
      throw new ShaleError(
        'MANIFEST_INVALID',
        `the manifest has ${manifest.layers.length} layers, its config ${config.diffIds.length}`,
      );
    for (const [at, diffId] of config.diffIds.entries()) {
      const layer = manifest.layers[at];
      if (layer !== undefined) await this.#takeLayer(blobName(layer.digest), diffId);
    }
    return this.#addImage(bytes);
  }

  async #addImage(configBytes: Buffer): Promise<ImageOfSet> {
    const id = await this.#layers.store.blobs.put(configBytes);
    const image = await describeImage(this.#layers.store, id, parseImageConfig(configBytes), { madeHere: false });
    if (!this.images.some((known) => known.id === id)) this.images.push(image);
    return { id, sizeBytes: configBytes.length, platform: image.platform };
  }

  async #takeLayer(name: string, diffId: DiffId): Promise<void> {
    if ((await this.#layers.store.blobs.find(diffId)) !== undefined) return;
    const signal = this.#signal;
    const region = this.#archive.regionOf(name);
    if (isUncompressed(region)) await this.#layers.ingest(region, { expectedDiffId: diffId, signal });
    else await unpackLayer(this.#layers, this.#archive.stream(name), { diffId, signal });
  }

  #blob(descriptor: Descriptor, maxBytes: number): Buffer {
    const bytes = this.#archive.read(blobName(descriptor.digest), maxBytes);
    verifyBytes(bytes, descriptor);
    return bytes;
  }
}

function isUncompressed({ fd, offset, sizeBytes }: FileRegion): boolean {
  const start = Buffer.alloc(Math.min(SNIFF_BYTES, sizeBytes));
  readSync(fd, start, 0, start.length, offset);
  return sniffCompression(start) === 'none';
}

/** @throws DIGEST_MISMATCH, SIZE_MISMATCH */
export function verifyBytes(bytes: Uint8Array, descriptor: Descriptor): void {
  if (bytes.byteLength !== descriptor.size)
    throw new ShaleError(
      'SIZE_MISMATCH',
      `${descriptor.digest} has ${bytes.byteLength} bytes, expected ${descriptor.size}`,
    );
  const got = digestOf(bytes);
  if (got !== descriptor.digest)
    throw new ShaleError('DIGEST_MISMATCH', `a blob has the digest ${got}, expected ${descriptor.digest}`, {
      data: { expected: descriptor.digest, got },
    });
}

/** A member as a document names it. @throws ARCHIVE_INVALID for what no member can be called */
function memberName(text: string): string {
  if (text === '' || text.startsWith('/') || text.split('/').includes('..'))
    throw new ShaleError('ARCHIVE_INVALID', `${JSON.stringify(text.slice(0, 200))} is not a member of the archive`);
  return fromText(text.replace(/^\.\//, ''));
}

/** Those that are no name. */
function ownAnnotations({ annotations = {} }: Descriptor): Annotations {
  const names: readonly string[] = [IMAGE_NAME, REF_NAME];
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !names.includes(key)));
}

/** Names in an OCI layout: containerd's whole name, else the annotation of the specification when it is one. */
function namesOf(descriptor: Descriptor): string[] {
  const name = descriptor.annotations?.[IMAGE_NAME] ?? descriptor.annotations?.[REF_NAME];
  if (name === undefined || !/[/:]/.test(name)) return [];
  try {
    return [formatReference(parseReference(name))];
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return [];
    throw error;
  }
}
