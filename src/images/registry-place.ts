import { isShaleError } from '../base/index.ts';
import { familiarName, type Descriptor, type Digest, type Reference } from '../oci/index.ts';
import { openRepository, type RegistryOptions, type Repository } from '../registry/index.ts';
import type { BlobOrigin, Document, ImageSink, ImageSource } from './content.ts';

/** An image in a registry. Nothing is asked for yet. */
export function registrySource(reference: Reference, options: RegistryOptions): ImageSource {
  const repository = openRepository(reference, options);
  return {
    name: familiarName(reference),
    repository: { registry: reference.registry, path: reference.repository },
    root: () => repository.manifest(reference.digest ?? reference.tag ?? 'latest'),
    manifest: ({ digest }) => repository.manifest(digest),
    blob: (descriptor, offset) => repository.blob(descriptor, offset),
    mountFrom: async (_blob, registry) => (registry === reference.registry ? [reference.repository] : []),
    referrers: (subject) => repository.referrers(subject),
    async [Symbol.asyncDispose]() {},
  };
}

/** Where an image is pushed to. The root gets the reference's tag; without one it is known by its digest. */
export function registrySink(reference: Reference, options: RegistryOptions): ImageSink {
  return new RegistrySink(reference, openRepository(reference, options));
}

class RegistrySink implements ImageSink {
  readonly name: string;
  readonly #reference: Reference;
  readonly #repository: Repository;

  constructor(reference: Reference, repository: Repository) {
    this.name = familiarName(reference);
    this.#reference = reference;
    this.#repository = repository;
  }

  async hasManifest(digest: Digest): Promise<boolean> {
    return (await this.#known(digest)) === digest;
  }

  async takeBlob(descriptor: Descriptor, from: BlobOrigin): Promise<'present' | 'mounted' | 'sent'> {
    if (await this.#repository.hasBlob(descriptor)) return 'present';
    const { open, sent } = from;
    const mountFrom = await from.mountFrom(this.#reference.registry);
    return await this.#repository.pushBlob(descriptor, { open, sent, mountFrom });
  }

  async takeManifest(document: Document, { isRoot }: { readonly isRoot: boolean }): Promise<void> {
    const { bytes, mediaType, digest } = document;
    const tag = isRoot ? this.#reference.tag : undefined;
    if ((await this.#known(tag ?? digest)) === digest) return;
    await this.#repository.pushManifest({ bytes, mediaType, reference: tag ?? digest });
  }

  /** What a name leads to; a registry that does not say is told again. */
  async #known(tagOrDigest: string): Promise<Digest | undefined> {
    try {
      return await this.#repository.findManifest(tagOrDigest);
    } catch (error) {
      if (isShaleError(error, 'REGISTRY_AUTH', 'REGISTRY_ERROR', 'MANIFEST_INVALID')) return undefined;
      throw error;
    }
  }

  async finish(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
