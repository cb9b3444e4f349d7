import { constants } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ByteStream,
  collect,
  isSystemError,
  makeFolders,
  messageOf,
  ShaleError,
  tapSha256,
} from '../base/index.ts';
import {
  hexOf,
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

/** A folder in the form of image-spec image-layout.md. */
export class LayoutFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** What index.json says; undefined when there is none. @throws MANIFEST_INVALID, JSON_INVALID, LIMIT_EXCEEDED */
  async index(): Promise<ImageIndex | undefined> {
    const bytes = await this.#read('index.json');
    if (bytes === undefined) return undefined;
    const document = parseManifest(bytes);
    if (document.kind === 'index') return document.index;
    throw new ShaleError('MANIFEST_INVALID', `${this.path}/index.json is not an image index`);
  }

  /** The bytes of a small blob, verified. @throws BLOB_NOT_FOUND, DIGEST_MISMATCH, LIMIT_EXCEEDED */
  async read(descriptor: Descriptor, maxBytes: number): Promise<Buffer> {
    return collect(this.stream(descriptor), maxBytes, `the blob ${descriptor.digest}`);
  }

  /** The bytes of a blob, as a stream that fails at its end when they are not what the descriptor says. */
  async *stream(descriptor: Descriptor): AsyncGenerator<Uint8Array> {
    const { digest, size } = descriptor;
    const file = await openOrMissing(this.#blobPath(digest), digest);
    let bytes = 0;
    let hex = '';
    for await (const chunk of tapSha256(file.createReadStream(), (found) => (hex = found))) {
      bytes += chunk.byteLength;
      if (bytes > size) break;
      yield chunk;
    }
    if (bytes !== size || `sha256:${hex}` !== digest)
      throw new ShaleError('DIGEST_MISMATCH', `the blob ${digest} of ${this.path} is not what its name says`, {
        data: { digest },
      });
  }

  /** True when the blob's file is there in its size; its bytes are not read. */
  async has({ digest, size }: Descriptor): Promise<boolean> {
    const there = await stat(this.#blobPath(digest)).catch(() => undefined);
    return there?.isFile() === true && there.size === size;
  }

  /** Brings in a blob. One of the same name and size is there already: files take their names when they are whole. */
  async put(member: Member): Promise<void> {
    const path = join(this.path, member.name);
    const there = await stat(path).catch(() => undefined);
    if (there?.isFile() === true && there.size === member.sizeBytes) return;
    await writeWhole(path, memberBytes(member));
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
    await writeWhole(join(this.path, 'oci-layout'), [LAYOUT_FILE]);
    await writeWhole(join(this.path, 'index.json'), [layoutIndex(listed)]);
    const needed = await this.#reach(listed);
    if (needed === undefined) return;
    for (const blob of (await this.#reach([...replaced])) ?? [])
      if (!needed.has(blob)) await rm(this.#blobPath(blob), { force: true });
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

  #blobPath(digest: Digest): string {
    return join(this.path, 'blobs/sha256', hexOf(digest));
  }

  async #read(name: string): Promise<Buffer | undefined> {
    const path = join(this.path, name);
    try {
      if ((await stat(path)).size > MANIFEST_MAX_BYTES)
        throw new ShaleError('LIMIT_EXCEEDED', `${path} is longer than ${MANIFEST_MAX_BYTES} bytes`);
      return await readFile(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
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

async function openOrMissing(path: string, digest: Digest): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new ShaleError('BLOB_NOT_FOUND', `the blob ${digest} is not in ${path.replace(/\/blobs\/.*$/, '')}`, {
      cause,
      data: { digest },
    });
  }
}

async function writeWhole(path: string, bytes: ByteStream | Iterable<Uint8Array>): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  makeFolders(join(path, '..'));
  try {
    {
      await using file = await open(part, 'w', 0o644);
      for await (const chunk of bytes) await file.writeFile(chunk);
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
