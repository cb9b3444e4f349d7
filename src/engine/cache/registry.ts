import { collect, streamOf } from '../../base/index.ts';
import { fileBytes, packIndex, registrySink, registrySource, type PackedItem } from '../../images/index.ts';
import { familiarName, parseManifest, type Descriptor, type Reference } from '../../oci/index.ts';
import type { RegistryOptions } from '../../registry/index.ts';
import { invalid, type ArtifactSource } from './artifact.ts';

/** Pushes cache mounts under one name, as an image index over their artifacts; what the registry has is not sent. */
export async function pushMounts(
  reference: Reference,
  items: readonly PackedItem[],
  options: RegistryOptions,
): Promise<void> {
  await using sink = registrySink(reference, options);
  const take = (descriptor: Descriptor, open: (offset: number) => AsyncIterable<Uint8Array>): Promise<unknown> =>
    sink.takeBlob(descriptor, { open, mountFrom: async () => [], sent: () => {} });
  const artifacts = items.flatMap(({ images }) => images);
  for (const { config, layers, manifest } of artifacts) {
    await take(config.descriptor, (offset) => streamOf(config.bytes.subarray(offset)));
    for (const { descriptor, path } of layers)
      await take(descriptor, (offset) => fileBytes(path, descriptor.size - offset, offset));
    await sink.takeManifest({ ...manifest.descriptor, bytes: manifest.bytes }, { isRoot: false });
  }
  const { descriptor, bytes } = packIndex(artifacts, { mediaTypes: 'oci' });
  await sink.takeManifest({ ...descriptor, bytes }, { isRoot: true });
  await sink.finish();
}

/** Cache mounts that were pushed under a name. */
export function registryArtifacts(reference: Reference, options: RegistryOptions): ArtifactSource {
  const source = registrySource(reference, options);
  const manifests = new Set<string>();
  return {
    async index() {
      const { bytes, mediaType } = await source.root();
      const document = parseManifest(bytes, mediaType);
      if (document.kind !== 'index') throw invalid(`${familiarName(reference)} is no set of them`);
      for (const { digest } of document.index.manifests) manifests.add(digest);
      return document.index;
    },
    async read(descriptor, maxBytes) {
      // Registries give manifests at an address of their own.
      if (manifests.has(descriptor.digest)) return Buffer.from((await source.manifest(descriptor)).bytes);
      return await collect(source.blob(descriptor), maxBytes, `the blob ${descriptor.digest}`);
    },
    stream: (descriptor) => source.blob(descriptor),
  };
}
