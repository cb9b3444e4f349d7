import { ShaleError } from '../base/index.ts';
import { digestOf, MANIFEST_MAX_BYTES, MEDIA, parseManifest, type Descriptor, type Digest } from '../oci/index.ts';
import { blobName, IMAGE_NAME, LAYOUT_FILE, layoutIndex, REF_NAME } from './archive.ts';
import type { BlobOrigin, Document, ImageSink, ImageSource } from './content.ts';
import { verified, type ReadableFiles, type WritableFiles } from './image-files.ts';
import { verifyBytes } from './load.ts';

/**
 * An image of an OCI layout (image-spec image-layout.md), in a folder or an archive. Without a tag the layout holds one
 * image. @throws ARCHIVE_INVALID, IMAGE_NOT_FOUND
 */
export function imageInLayout(files: ReadableFiles, name: string, tag: string | undefined): ImageSource {
  const entry = chooseNamed(entriesOf(files), name, tag);
  const read = (digest: Digest, mediaType: string): Document => {
    const bytes = files.read(blobName(digest), MANIFEST_MAX_BYTES);
    verifyBytes(bytes, { mediaType, digest, size: bytes.length });
    return { bytes, digest, mediaType };
  };
  return {
    name,
    root: async () => read(entry.digest, entry.mediaType),
    manifest: async ({ digest, mediaType }) => read(digest, mediaType),
    blob: (descriptor, offset) => verified(files.stream(blobName(descriptor.digest), offset), descriptor, offset),
    referrers: async (subject) => referrersIn(files, subject),
    async [Symbol.asyncDispose]() {},
  };
}

function entriesOf(files: ReadableFiles): readonly Descriptor[] {
  const document = parseManifest(files.read('index.json', MANIFEST_MAX_BYTES), MEDIA.ociIndex);
  return document.kind === 'index' ? document.index.manifests : [];
}

function chooseNamed(entries: readonly Descriptor[], name: string, tag: string | undefined): Descriptor {
  const names = entries.map((entry) => entry.annotations?.[REF_NAME] ?? entry.annotations?.[IMAGE_NAME]);
  const found = entries.filter(
    (entry, i) => tag === undefined || names[i] === tag || entry.annotations?.[IMAGE_NAME] === tag,
  );
  const [first, second] = found;
  if (first !== undefined && (second === undefined || second.digest === first.digest)) return first;
  const listed = names.filter((one) => one !== undefined).join(', ');
  throw new ShaleError(
    'IMAGE_NOT_FOUND',
    `${name} ${found.length === 0 ? 'is not there' : 'may mean several images'}`,
    {
      ...(listed !== '' && { hint: `the names there are ${listed}` }),
    },
  );
}

/** Manifests of the layout that say that they are about another one. */
function referrersIn(files: ReadableFiles, subject: Digest): Descriptor[] {
  return entriesOf(files).filter((entry) => {
    if (entry.mediaType !== MEDIA.ociManifest || entry.digest === subject) return false;
    const document = parseManifest(files.read(blobName(entry.digest), MANIFEST_MAX_BYTES), entry.mediaType);
    return document.kind === 'manifest' && document.manifest.subject?.digest === subject;
  });
}

/** Writes an image into an OCI layout; other names of a layout that is there stay. */
export class LayoutSink implements ImageSink {
  readonly name: string;
  readonly #files: WritableFiles;
  readonly #tag: string | undefined;
  readonly #before: readonly Descriptor[];
  readonly #entries: Descriptor[] = [];

  constructor(files: WritableFiles & Partial<ReadableFiles>, name: string, tag: string | undefined) {
    this.name = name;
    this.#files = files;
    this.#tag = tag;
    const { read, stream, sizeOf } = files;
    const isReadable = read !== undefined && stream !== undefined && sizeOf !== undefined;
    this.#before = isReadable && files.has('index.json') ? entriesOf(files as WritableFiles & ReadableFiles) : [];
  }

  async takeBlob(descriptor: Descriptor, from: BlobOrigin): Promise<'present' | 'sent'> {
    const name = blobName(descriptor.digest);
    if (this.#files.has(name)) return 'present';
    await this.#files.put(name, descriptor.size, counted(from, 0));
    return 'sent';
  }

  async takeManifest({ bytes, digest, mediaType }: Document, { isRoot }: { readonly isRoot: boolean }): Promise<void> {
    const name = blobName(digest);
    if (!this.#files.has(name)) await this.#files.put(name, bytes.byteLength, once(bytes));
    const parsed = isRoot ? undefined : subjectOf(bytes, mediaType);
    if (!isRoot && parsed === undefined) return;
    const annotations = isRoot && this.#tag !== undefined ? { annotations: { [REF_NAME]: this.#tag } } : {};
    this.#entries.push({ mediaType, digest, size: bytes.byteLength, ...annotations });
  }

  async finish(): Promise<void> {
    const kept = this.#before.filter(
      (entry) =>
        !this.#entries.some((one) => one.digest === entry.digest) &&
        (this.#tag === undefined || entry.annotations?.[REF_NAME] !== this.#tag),
    );
    await this.#files.replace('oci-layout', LAYOUT_FILE);
    await this.#files.replace('index.json', layoutIndex([...kept, ...this.#entries]));
    await this.#files.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }
}

function subjectOf(bytes: Uint8Array, mediaType: string): Digest | undefined {
  if (mediaType !== MEDIA.ociManifest) return undefined;
  const parsed = parseManifest(bytes, mediaType);
  return parsed.kind === 'manifest' ? parsed.manifest.subject?.digest : undefined;
}

/** The bytes of a blob, telling how many have passed. */
export async function* counted({ open, sent }: BlobOrigin, offset: number): AsyncGenerator<Uint8Array> {
  let bytes = offset;
  for await (const chunk of open(offset)) {
    yield chunk;
    bytes += chunk.byteLength;
    sent(bytes);
  }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The document of bytes that were made here. */
export function documentOf(bytes: Uint8Array, mediaType: string): Document {
  return { bytes, digest: digestOf(bytes), mediaType };
}
