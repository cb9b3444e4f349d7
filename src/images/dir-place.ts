import { MANIFEST_MAX_BYTES, hexOf, type Descriptor, type Digest } from '../oci/index.ts';
import { ShaleError } from '../base/index.ts';
import type { BlobOrigin, Document, ImageSink, ImageSource } from './content.ts';
import { verified, type FolderFiles, type ReadableFiles } from './image-files.ts';
import { counted, documentOf, once } from './layout-place.ts';
import { verifyBytes } from './load.ts';

const VERSION = Buffer.from('Directory Transport Version: 1.1\n');

/** An image in a folder as skopeo's `dir:` writes it: manifest.json, and a file for each blob by its hex digest. */
export function dirSource(files: ReadableFiles, name: string): ImageSource {
  return {
    name,
    root: async () => documentOf(files.read('manifest.json', MANIFEST_MAX_BYTES), ''),
    manifest: async ({ digest, mediaType }) => {
      const bytes = files.read(`${hexOf(digest)}.manifest.json`, MANIFEST_MAX_BYTES);
      verifyBytes(bytes, { mediaType, digest, size: bytes.length });
      return { bytes, digest, mediaType };
    },
    blob: (descriptor, offset) => verified(files.stream(hexOf(descriptor.digest), offset), descriptor, offset),
    async [Symbol.asyncDispose]() {},
  };
}

export class DirSink implements ImageSink {
  readonly name: string;
  readonly #files: FolderFiles;
  #root: Document | undefined;

  /** @throws OUTPUT_EXISTS for a folder that holds something else */
  constructor(files: FolderFiles, name: string, isEmpty: boolean) {
    if (!isEmpty && !files.has('version'))
      throw new ShaleError('OUTPUT_EXISTS', `${name} holds something that is no image`, {
        hint: 'name an empty folder',
      });
    this.name = name;
    this.#files = files;
  }

  async takeBlob(descriptor: Descriptor, from: BlobOrigin): Promise<'present' | 'sent'> {
    const name = hexOf(descriptor.digest);
    if (this.#files.has(name)) return 'present';
    await this.#files.put(name, descriptor.size, counted(from, 0));
    return 'sent';
  }

  async takeManifest(document: Document, { isRoot }: { readonly isRoot: boolean }): Promise<void> {
    if (isRoot) this.#root = document;
    else await this.#files.put(manifestName(document.digest), document.bytes.byteLength, once(document.bytes));
  }

  async finish(): Promise<void> {
    await this.#files.replace('version', VERSION);
    if (this.#root !== undefined) await this.#files.replace('manifest.json', this.#root.bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function manifestName(digest: Digest): string {
  return `${hexOf(digest)}.manifest.json`;
}
