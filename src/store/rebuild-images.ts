import { isShaleError } from '../base/index.ts';
import {
  isDigest,
  MEDIA,
  parseImageConfig,
  type DiffId,
  type Digest,
  type ImageConfig,
  type Platform,
} from '../oci/index.ts';
import type { BlobFiles } from './blobs.ts';
import { statOf } from './files.ts';
import type { Layout } from './layout.ts';
import { MANIFEST_BYTES_MAX } from './reach.ts';
import { flag, integer, jsonList, type Row } from './row.ts';
import type { Salvaged } from './salvage.ts';
import type { Encoding, ImageIndexEntry, ImageIndexRecord, LayerRecord, LayerSource, NewImage } from './types.ts';

/** A blob that is JSON, with the bytes of its digest. */
interface Document {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly bytes: Buffer;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Records that follow from the documents of a store. */
export interface Found {
  readonly images: readonly NewImage[];
  readonly indexes: readonly Omit<ImageIndexRecord, 'addedAt'>[];
  readonly layers: readonly LayerRecord[];
  readonly encodings: readonly { readonly diffId: DiffId; readonly encoding: Encoding }[];
}

/** Gives the diffId that a compressed layer has; undefined when its bytes cannot be read as one. */
export type UnpackedDigest = (path: string) => Promise<DiffId | undefined>;

interface Known {
  /** Compressed layers that are here → what they are when unpacked. */
  readonly unpacked: ReadonlyMap<Digest, DiffId>;
  readonly moves: readonly Row[];
  /** By name, the last move of each tag. */
  readonly tags: ReadonlyMap<string, Row>;
  readonly saved: Salvaged;
}

/** Every small blob that is a JSON object; damaged ones and others are passed over. */
export async function readDocuments(blobs: BlobFiles): Promise<ReadonlyMap<Digest, Document>> {
  const documents = new Map<Digest, Document>();
  for (const digest of blobs.digestsOnDisk()) {
    const size = statOf(blobs.path(digest))?.size ?? 0n;
    if (size > MANIFEST_BYTES_MAX) continue;
    try {
      const bytes = await blobs.read(digest, MANIFEST_BYTES_MAX);
      if (bytes[0] !== OPEN_BRACE) continue;
      const value: unknown = JSON.parse(bytes.toString('utf8'));
      if (typeof value !== 'object' || value === null) continue;
      documents.set(digest, { digest, sizeBytes: bytes.length, bytes, fields: { ...value } });
    } catch (error) {
      if (!isShaleError(error) && !(error instanceof SyntaxError)) throw error;
    }
  }
  return documents;
}

const OPEN_BRACE = 0x7b;

/** Reads every compressed layer that a manifest names beside a config: what a manifest says of it may be untrue. */
export async function unpackedLayers(
  layout: Layout,
  documents: ReadonlyMap<Digest, Document>,
  unpack: UnpackedDigest,
): Promise<ReadonlyMap<Digest, DiffId>> {
  const unpacked = new Map<Digest, DiffId>();
  for (const { fields } of documents.values()) {
    const config = digestIn(fields['config']);
    if (config === undefined || !('rootfs' in (documents.get(config)?.fields ?? {}))) continue;
    for (const { digest } of entriesIn(fields['layers'])) {
      const path = layout.blob(digest);
      if (unpacked.has(digest) || statOf(path) === undefined) continue;
      const diffId = await unpack(path);
      if (diffId !== undefined) unpacked.set(digest, diffId);
    }
  }
  return unpacked;
}

/** Draws up the records; pure but for looking which layers are there. */
export function foundIn(layout: Layout, documents: ReadonlyMap<Digest, Document>, known: Known): Found {
  return new Finder(layout, documents, known).find();
}

class Finder {
  readonly #layout: Layout;
  readonly #documents: ReadonlyMap<Digest, Document>;
  readonly #known: Known;
  readonly #configs = new Map<Digest, ImageConfig>();
  /** Config → its manifests. */
  readonly #manifests = new Map<Digest, Document[]>();
  readonly #tagged: ReadonlySet<unknown>;

  constructor(layout: Layout, documents: ReadonlyMap<Digest, Document>, known: Known) {
    this.#layout = layout;
    this.#documents = documents;
    this.#known = known;
    this.#tagged = new Set([...known.tags.values()].map((move) => move['to_digest']));
  }

