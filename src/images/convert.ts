import { ShaleError } from '../base/index.ts';
import {
  digestOf,
  formatManifest,
  layerCompression,
  MEDIA,
  ociLayerType,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
  type LayerCompression,
} from '../oci/index.ts';
import type { Document } from './content.ts';

/** Whose media types manifests have. */
export type ManifestFormat = 'oci' | 'docker';

/**
 * The same image with the media types of one format; blobs stay as they are, the manifest gets another digest. One that has
 * them already is not touched.
 * @throws FORMAT_UNSUPPORTED for what the format has no type for
 */
export function convertManifest(document: Document, manifest: ImageManifest, format: ManifestFormat): Document {
  const mediaType = format === 'oci' ? MEDIA.ociManifest : MEDIA.dockerManifest;
  if (manifest.mediaType === mediaType) return document;
  if (format === 'docker' && (manifest.subject !== undefined || manifest.artifactType !== undefined))
    throw new ShaleError('FORMAT_UNSUPPORTED', 'docker’s media types have nothing for an artifact');
  const config = { ...manifest.config, mediaType: configType(manifest.config, format) };
  const layers = manifest.layers.map((layer) => ({ ...layer, mediaType: layerType(layer, format) }));
  const kept = format === 'oci' && manifest.annotations ? { annotations: manifest.annotations } : {};
  const bytes = formatManifest({ kind: 'manifest', manifest: { mediaType, config, layers, ...kept } });
  return { bytes, digest: digestOf(bytes), mediaType };
}

/** As `convertManifest`, for an index whose children were converted. */
export function convertIndex(
  document: Document,
  index: ImageIndex,
  to: { readonly format: ManifestFormat; readonly children: ReadonlyMap<Digest, Document> },
): Document {
  const mediaType = to.format === 'oci' ? MEDIA.ociIndex : MEDIA.dockerIndex;
  const manifests = index.manifests.map((entry): Descriptor => {
    const child = to.children.get(entry.digest);
    if (child === undefined) return entry;
    return { ...entry, mediaType: child.mediaType, digest: child.digest, size: child.bytes.byteLength };
  });
  const isSame =
    index.mediaType === mediaType && manifests.every((one, i) => one.digest === index.manifests[i]?.digest);
  if (isSame) return document;
  const kept = to.format === 'oci' && index.annotations ? { annotations: index.annotations } : {};
  const bytes = formatManifest({ kind: 'index', index: { mediaType, manifests, ...kept } });
  return { bytes, digest: digestOf(bytes), mediaType };
}

function configType({ mediaType }: Descriptor, format: ManifestFormat): string {
  if (mediaType !== MEDIA.ociConfig && mediaType !== MEDIA.dockerConfig) throw unsupported(mediaType, format);
  return format === 'oci' ? MEDIA.ociConfig : MEDIA.dockerConfig;
}

function layerType({ mediaType }: Descriptor, format: ManifestFormat): string {
  const compression = layerCompression(mediaType);
  if (compression === undefined || /foreign|nondistributable/.test(mediaType)) throw unsupported(mediaType, format);
  return format === 'oci' ? ociLayerType(compression) : dockerLayerType(compression, mediaType);
}

function dockerLayerType(compression: LayerCompression, mediaType: string): string {
  if (compression === 'zstd') throw unsupported(mediaType, 'docker');
  return compression === 'gzip' ? `${MEDIA.dockerLayer}.gzip` : MEDIA.dockerLayer;
}

function unsupported(mediaType: string, format: ManifestFormat): ShaleError {
  return new ShaleError('FORMAT_UNSUPPORTED', `${format}’s media types have nothing for ${mediaType}`, {
    data: { mediaType, format },
  });
}
