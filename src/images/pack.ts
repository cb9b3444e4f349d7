import { attestationArtifact, attestationManifest, type Artifact, type Predicate } from '../attest/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  digestOf,
  dockerLayerType,
  formatManifest,
  layerCompression,
  MEDIA,
  type Descriptor,
  type DiffId,
  type LayerCompression,
  type Platform,
} from '../oci/index.ts';
import { encodeLayer, type EncodedLayer } from './encode.ts';

export type Annotations = Readonly<Record<string, string>>;

/** How images are packed to leave the store: the compression of their layers, and whose media types their documents have. */
export interface Packing {
  readonly compression: LayerCompression;
  /** 1 to 9 for gzip, 1 to 19 for zstd; the compressor's own when absent. */
  readonly level?: number | undefined;
  /** See `LayerEncoding`. */
  readonly reuse?: 'any' | undefined;
  readonly mediaTypes: 'oci' | 'docker';
  /** How attestations go along; as `referrers` when absent. */
  readonly attestationStyle?: AttestationStyle | undefined;
}

/**
 * `referrers`: artifacts that refer to the image, which stays as it is; `index`: beside the image in an index, as BuildKit
 * does it, also where there is one image only.
 */
export type AttestationStyle = 'referrers' | 'index';

/** What is written beside the image: in the manifest itself, and on the descriptor that leads to it. */
export interface ImageAnnotations {
  readonly manifest?: Annotations | undefined;
  readonly manifestDescriptor?: Annotations | undefined;
}

/** What is packed: the config's bytes and what they say. */
export interface PackableImage {
  readonly config: Buffer;
  readonly platform: Platform;
  readonly diffIds: readonly DiffId[];
  /** What is said about it. */
  readonly attestations?: readonly Predicate[] | undefined;
}

/** A document with the descriptor that leads to it. */
export interface PackedDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** An image with everything that its manifest names. */
export interface PackedImage {
  readonly config: PackedDocument;
  readonly layers: readonly EncodedLayer[];
  readonly manifest: PackedDocument;
  /** Artifacts that refer to the manifest: what is said about the image. */
  readonly referrers: readonly Artifact[];
  /** Manifests that an index lists beside the image: the same in BuildKit's way. */
  readonly beside: readonly Artifact[];
}

/**
 * Packs an image: its layers in one encoding, and a manifest over them. The same image and packing give the same bytes.
 * @throws LAYER_NOT_FOUND, BLOB_CORRUPT
 */
export async function packImage(
  layers: Layers,
  image: PackableImage,
  packing: Packing & { readonly annotations?: ImageAnnotations | undefined; readonly signal: AbortSignal },
): Promise<PackedImage> {
  const isOci = packing.mediaTypes === 'oci';
  const encoded: EncodedLayer[] = [];
  for (const diffId of image.diffIds) {
    const layer = await encodeLayer(layers, diffId, packing, packing.signal);
    encoded.push(isOci ? layer : { ...layer, descriptor: withDockerType(layer.descriptor) });
  }
  const config = packed(image.config, isOci ? MEDIA.ociConfig : MEDIA.dockerConfig);
  const mediaType = isOci ? MEDIA.ociManifest : MEDIA.dockerManifest;
  const { annotations } = packing;
  const bytes = formatManifest({
    kind: 'manifest',
    manifest: {
      mediaType,
      config: config.descriptor,
      layers: encoded.map((layer) => layer.descriptor),
      ...(hasAny(annotations?.manifest) && { annotations: annotations.manifest }),
    },
  });
  const manifest = packed(bytes, mediaType, {
    platform: image.platform,
    ...(hasAny(annotations?.manifestDescriptor) && { annotations: annotations.manifestDescriptor }),
  });
  const isBeside = packing.attestationStyle === 'index';
  const referrers = isBeside ? [] : referrersOf(manifest.descriptor, image.attestations);
  const beside = isBeside ? besidesOf(manifest.descriptor, image.attestations) : [];
  return { config, layers: encoded, manifest, referrers, beside };
}

/** Statements about a manifest, as artifacts that refer to it. */
export function referrersOf(manifest: Descriptor, predicates: readonly Predicate[] = []): readonly Artifact[] {
  return predicates.map((predicate) => attestationArtifact(manifest, predicate));
}

/** Statements about a manifest, as an index lists them beside it. */
export function besidesOf(manifest: Descriptor, predicates: readonly Predicate[] = []): readonly Artifact[] {
  return predicates.length === 0 ? [] : [attestationManifest(manifest, predicates)];
}

/** The image index over packed images, in their order; what is said about them comes after them, as with BuildKit. */
export function packIndex(
  images: readonly PackedImage[],
  options: Pick<Packing, 'mediaTypes'> & {
    readonly annotations?: Annotations | undefined;
    readonly descriptorAnnotations?: Annotations | undefined;
  },
): PackedDocument {
  const mediaType = options.mediaTypes === 'oci' ? MEDIA.ociIndex : MEDIA.dockerIndex;
  const bytes = formatManifest({
    kind: 'index',
    index: {
      mediaType,
      manifests: [
        ...images.map((image) => image.manifest.descriptor),
        ...images.flatMap(({ beside }) => beside.map(({ manifest }) => manifest.descriptor)),
      ],
      ...(hasAny(options.annotations) && { annotations: options.annotations }),
    },
  });
  return packed(
    bytes,
    mediaType,
    hasAny(options.descriptorAnnotations) && { annotations: options.descriptorAnnotations },
  );
}

export function hasAny(annotations: Annotations | undefined): annotations is Annotations {
  return annotations !== undefined && Object.keys(annotations).length > 0;
}

function packed(bytes: Buffer, mediaType: string, more: Partial<Descriptor> | false = {}): PackedDocument {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length, ...more } };
}

function withDockerType(descriptor: Descriptor): Descriptor {
  return { ...descriptor, mediaType: dockerLayerType(layerCompression(descriptor.mediaType) ?? 'none') };
}
