import { encodeTarHeader, TAR_END, tarPadding } from '../archive/index.ts';
import { compareBytes } from '../base/index.ts';
import {
  familiarName,
  formatManifest,
  hexOf,
  hostPlatform,
  MEDIA,
  parseReference,
  platformMatches,
  type Descriptor,
  type Digest,
} from '../oci/index.ts';
import { fileBytes, type EncodedLayer } from './encode.ts';
import { PLAIN_FILE } from './image-files.ts';
import { hasAny, type Annotations, type PackedDocument, type PackedImage } from './pack.ts';

/** `docker`: what docker load reads, with an OCI layout in it, as docker save ≥ 25 writes; `oci`: the layout alone. */
export type ArchiveFormat = 'docker' | 'oci';

/** What one name of an archive or layout leads to: an image, or an index over several. */
export interface PackedItem {
  readonly images: readonly PackedImage[];
  readonly index?: PackedDocument | undefined;
  /** In full; undefined for what has no name. */
  readonly name: string | undefined;
}

/** A file of an archive or layout. */
export type Member = { readonly name: string; readonly sizeBytes: number } & (
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string }
);

/** Annotations of a name: the tag, and the whole name as containerd writes it. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
export const IMAGE_NAME = 'io.containerd.image.name';

export const LAYOUT_FILE: Buffer = Buffer.from('{"imageLayoutVersion":"1.0.0"}');

/**
 * Packed images as one tar, with the same bytes for the same items. What several of them share is written once.
 * image-spec image-layout.md; moby image/tarexport for manifest.json.
 */
export async function* writeArchive(
  items: readonly PackedItem[],
  options: { readonly format: ArchiveFormat; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const members = [
    ...blobMembers(items, options.format),
    bytesMember('oci-layout', LAYOUT_FILE),
    bytesMember('index.json', layoutIndex([...items.map(itemDescriptor), ...referrersIn(items, options.format)])),
    ...(options.format === 'docker' ? [bytesMember('manifest.json', dockerManifest(items))] : []),
  ];
  for (const member of members.toSorted((a, b) => compareBytes(a.name, b.name))) {
    options.signal.throwIfAborted();
    yield encodeTarHeader({ ...PLAIN_FILE, path: member.name, sizeBytes: member.sizeBytes });
    yield* memberBytes(member);
    yield tarPadding(member.sizeBytes);
  }
  yield TAR_END;
}

export async function* memberBytes(member: Member): AsyncGenerator<Uint8Array> {
  if (member.kind === 'bytes') yield member.bytes;
  else yield* fileBytes(member.path, member.sizeBytes);
}

/** Every blob that the items name, once. */
export function blobMembers(items: readonly PackedItem[], format: ArchiveFormat): Member[] {
  const members = new Map<string, Member>();
  const add = ({ descriptor, bytes }: PackedDocument): void =>
    void members.set(descriptor.digest, bytesMember(blobName(descriptor.digest), bytes));
  for (const { images, index } of items) {
    if (index !== undefined) add(index);
    for (const { config, layers, manifest, referrers, beside } of images) {
      add(config);
      add(manifest);
      for (const artifact of [...(format === 'oci' ? referrers : []), ...beside])
        for (const document of [artifact.manifest, ...artifact.blobs]) add(document);
      for (const layer of layers) members.set(layer.descriptor.digest, layerMember(layer));
    }
  }
  return [...members.values()];
}

/**
 * What index.json says of the artifacts that refer to images of the items. `docker load` takes every entry for an image, so
 * an archive for it has none.
 */
function referrersIn(items: readonly PackedItem[], format: ArchiveFormat): Descriptor[] {
  return format === 'oci' ? items.flatMap(referrerDescriptors).filter(isFirstOfDigest) : [];
}

export function referrerDescriptors({ images }: PackedItem): Descriptor[] {
  return images.flatMap(({ referrers }) => referrers.map(({ manifest }) => manifest.descriptor));
}

function isFirstOfDigest({ digest }: Descriptor, at: number, all: readonly Descriptor[]): boolean {
  return all.findIndex((one) => one.digest === digest) === at;
}

/** What index.json says of an item: the descriptor of its document, and its name as containerd and docker look for it. */
export function itemDescriptor({ images, index, name }: PackedItem): Descriptor {
  const descriptor = index?.descriptor ?? images[0]?.manifest.descriptor;
  if (descriptor === undefined) throw new RangeError('an item of an archive has an image');
  const annotations = { ...descriptor.annotations, ...(name !== undefined && nameAnnotations(name)) };
  return { ...descriptor, ...(hasAny(annotations) && { annotations }) };
}

export function layoutIndex(manifests: readonly Descriptor[]): Buffer {
  return formatManifest({ kind: 'index', index: { mediaType: MEDIA.ociIndex, manifests } });
}

export function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function nameAnnotations(name: string): Annotations {
  const { tag } = parseReference(name);
  return {
    [IMAGE_NAME]: name,
    ...(tag !== undefined && { [REF_NAME]: tag }),
  };
}

/** Names lead to one image there: of several platforms to that of this machine, else the first. */
function dockerManifest(items: readonly PackedItem[]): Buffer {
  const listed: { Config: string; RepoTags: string[]; Layers: string[] }[] = [];
  for (const { images, index, name } of items) {
    const names = name === undefined ? [] : [familiarName(parseReference(name))];
    for (const image of index === undefined ? images : forThisMachine(images)) {
      const config = blobName(image.config.descriptor.digest);
      const known = listed.find((row) => row.Config === config);
      if (known !== undefined) known.RepoTags.push(...names);
      else
        listed.push({
          Config: config,
          RepoTags: names,
          Layers: image.layers.map((layer) => blobName(layer.descriptor.digest)),
        });
    }
  }
  return Buffer.from(JSON.stringify(listed));
}

function forThisMachine(images: readonly PackedImage[]): readonly PackedImage[] {
  const host = hostPlatform();
  const own = images.find(({ manifest }) => {
    const { platform } = manifest.descriptor;
    return platform !== undefined && platformMatches(host, platform);
  });
  return own === undefined ? images.slice(0, 1) : [own];
}

function layerMember({ descriptor, path }: EncodedLayer): Member {
  return { name: blobName(descriptor.digest), kind: 'file', path, sizeBytes: descriptor.size };
}

function bytesMember(name: string, bytes: Uint8Array): Member {
  return { name, kind: 'bytes', bytes, sizeBytes: bytes.byteLength };
}