  find(): Found {
    for (const document of this.#documents.values()) this.#readConfig(document);
    for (const document of this.#documents.values()) this.#readManifest(document);
    const images = [...this.#configs].filter(([id, config]) => this.#isImage(id, config));
    const encodings = this.#encodings();
    return {
      images: images.map(([id, config]) => this.#imageOf(id, config)),
      indexes: [...this.#documents.values()].flatMap((document) => this.#indexOf(document)),
      layers: this.#layers(images.flatMap(([, config]) => config.diffIds)),
      encodings,
    };
  }

  #readConfig(document: Document): void {
    if (!('rootfs' in document.fields)) return;
    try {
      this.#configs.set(document.digest, parseImageConfig(document.bytes));
    } catch (error) {
      if (!isShaleError(error)) throw error; // JSON of somebody else's.
    }
  }

  #readManifest(document: Document): void {
    const config = digestIn(document.fields['config']);
    if (config === undefined || !this.#configs.has(config) || !Array.isArray(document.fields['layers'])) return;
    this.#manifests.set(config, [...(this.#manifests.get(config) ?? []), document]);
  }

  /** A config that somebody left whose layers are gone is no image, nor is one whose layers are others than it says. */
  #isImage(id: Digest, config: ImageConfig): boolean {
    if (this.#tagged.has(id)) return true;
    const pairs = this.#pairs().filter((pair) => pair.image === id);
    return config.diffIds.every((diffId) => {
      if (statOf(this.#layout.blob(diffId)) !== undefined) return true;
      const layers = pairs.filter((pair) => pair.diffId === diffId).map(({ layer }) => layer.digest);
      return layers.some((layer) => statOf(this.#layout.blob(layer)) === undefined || this.#is(layer, diffId));
    });
  }

  #is(layer: Digest, diffId: DiffId): boolean {
    return this.#known.unpacked.get(layer) === diffId;
  }

  #imageOf(id: Digest, config: ImageConfig): NewImage {
    const row = this.#known.saved.images.find((one) => one['id'] === id);
    const moves = this.#known.moves.filter((move) => move['to_digest'] === id);
    const sizes = config.diffIds.map((layer) => statOf(this.#layout.blob(layer))?.size);
    const total = sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0n);
    const first = moves[0]?.['at'];
    return {
      id,
      platform: platformOf(config),
      diffIds: config.diffIds,
      created: config.created,
      madeHere: row === undefined ? moves.some((move) => MADE.test(String(move['reason']))) : flag(row, 'made_here'),
      sizeBytes: total === undefined ? undefined : Number(total),
      manifests: (this.#manifests.get(id) ?? []).map((manifest) => ({
        digest: manifest.digest,
        sizeBytes: manifest.sizeBytes,
        mediaType: mediaTypeOf(manifest, MEDIA.ociManifest),
        repositories: this.#repositories(manifest.digest, id),
      })),
      ...(row !== undefined && { addedAt: integer(row, 'added_at') }),
      ...(row === undefined && typeof first === 'number' && { addedAt: first }),
    };
  }

  /** Where a manifest is: as the old database has it, else where the tags say that it came from. */
  #repositories(digest: Digest, image?: Digest): readonly string[] {
    const { saved, moves } = this.#known;
    const row = [...saved.manifests, ...saved.indexes].find((one) => one['digest'] === digest);
    if (row !== undefined) return jsonList<string>(row, 'repositories');
    const names = moves
      .filter((move) => move['to_digest'] === digest || (image !== undefined && move['to_digest'] === image))
      .filter((move) => FETCHED.test(String(move['reason'])))
      .map((move) => String(move['name']).replace(/:[^:/]*$/, ''));
    return [...new Set(names)].toSorted();
  }

  #encodings(): Found['encodings'] {
    const encodings = new Map<string, Found['encodings'][number]>();
    for (const { diffId, layer } of this.#pairs()) {
      if (layer.digest === String(diffId) || !this.#is(layer.digest, diffId)) continue;
      const { digest, sizeBytes, mediaType } = layer;
      encodings.set(`${diffId} ${digest}`, {
        diffId,
        encoding: { digest, sizeBytes, mediaType, compressor: 'foreign' },
      });
    }
    return [...encodings.values()];
  }

  /** Each layer of each manifest with what it is when unpacked. */
  #pairs(): readonly {
    readonly diffId: DiffId;
    readonly layer: ImageIndexEntry;
    readonly manifest: Document;
    readonly image: Digest;
  }[] {
    return [...this.#manifests].flatMap(([image, manifests]) => {
      const { diffIds = [] } = this.#configs.get(image) ?? {};
      return manifests.flatMap((manifest) => {
        const layers = entriesIn(manifest.fields['layers']);
        if (layers.length !== diffIds.length) return [];
        return diffIds.flatMap((diffId, at) => {
          const layer = layers[at];
          return layer === undefined ? [] : [{ diffId, layer, manifest, image }];
        });
      });
    });
  }

  /** Where layers can be fetched from, and how large they are. */
  #layers(diffIds: readonly DiffId[]): readonly LayerRecord[] {
    const layers = new Map<DiffId, LayerRecord>();
    for (const diffId of diffIds) {
      const size = statOf(this.#layout.blob(diffId))?.size;
      const row = this.#known.saved.layers.find((one) => one['diff_id'] === diffId);
      const sizeBytes = size === undefined ? row?.['size'] : Number(size);
      layers.set(diffId, {
        diffId,
        sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : undefined,
        sources: row === undefined ? [] : jsonList<LayerSource>(row, 'sources'),
      });
    }
    for (const { diffId, layer, manifest, image } of this.#pairs()) {
      const record = layers.get(diffId);
      if (record === undefined || record.sources.length > 0) continue;
      const { digest, sizeBytes, mediaType } = layer;
      const sources = this.#repositories(manifest.digest, image).map((repository) => ({
        repository,
        digest,
        sizeBytes,
        mediaType,
      }));
      layers.set(diffId, { ...record, sources });
    }
    return [...layers.values()];
  }

