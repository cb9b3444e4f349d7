import { setTimeout } from 'node:timers/promises';
import { isShaleError, mapPool, ShaleError, SingleFlight } from '../base/index.ts';
import {
  isIndexType,
  isManifestType,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type Platform,
} from '../oci/index.ts';
import { chooseEntry } from './choose.ts';
import type { Document, ImageSink, ImageSource, TellBlob } from './content.ts';
import { convertIndex, convertManifest, type ManifestFormat } from './convert.ts';

/** Blobs that are moved at once. */
const BLOBS_AT_ONCE = 4;
/** Levels of indexes within indexes. */
const DEPTH_MAX = 4;
/** Manifests that one copy may move. */
const MANIFESTS_MAX = 1000;
/** Times that a sink may say that it misses what it has taken; milliseconds between them. */
const SETTLE_TRIES_MAX = 4;
const SETTLE_MS = 250;

export interface CopyOptions {
  /** Of an index: all of it, or the image of one platform. */
  readonly platform: Platform | 'all';
  /** Media types that manifests get; they stay as they are when absent, and so do their digests. */
  readonly format?: ManifestFormat | undefined;
  /** Bring what refers to the manifests too: signatures, SBOMs. */
  readonly referrers: boolean;
  readonly signal: AbortSignal;
  readonly tell?: TellBlob | undefined;
}

/**
 * Copies an image from a source to a sink, byte for byte, without unpacking it. What the sink has is not moved; manifests
 * come after what they name, the root last.
 * @throws PLATFORM_UNKNOWN, MANIFEST_INVALID, FORMAT_UNSUPPORTED, and what source and sink throw
 */
export async function copyImage(source: ImageSource, sink: ImageSink, options: CopyOptions): Promise<Document> {
  const given = await source.root();
  const parsed = parseManifest(given.bytes, given.mediaType);
  // Not every place says what it has.
  const top = { ...given, mediaType: parsed.kind === 'index' ? parsed.index.mediaType : parsed.manifest.mediaType };
  const { platform } = options;
  const chosen = parsed.kind === 'index' && platform !== 'all' ? chooseEntry(parsed.index, platform) : undefined;
  const root = chosen === undefined ? top : { ...(await source.manifest(chosen)), mediaType: chosen.mediaType };
  const copied = await new Copy(source, sink, options).document(root, { isRoot: true, depth: 0 });
  await sink.finish();
  return copied;
}

class Copy {
  readonly #source: ImageSource;
  readonly #sink: ImageSink;
  readonly #options: CopyOptions;
  readonly #moving = new SingleFlight<Digest, void>();
  readonly #moved = new Set<Digest>();
  #manifests = 0;

  constructor(source: ImageSource, sink: ImageSink, options: CopyOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
  }

  /** Copies a manifest with all that it names, and gives it as the sink has it. */
  async document(given: Document, at: { readonly isRoot: boolean; readonly depth: number }): Promise<Document> {
    this.#options.signal.throwIfAborted();
    if (at.depth > DEPTH_MAX)
      throw new ShaleError('MANIFEST_INVALID', `indexes are nested deeper than ${DEPTH_MAX} levels`);
    if (++this.#manifests > MANIFESTS_MAX)
      throw new ShaleError('LIMIT_EXCEEDED', `${this.#source.name} names more than ${MANIFESTS_MAX} manifests`);
    const isThere = this.#options.format === undefined && (await this.#sink.hasManifest?.(given.digest)) === true;
    const isKnown = isIndexType(given.mediaType) || isManifestType(given.mediaType);
    const document = isKnown && !isThere ? await this.#withParts(given, at.depth) : given;
    await this.#takeManifest(document, given, at.isRoot);
    if (this.#options.referrers) await this.#referrers(given, at.depth);
    return document;
  }

  async #withParts(document: Document, depth: number): Promise<Document> {
    const parsed = parseManifest(document.bytes, document.mediaType);
    const { format } = this.#options;
    if (parsed.kind === 'manifest') {
      await this.#blobs(parsed.manifest);
      return format === undefined ? document : convertManifest(document, parsed.manifest, format);
    }
    const children = new Map<Digest, Document>();
    for (const entry of parsed.index.manifests) {
      const child = { ...(await this.#source.manifest(entry)), mediaType: entry.mediaType };
      children.set(entry.digest, await this.document(child, { isRoot: false, depth: depth + 1 }));
    }
    return format === undefined ? document : convertIndex(document, parsed.index, { format, children });
  }

  async #blobs(manifest: ImageManifest): Promise<void> {
    const blobs = [...manifest.layers.filter((layer) => !isForeign(layer)), manifest.config];
    await mapPool(blobs, BLOBS_AT_ONCE, (blob) => this.#moving.run(blob.digest, () => this.#blob(blob)));
  }

  async #blob(blob: Descriptor): Promise<void> {
    if (this.#moved.has(blob.digest)) return;
    const { digest, size } = blob;
    const tell = (kind: 'present' | 'mounted' | 'moving' | 'done', currentBytes: number): void =>
      this.#options.tell?.({
        digest,
        kind,
        currentBytes,
        totalBytes: size,
        hadBytes: kind === 'present' || kind === 'mounted' ? size : 0,
      });
    const how = await this.#sink.takeBlob(blob, {
      open: (offset) => this.#source.blob(blob, offset),
      mountFrom: async (registry) => (await this.#source.mountFrom?.(blob, registry)) ?? [],
      sent: (bytes) => tell('moving', bytes),
    });
    tell(how === 'sent' ? 'done' : how, size);
    this.#moved.add(digest);
  }

  /** A registry may need a moment until it finds what it has just taken; what it has lost is sent again. */
  async #takeManifest(document: Document, given: Document, isRoot: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sink.takeManifest(document, { isRoot });
      } catch (error) {
        if (!isShaleError(error, 'MANIFEST_BLOB_UNKNOWN') || attempt >= SETTLE_TRIES_MAX) throw error;
      }
      await setTimeout(SETTLE_MS * attempt, undefined, { signal: this.#options.signal });
      this.#moved.clear();
      const parsed = parseManifest(given.bytes, given.mediaType);
      if (parsed.kind === 'manifest') await this.#blobs(parsed.manifest);
    }
  }

  async #referrers(subject: Document, depth: number): Promise<void> {
    for (const descriptor of (await this.#source.referrers?.(subject.digest)) ?? []) {
      const referrer = { ...(await this.#source.manifest(descriptor)), mediaType: descriptor.mediaType };
      await this.document(referrer, { isRoot: false, depth: depth + 1 });
    }
  }
}

/** A layer that its licence lets nobody hand on (image-spec layer.md, "Non-Distributable Layers"). */
function isForeign({ mediaType }: Descriptor): boolean {
  return /\.(?:nondistributable|foreign)\./.test(mediaType);
}
