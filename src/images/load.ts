import { decompress } from '../archive/index.ts';
import { fromText, isShaleError, JsonReader, parseJson, ShaleError, type ByteStream } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  digestOf,
  formatReference,
  hexOf,
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
import type { NewImage } from '../store/index.ts';
import { ImageArchive } from './archive-reader.ts';
import { describeImage } from './image-file.ts';

/** Bytes that an image archive may unpack to. */
const ARCHIVE_BYTES_MAX: number = 512 * 1024 ** 3;
/** Bytes of uncompressed tar that one layer may have. */
export const LAYER_BYTES_MAX: number = 256 * 1024 ** 3;
const INDEX_DEPTH_MAX = 4;

export interface LoadedImage {
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
  source: ByteStream,
  options: { readonly signal: AbortSignal },
): Promise<LoadedImage[]> {
  const { store } = layers;
  const { stream } = await decompress(source, {
    maxBytes: ARCHIVE_BYTES_MAX,
    what: 'the archive',
    signal: options.signal,
  });
  await using spool = await store.blobs.createIngest({ hash: false });
  for await (const chunk of stream) await spool.write(chunk);
  using archive = ImageArchive.open(spool.path);
  const loader = new Loader(layers, archive, options.signal);
  if (archive.has('manifest.json')) await loader.loadDocker();
  else if (archive.has('index.json')) await loader.loadLayout();
  else
    throw new ShaleError('ARCHIVE_INVALID', 'the archive has neither manifest.json nor index.json', {
      hint: 'a root filesystem is taken in by "shale import"',
    });
  const tags = loader.loaded.flatMap(({ id, names }) =>
    names.map((name) => ({ name, target: { kind: 'image', digest: id } as const })),
  );
  await store.publish({ images: loader.images, tags, reason: 'load' });
  return loader.loaded;
}

class Loader {
  readonly #layers: Layers;
  readonly #archive: ImageArchive;
  readonly #signal: AbortSignal;
  readonly images: NewImage[] = [];
  readonly loaded: LoadedImage[] = [];

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
      await this.#addImage(bytes, names);
    }
  }

  /** image-spec image-layout.md. */
  async loadLayout(): Promise<void> {
    const document = parseManifest(this.#archive.read('index.json', MANIFEST_MAX_BYTES));
    if (document.kind !== 'index') throw new ShaleError('ARCHIVE_INVALID', 'index.json is not an image index');
    await this.#loadIndex(document.index, [], 0);
    if (this.loaded.length === 0) throw new ShaleError('ARCHIVE_INVALID', 'the archive holds no image');
  }

  async #loadIndex(index: ImageIndex, names: readonly string[], depth: number): Promise<void> {
    if (depth > INDEX_DEPTH_MAX)
      throw new ShaleError('ARCHIVE_INVALID', `indexes are nested deeper than ${INDEX_DEPTH_MAX} levels`);
    for (const descriptor of index.manifests) {
      const named = depth === 0 ? namesOf(descriptor) : names;
      if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) continue;
      const document = parseManifest(this.#blob(descriptor, MANIFEST_MAX_BYTES), descriptor.mediaType);
      if (document.kind === 'index') await this.#loadIndex(document.index, named, depth + 1);
      else if (document.manifest.layers.every((layer) => layerCompression(layer.mediaType) !== undefined))
        await this.#loadManifest(document.manifest, named);
    }
  }

  async #loadManifest(manifest: ImageManifest, names: readonly string[]): Promise<void> {
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
    await this.#addImage(bytes, names);
  }

  async #addImage(configBytes: Buffer, names: readonly string[]): Promise<void> {
    const id = await this.#layers.store.blobs.put(configBytes);
    this.images.push(await describeImage(this.#layers.store, id, parseImageConfig(configBytes), { madeHere: false }));
    this.loaded.push({ id, names });
  }

  async #takeLayer(name: string, diffId: DiffId): Promise<void> {
    if ((await this.#layers.store.blobs.find(diffId)) !== undefined) return;
    const { stream } = await decompress(this.#archive.stream(name), {
      maxBytes: LAYER_BYTES_MAX,
      what: `the layer ${diffId}`,
      signal: this.#signal,
    });
    await this.#layers.ingest(stream, { expectedDiffId: diffId, signal: this.#signal });
  }

  #blob(descriptor: Descriptor, maxBytes: number): Buffer {
    const bytes = this.#archive.read(blobName(descriptor.digest), maxBytes);
    verifyBytes(bytes, descriptor);
    return bytes;
  }
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

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** A member as a document names it. @throws ARCHIVE_INVALID for what no member can be called */
function memberName(text: string): string {
  if (text === '' || text.startsWith('/') || text.split('/').includes('..'))
    throw new ShaleError('ARCHIVE_INVALID', `${JSON.stringify(text.slice(0, 200))} is not a member of the archive`);
  return fromText(text.replace(/^\.\//, ''));
}

/** Names in an OCI layout: containerd's whole name, else the annotation of the specification when it is one. */
function namesOf(descriptor: Descriptor): string[] {
  const name =
    descriptor.annotations?.['io.containerd.image.name'] ??
    descriptor.annotations?.['org.opencontainers.image.ref.name'];
  if (name === undefined || !/[/:]/.test(name)) return [];
  try {
    return [formatReference(parseReference(name))];
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return [];
    throw error;
  }
}