  /** Of image indexes, image sets, artifacts, and manifests that a tag means as such. */
  #indexOf(document: Document): readonly Omit<ImageIndexRecord, 'addedAt'>[] {
    const { digest, sizeBytes, fields } = document;
    const config = digestIn(fields['config']);
    const isSet = Array.isArray(fields['manifests']);
    const isManifest = config !== undefined && Array.isArray(fields['layers']);
    const of = config === undefined ? undefined : this.#configs.get(config);
    const isImage = config !== undefined && of !== undefined && this.#isImage(config, of);
    if (!isSet && (!isManifest || (isImage && !this.#tagged.has(digest)))) return [];
    const named = isSet
      ? [...entriesIn(fields['manifests']), ...entriesIn(fields['blobs'])]
      : entriesIn([fields['config'], ...(isImage ? [] : (fields['layers'] as unknown[]))]); // A list: asked above.
    return [
      {
        digest,
        sizeBytes,
        mediaType: mediaTypeOf(document, isSet ? MEDIA.ociIndex : MEDIA.ociManifest),
        entries: named.map((entry) => this.#withImage(entry)),
        repositories: this.#repositories(digest),
      },
    ];
  }

  #withImage(entry: ImageIndexEntry): ImageIndexEntry {
    const config = this.#configs.has(entry.digest)
      ? entry.digest
      : [...this.#manifests].find(([, manifests]) => manifests.some(({ digest }) => digest === entry.digest))?.[0];
    return config === undefined ? entry : { ...entry, imageId: config };
  }
}

/** Commands that make images, and those that bring them here. */
const MADE = /^(?:build|commit|import|base|rebase|bake)\b/;
const FETCHED = /^(?:pull|push|serve registry)\b/;

function mediaTypeOf({ fields }: Document, otherwise: string): string {
  const type = fields['mediaType'];
  return typeof type === 'string' ? type : otherwise;
}

function digestIn(descriptor: unknown): Digest | undefined {
  if (typeof descriptor !== 'object' || descriptor === null || !('digest' in descriptor)) return undefined;
  return isDigest(descriptor.digest) ? descriptor.digest : undefined;
}

/** Descriptors of a list, as records of image sets have them. */
function entriesIn(list: unknown): readonly ImageIndexEntry[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const digest = digestIn(item);
    if (digest === undefined) return [];
    const fields: Readonly<Record<string, unknown>> = { ...(item as object) }; // digestIn found a field in it.
    const { size, mediaType } = fields;
    const platform = platformIn(fields['platform']);
    return [
      {
        digest,
        sizeBytes: typeof size === 'number' ? size : 0,
        mediaType: typeof mediaType === 'string' ? mediaType : '',
        ...(platform !== undefined && { platform }),
      },
    ];
  });
}

function platformIn(value: unknown): Platform | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { os, architecture, variant, ...rest } = { ...value } as Readonly<Record<string, unknown>>;
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  const osVersion = rest['os.version'];
  return {
    os,
    architecture,
    ...(typeof variant === 'string' && { variant }),
    ...(typeof osVersion === 'string' && { osVersion }),
  };
}

function platformOf(config: ImageConfig): Platform {
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant !== undefined && { variant: config.variant }),
    ...(config.osVersion !== undefined && { osVersion: config.osVersion }),
  };
}
