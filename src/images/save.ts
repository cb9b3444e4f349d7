import { encodeTarHeader, TAR_END, tarPadding } from '../archive/index.ts';
import { compareBytes } from '../base/index.ts';
import type { Layers } from '../layers/index.ts';
import {
  CONFIG_MAX_BYTES,
  digestOf,
  familiarName,
  formatManifest,
  hexOf,
  MEDIA,
  parseReference,
  type Descriptor,
  type Digest,
  type LayerCompression,
} from '../oci/index.ts';
import { encodeLayer, fileBytes } from './encode.ts';
import { manifestOf, readConfig } from './image-file.ts';
import type { FoundImage } from './resolve.ts';

/** `docker`: what docker load reads, with an OCI layout in it, as docker save ≥ 25 writes; `oci`: the layout alone. */
export type ArchiveFormat = 'docker' | 'oci';

export interface SaveOptions {
  readonly format: ArchiveFormat;
  readonly compression: LayerCompression;
  readonly signal: AbortSignal;
}

type Member = { readonly name: string; readonly sizeBytes: number } & (
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string }
);

/**
 * Writes images as one archive: configs byte for byte, layers uncompressed unless a compression is asked for. The same images give the same bytes. Layers
 * that several images share are written once.
 * @throws LAYER_NOT_FOUND, BLOB_CORRUPT
 */
export async function* saveArchive(
  layers: Layers,
  images: readonly FoundImage[],
  options: SaveOptions,
): AsyncGenerator<Uint8Array> {
  const members = await collectMembers(layers, images, options);
  for (const member of [...members.values()].toSorted((a, b) => compareBytes(a.name, b.name))) {
    options.signal.throwIfAborted();
    yield encodeTarHeader({ ...PLAIN_FILE, path: member.name, sizeBytes: member.sizeBytes });
    if (member.kind === 'bytes') yield member.bytes;
    else yield* fileBytes(member.path, member.sizeBytes);
    yield tarPadding(member.sizeBytes);
  }
  yield TAR_END;
}

const PLAIN_FILE = {
  kind: 'file',
  mode: 0o444,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  linkTarget: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
} as const;

async function collectMembers(
  layers: Layers,
  images: readonly FoundImage[],
  options: SaveOptions,
): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const add = (name: string, bytes: Uint8Array): void =>
    void members.set(name, { name, kind: 'bytes', bytes, sizeBytes: bytes.byteLength });
  const manifests: Descriptor[] = [];
  const listed: { Config: string; RepoTags: string[]; Layers: string[] }[] = [];
  for (const image of images) {
    const { id, platform } = image.record;
    const configBytes = await layers.store.blobs.read(id, CONFIG_MAX_BYTES);
    const config = await readConfig(layers.store, id);
    const layerDescriptors: Descriptor[] = [];
    for (const diffId of config.diffIds) {
      const { descriptor, path } = await encodeLayer(layers, diffId, options.compression, options.signal);
      const name = blobName(descriptor.digest);
      members.set(name, { name, kind: 'file', path, sizeBytes: descriptor.size });
      layerDescriptors.push(descriptor);
    }
    add(blobName(id), configBytes);
    const manifest = manifestOf({ mediaType: MEDIA.ociConfig, digest: id, size: configBytes.length }, layerDescriptors);
    add(blobName(digestOf(manifest)), manifest);
    manifests.push({
      mediaType: MEDIA.ociManifest,
      digest: digestOf(manifest),
      size: manifest.length,
      platform,
      ...(image.reference !== undefined && { annotations: nameAnnotations(image.reference) }),
    });
    const known = listed.find((item) => item.Config === blobName(id));
    const names = image.reference === undefined ? [] : [familiarName(parseReference(image.reference))];
    if (known === undefined)
      listed.push({
        Config: blobName(id),
        RepoTags: names,
        Layers: layerDescriptors.map((layer) => blobName(layer.digest)),
      });
    else known.RepoTags.push(...names);
  }
  add('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  add('index.json', formatManifest({ kind: 'index', index: { mediaType: MEDIA.ociIndex, manifests } }));
  if (options.format === 'docker') add('manifest.json', Buffer.from(JSON.stringify(listed)));
  return members;
}

function nameAnnotations(reference: string): Record<string, string> {
  const { tag } = parseReference(reference);
  return {
    'io.containerd.image.name': reference,
    ...(tag !== undefined && { 'org.opencontainers.image.ref.name': tag }),
  };
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
