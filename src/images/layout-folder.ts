import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, messageOf, ShaleError } from '../base/index.ts';
import {
  isIndexType,
  isManifestType,
  MANIFEST_MAX_BYTES,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageIndex,
} from '../oci/index.ts';
import {
  blobMembers,
  blobName,
  IMAGE_NAME,
  itemDescriptor,
  LAYOUT_FILE,
  layoutIndex,
  memberBytes,
  referrerDescriptors,
  type Member,
  type PackedItem,
  REF_NAME,
} from './archive.ts';
import { FolderFiles, verified } from './image-files.ts';

/** A folder in the form of image-spec image-layout.md. */
export class LayoutFolder {
  readonly path: string;
  readonly #files: FolderFiles;

  constructor(path: string) {
    this.path = path;
    this.#files = new FolderFiles(path);
  }

  /** What index.json says; undefined when there is none. @throws MANIFEST_INVALID, JSON_INVALID, LIMIT_EXCEEDED */
  async index(): Promise<ImageIndex | undefined> {
    if (!this.#files.has('index.json')) return undefined;
    const document = parseManifest(this.#files.read('index.json', MANIFEST_MAX_BYTES));
    if (document.kind === 'index') return document.index;
    throw new ShaleError('MANIFEST_INVALID', `${this.path}/index.json is not an image index`);
  }

  /** The bytes of a small blob, verified. @throws BLOB_NOT_FOUND, DIGEST_MISMATCH, SIZE_MISMATCH, LIMIT_EXCEEDED */
  async read(descriptor: Descriptor, maxBytes: number): Promise<Buffer> {
    return collect(this.stream(descriptor), maxBytes, `the blob ${descriptor.digest}`);
  }

  /** The bytes of a blob, as a stream that fails at its end when they are not what the descriptor says. */
  async *stream(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const { digest } = descriptor;
    const name = blobName(digest);
    if (!this.#files.has(name))
      throw new ShaleError('BLOB_NOT_FOUND', `the blob ${digest} is not in ${this.path}`, { data: { digest } });
    yield* verified(this.#files.stream(name), descriptor);
  }

  /** True when the blob's file is there in its size; its bytes are not read. */
  async has({ digest, size }: Descriptor): Promise<boolean> {
    return this.#has(blobName(digest), size);
  }

  /** Brings in a blob. One of the same name and size is there already: files take their names when they are whole. */
  async put(member: Member): Promise<void> {
    if (this.#has(member.name, member.sizeBytes)) return;
    await this.#files.put(member.name, member.sizeBytes, memberBytes(member));
  }

  /**
   * Makes a name of index.json lead to a document whose blobs are here, and removes what only the document that it led to
   * before needed, with the artifacts that referred to it. Entries of other names stay.
   */
  async point(descriptor: Descriptor, referrers: readonly Descriptor[] = []): Promise<void> {
    const before = (await this.index())?.manifests ?? [];
    const images = before.filter((entry) => sameName(entry, descriptor));
    const gone = await this.#reach(images);
    const replaced = new Set<Descriptor>(images);
    for (const entry of before) if (isNameless(entry) && (await this.#refersInto(entry, gone))) replaced.add(entry);
    const added = new Set(referrers.map(({ digest }) => digest));
    const kept = before.filter((entry) => !replaced.has(entry) && !added.has(entry.digest));
    const listed = [...kept, descriptor, ...referrers];
    await this.#files.replace('oci-layout', LAYOUT_FILE);
    await this.#files.replace('index.json', layoutIndex(listed));
    // Before anything is removed: after a power cut one of the two is there whole.
    await this.#files.finish();
    const needed = await this.#reach(listed);
    if (needed === undefined) return;
    for (const blob of (await this.#reach([...replaced])) ?? [])
      if (!needed.has(blob)) await rm(join(this.path, blobName(blob)), { force: true });
  }

  async #refersInto(entry: Descriptor, documents: ReadonlySet<Digest> | undefined): Promise<boolean> {
    try {
      const document = parseManifest(await this.read(entry, MANIFEST_MAX_BYTES), entry.mediaType);
      const subject = document.kind === 'manifest' ? document.manifest.subject : undefined;
      return subject !== undefined && documents?.has(subject.digest) === true;
    } catch {
      return false;
    }
  }

  /** Every blob that descriptors lead to; undefined when a document cannot be read, and so not all are known. */
  async #reach(descriptors: readonly Descriptor[]): Promise<Set<Digest> | undefined> {
    const found = new Set<Digest>();
    const pending = [...descriptors];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (found.has(next.digest)) continue;
      found.add(next.digest);
      if (!isIndexType(next.mediaType) && !isManifestType(next.mediaType)) continue;
      try {
        const document = parseManifest(await this.read(next, MANIFEST_MAX_BYTES), next.mediaType);
        if (document.kind === 'index') pending.push(...document.index.manifests);
        else for (const { digest } of [document.manifest.config, ...document.manifest.layers]) found.add(digest);
      } catch {
        return undefined;
      }
    }
    return found;
  }

  #has(name: string, sizeBytes: number): boolean {
    return this.#files.has(name) && this.#files.sizeOf(name) === sizeBytes;
  }
}

/**
 * Writes packed items into a layout's folder, made when it is missing: blobs first, the index last. What has no name is
 * called `latest`, so that the next one replaces it.
 * @throws OUTPUT_FAILED
 */
export async function writeLayoutFolder(
  path: string,
  items: readonly PackedItem[],
  signal: AbortSignal,
): Promise<void> {
  const layout = new LayoutFolder(path);
  try {
    for (const member of blobMembers(items, 'oci')) {
      signal.throwIfAborted();
      await layout.put(member);
    }
    for (const item of items) {
      const descriptor = itemDescriptor(item);
      const annotations = { [REF_NAME]: 'latest', ...descriptor.annotations };
      await layout.point({ ...descriptor, annotations }, referrerDescriptors(item));
    }
  } catch (error) {
    if (signal.aborted || error instanceof ShaleError) throw error;
    throw new ShaleError('OUTPUT_FAILED', `cannot write to ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function isNameless({ annotations }: Descriptor): boolean {
  return annotations?.[REF_NAME] === undefined && annotations?.[IMAGE_NAME] === undefined;
}

function sameName(a: Descriptor, b: Descriptor): boolean {
  return (
    a.annotations?.[REF_NAME] === b.annotations?.[REF_NAME] &&
    a.annotations?.[IMAGE_NAME] === b.annotations?.[IMAGE_NAME]
  );
}
