import { collect, isShaleError, streamOf } from '../../base/index.ts';
import { fileBytes } from '../../images/index.ts';
import {
  familiarName,
  isIndexType,
  isManifestType,
  type Descriptor,
  type Digest,
  type Reference,
} from '../../oci/index.ts';
import { openRepository, type RegistryOptions } from '../../registry/index.ts';
import type { CacheSource, CacheTarget } from './cache-place.ts';

/** A cache under a name of a registry. Its layers are fetched when something needs them. */
export function registryCacheSource(reference: Reference, options: RegistryOptions): CacheSource {
  const repository = openRepository(reference, options);
  return {
    title: familiarName(reference),
    async top() {
      try {
        const { bytes, digest, mediaType } = await repository.manifest(reference.digest ?? reference.tag ?? 'latest');
        return { mediaType, digest, size: bytes.length };
      } catch (error) {
        if (isShaleError(error, 'MANIFEST_UNKNOWN')) return undefined;
        throw error;
      }
    },
    async read(descriptor, maxBytes) {
      const { mediaType, digest } = descriptor;
      if (isManifestType(mediaType) || isIndexType(mediaType)) return (await repository.manifest(digest)).bytes;
      return await collect(repository.blob(descriptor), maxBytes, `the blob ${digest}`);
    },
    has: (descriptor) => repository.hasBlob(descriptor),
    layerSource: ({ digest, size, mediaType }) => ({ repository: repository.name, digest, sizeBytes: size, mediaType }),
  };
}

/** Pushes a cache: layers and config that the registry lacks, the manifest last. */
export function registryCacheTarget(reference: Reference, options: RegistryOptions): CacheTarget {
  const repository = openRepository(reference, options);
  const manifests = new Map<Digest, Buffer>();
  const put = async (descriptor: Descriptor, open: (offset: number) => AsyncIterable<Uint8Array>): Promise<void> => {
    if (!(await repository.hasBlob(descriptor))) await repository.pushBlob(descriptor, { open });
  };
  return {
    title: familiarName(reference),
    has: (descriptor) => repository.hasBlob(descriptor),
    putLayer: ({ descriptor, path }) => put(descriptor, (offset) => fileBytes(path, descriptor.size - offset, offset)),
    async putDocument({ descriptor, bytes }) {
      if (isManifestType(descriptor.mediaType)) manifests.set(descriptor.digest, bytes);
      else await put(descriptor, (offset) => streamOf(bytes.subarray(offset)));
    },
    async point({ digest, mediaType }) {
      const bytes = manifests.get(digest) ?? Buffer.alloc(0);
      await repository.pushManifest({ bytes, mediaType, reference: reference.tag ?? digest });
    },
  };
}
