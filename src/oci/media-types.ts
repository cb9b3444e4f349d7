/** image-spec media-types.md and Docker's image manifest v2 schema 2. */
export const MEDIA = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const;

export type LayerCompression = 'none' | 'gzip' | 'zstd';

/**
 * How a layer of this media type is compressed; undefined when it is no layer type. Docker's plain type and its
 * `.gzip` form are both in use; foreign (non-distributable) types count as layers of their compression.
 */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  const match =
    /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[+.](gzip|zstd))?$/.exec(
      mediaType,
    );
  if (match === null) return undefined;
  return match[1] === 'gzip' || match[1] === 'zstd' ? match[1] : 'none';
}

export function ociLayerType(compression: LayerCompression): string {
  return compression === 'none' ? MEDIA.ociLayer : `${MEDIA.ociLayer}+${compression}`;
}

/** Docker has no type for zstd: such layers need OCI media types. */
export function dockerLayerType(compression: LayerCompression): string {
  return compression === 'none' ? MEDIA.dockerLayer : `${MEDIA.dockerLayer}.${compression}`;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA.ociIndex || mediaType === MEDIA.dockerIndex;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA.ociManifest || mediaType === MEDIA.dockerManifest;
}
