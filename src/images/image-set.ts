import { PREDICATE_TYPE_ANNOTATION, STATEMENT_MAX_BYTES, type Predicate } from '../attest/index.ts';
import { isShaleError, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import {
  descriptorJson,
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  MEDIA,
  parseDescriptor,
  parseManifest,
  sortedMap,
  type Descriptor,
  type Digest,
  type Platform,
} from '../oci/index.ts';
import type { ImageIndexRecord, Store } from '../store/index.ts';
import { hasAny, type Annotations, type AttestationStyle, type ImageAnnotations } from './pack.ts';

/** Of the documents of image sets; they never leave a store (docs/formats/image-sets.md). */
export const IMAGE_SET_TYPE = 'application/vnd.shale.images.v1+json';

/** One image of a set. */
export interface ImageOfSet {
  readonly id: Digest;
  /** Bytes of its config. */
  readonly sizeBytes: number;
  readonly platform: Platform;
  readonly annotations?: ImageAnnotations | undefined;
  /** What is said about it; statements about its manifest are made of these when it leaves the store. */
  readonly attestations?: readonly StoredPredicate[] | undefined;
}

/** A predicate in the store, as a blob. */
export interface StoredPredicate {
  readonly type: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Of predicates, as the documents of sets name them. */
const PREDICATE_MEDIA_TYPE = 'application/vnd.shale.predicate.v1+json';
/** Of a predicate: the image that it is about (as BuildKit calls the manifest that an attestation is about). */
const ABOUT_ANNOTATION = 'vnd.docker.reference.digest';

/**
 * What a name leads to when that is more than one config: the images of several platforms (`index`), or one image with
 * annotations or attestations (`image`). A set is named by the digest of its document, which names configs: as with the id of an image, no
 * compression has a part in it. Manifests and the image index are made of it when it leaves the store.
 */
export interface ImageSet {
  readonly kind: 'index' | 'image';
  readonly images: readonly ImageOfSet[];
  /** Of the image index, and of the descriptor that leads to it. */
  readonly annotations?: Annotations | undefined;
  readonly descriptorAnnotations?: Annotations | undefined;
  /** How the attestations leave the store; as referrers when absent. */
  readonly attestationStyle?: AttestationStyle | undefined;
}

/** Stores the document of a set and describes the set for `publish`; its images are in the store or published with it. */
export async function putImageSet(store: Store, set: ImageSet): Promise<Omit<ImageIndexRecord, 'addedAt'>> {
  const bytes = formatImageSet(set);
  const digest = await store.blobs.put(bytes);
  return {
    digest,
    mediaType: IMAGE_SET_TYPE,
    sizeBytes: bytes.length,
    repositories: [],
    entries: [
      ...set.images.map(({ id, sizeBytes, platform }) => ({
        digest: id,
        sizeBytes,
        mediaType: MEDIA.ociConfig,
        platform,
        imageId: id,
      })),
      ...predicatesOf(set).map(({ digest, size, mediaType }) => ({ digest, sizeBytes: size, mediaType })),
    ],
  };
}

/** Keeps predicates in the store, for a set to name them. */
export async function putPredicates(store: Store, predicates: readonly Predicate[]): Promise<StoredPredicate[]> {
  const stored: StoredPredicate[] = [];
  for (const { type, bytes } of predicates)
    stored.push({ type, digest: await store.blobs.put(bytes), sizeBytes: bytes.length });
  return stored;
}

/** @throws BLOB_NOT_FOUND, BLOB_CORRUPT */
export async function readPredicates(store: Store, stored: readonly StoredPredicate[] = []): Promise<Predicate[]> {
  const predicates: Predicate[] = [];
  for (const { type, digest } of stored)
    predicates.push({ type, bytes: await store.blobs.read(digest, STATEMENT_MAX_BYTES) });
  return predicates;
}

/**
 * The images of a set, or of an image index that was pulled whole.
 * @throws IMAGE_NOT_FOUND for one that was removed meanwhile, BLOB_NOT_FOUND, BLOB_CORRUPT, IMAGE_SET_INVALID
 */
export async function readImageSet(store: Store, digest: Digest): Promise<ImageSet> {
  const bytes = await readSetBlob(store, digest);
  const record = await store.indexes.find(digest);
  if (record !== undefined && isManifestType(record.mediaType)) return await setOfManifest(store, record);
  return record !== undefined && isIndexType(record.mediaType)
    ? await setOfIndex(store, record, bytes)
    : parseImageSet(bytes);
}

async function readSetBlob(store: Store, digest: Digest): Promise<Uint8Array> {
  try {
    return await store.blobs.read(digest, MANIFEST_MAX_BYTES);
  } catch (error) {
    if (isShaleError(error, 'BLOB_NOT_FOUND') && (await store.indexes.find(digest)) === undefined)
      throw new ShaleError('IMAGE_NOT_FOUND', `the image ${digest} is not in the store`, { data: { digest } });
    throw error;
  }
}

/** An image in one encoding, where a name means this one (docs/formats/image-sets.md). @throws IMAGE_SET_INVALID for artifacts */
async function setOfManifest(store: Store, { digest, entries }: ImageIndexRecord): Promise<ImageSet> {
  const id = entries.find(({ imageId }) => imageId !== undefined)?.imageId;
  if (id === undefined) throw new ShaleError('IMAGE_SET_INVALID', `${digest} is an artifact, not an image`);
  const { platform } = await store.images.get(id);
  return { kind: 'image', images: [{ id, sizeBytes: (await store.blobs.get(id)).sizeBytes, platform }] };
}

/** Whether a record stands for images, not for an artifact that nothing can run. */
export function isOfImages({ mediaType, entries }: ImageIndexRecord): boolean {
  return !isManifestType(mediaType) || entries.some(({ imageId }) => imageId !== undefined);
}

/** What an image index says of those of its images that are here. */
async function setOfIndex(store: Store, record: ImageIndexRecord, bytes: Uint8Array): Promise<ImageSet> {
  const document = parseManifest(bytes, record.mediaType);
  const index = document.kind === 'index' ? document.index : undefined;
  const images: ImageOfSet[] = [];
  for (const { digest, imageId } of record.entries) {
    const image = imageId === undefined ? undefined : await store.images.find(imageId);
    if (image === undefined) continue;
    const { sizeBytes } = await store.blobs.get(image.id);
    const manifestDescriptor = index?.manifests.find((entry) => entry.digest === digest)?.annotations;
    images.push({ id: image.id, sizeBytes, platform: image.platform, annotations: { manifestDescriptor } });
  }
  return { kind: 'index', images, annotations: index?.annotations };
}

/** The same bytes for the same set. */
export function formatImageSet(set: ImageSet): Buffer {
  const manifests = set.images.map(({ id, sizeBytes, platform, annotations }) => {
    const { manifest, manifestDescriptor } = annotations ?? {};
    const descriptor: Descriptor = { mediaType: MEDIA.ociConfig, digest: id, size: sizeBytes, platform };
    const described = hasAny(manifestDescriptor) ? { ...descriptor, annotations: manifestDescriptor } : descriptor;
    return { ...descriptorJson(described), ...(hasAny(manifest) && { manifestAnnotations: sortedMap(manifest) }) };
  });
  return Buffer.from(
    JSON.stringify({
      mediaType: IMAGE_SET_TYPE,
      kind: set.kind,
      manifests,
      ...(hasAny(set.annotations) && { annotations: sortedMap(set.annotations) }),
      ...(hasAny(set.descriptorAnnotations) && { descriptorAnnotations: sortedMap(set.descriptorAnnotations) }),
      ...(set.attestationStyle === 'index' && { attestationStyle: set.attestationStyle }),
      // The store follows this field to what it must keep.
      ...(predicatesOf(set).length > 0 && { blobs: predicatesOf(set).map(descriptorJson) }),
    }),
  );
}

function predicatesOf({ images }: ImageSet): Descriptor[] {
  return images.flatMap(({ id, attestations = [] }) =>
    attestations.map(({ type, digest, sizeBytes }) => ({
      mediaType: PREDICATE_MEDIA_TYPE,
      digest,
      size: sizeBytes,
      annotations: { [ABOUT_ANNOTATION]: id, [PREDICATE_TYPE_ANNOTATION]: type },
    })),
  );
}

/** The inverse of `predicatesOf`, for one image. */
function attestationsOf(id: Digest, blobs: readonly Descriptor[]): readonly StoredPredicate[] {
  return blobs.flatMap(({ digest, size, annotations = {} }) => {
    const type = annotations[PREDICATE_TYPE_ANNOTATION];
    return type === undefined || annotations[ABOUT_ANNOTATION] !== id ? [] : [{ type, digest, sizeBytes: size }];
  });
}

/** @throws IMAGE_SET_INVALID */
export function parseImageSet(bytes: Uint8Array): ImageSet {
  const fields = new JsonReader(parseJson(bytes, 'the image set'), 'the image set', 'IMAGE_SET_INVALID');
  const kind = fields.string('kind');
  if (kind !== 'index' && kind !== 'image')
    throw new ShaleError('IMAGE_SET_INVALID', 'the image set has no known kind');
  const blobs = (fields.objects('blobs') ?? []).map(parseDescriptor);
  const images = fields.required('manifests', fields.objects('manifests')).map((entry): ImageOfSet => {
    const { digest, size, platform, annotations } = parseDescriptor(entry);
    if (platform === undefined) throw new ShaleError('IMAGE_SET_INVALID', `${digest} of the image set has no platform`);
    const attestations = attestationsOf(digest, blobs);
    return {
      id: digest,
      sizeBytes: size,
      platform,
      annotations: { manifest: entry.stringMap('manifestAnnotations'), manifestDescriptor: annotations },
      ...(attestations.length > 0 && { attestations }),
    };
  });
  return {
    kind,
    images,
    annotations: fields.stringMap('annotations'),
    descriptorAnnotations: fields.stringMap('descriptorAnnotations'),
    ...(fields.string('attestationStyle') === 'index' && { attestationStyle: 'index' }),
  };
}

/** The images of a set that it alone keeps: without a name of their own and in no other set. */
export async function imagesOnlyIn(store: Store, set: ImageIndexRecord): Promise<Digest[]> {
  const others = (await store.indexes.list()).filter(({ digest }) => digest !== set.digest);
  const shared = new Set(others.flatMap(({ entries }) => entries.map(({ imageId }) => imageId)));
  const own: Digest[] = [];
  for (const { imageId } of set.entries) {
    if (imageId === undefined || shared.has(imageId) || own.includes(imageId)) continue;
    if ((await store.tags.of(imageId)).length > 0) continue;
    if ((await store.images.find(imageId)) !== undefined) own.push(imageId);
  }
  return own;
}
