import { closeSync, openSync, readSync } from 'node:fs';
import { decompress, TarParser, type ReadTarEntry } from '../../archive/index.ts';
import { isShaleError, ShaleError, toText, type ByteString, type ByteStream } from '../../base/index.ts';
import type { Destination } from './destination.ts';
import { madeDirectory, type CopyAttributes } from './plan.ts';
import type { Selected } from './select.ts';
import { hashRegion, type FileRegion } from './file-region.ts';
import { childPath, parentPath, type SourceNode } from './source-tree.ts';

/** Bytes that one archive of ADD may unpack to. */
export const UNPACKED_BYTES_MAX: number = 64 * 1024 ** 3;
/** Bytes of a file that are enough to tell whether it is a tar. */
const PROBE_BYTES = 64 * 1024;
const READ_BYTES = 1024 * 1024;

/** An archive whose uncompressed tar lies in a file for as long as the build runs. */
export interface OpenArchive {
  readonly entries: readonly ReadTarEntry[];
  readonly tarPath: string;
}

/** Keeps bytes in a private file until the build ends and gives its path. */
export type Spool = (bytes: ByteStream) => Promise<string>;

/**
 * Opens a local archive as ADD takes it: a tar, plain or compressed, told by its bytes and not by its name. Anything else
 * gives undefined and is copied as it is.
 * @throws what TarParser and decompress throw for an archive that breaks off later
 */
export async function openArchive(node: SourceNode, spool: Spool): Promise<OpenArchive | undefined> {
  if (node.kind !== 'file' || !(await looksLikeTar(node))) return undefined;
  const { stream } = await decompress(contentOf(node, node.sizeBytes), { maxBytes: UNPACKED_BYTES_MAX });
  const entries: ReadTarEntry[] = [];
  const parser = new TarParser({ entry: (entry) => void entries.push(entry) });
  const tarPath = await spool(tapped(stream, (chunk) => parser.write(chunk)));
  parser.end();
  return { entries, tarPath };
}

async function looksLikeTar(node: SourceNode): Promise<boolean> {
  let found = false;
  try {
    const { stream } = await decompress(contentOf(node, Math.min(node.sizeBytes, PROBE_BYTES)), {
      maxBytes: UNPACKED_BYTES_MAX,
    });
    const parser = new TarParser({ entry: () => void (found = true) });
    for await (const chunk of stream) {
      parser.write(chunk);
      if (found) break;
    }
  } catch (error) {
    if (!isShaleError(error)) throw error;
  }
  return found;
}

async function* contentOf(node: SourceNode, bytes: number): AsyncGenerator<Uint8Array> {
  using region = node.open();
  if (region.content.kind === 'bytes') return yield region.content.bytes.subarray(0, bytes);
  const { fd, offset } = region.content;
  for (let done = 0; done < bytes;) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - done));
    const got = readSync(fd, buffer, 0, buffer.length, offset + done);
    if (got === 0) return;
    yield buffer.subarray(0, got);
    done += got;
  }
}

async function* tapped(stream: ByteStream, tap: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    tap(chunk);
    yield chunk;
  }
}

export interface ArchiveRequest {
  readonly selected: Selected;
  readonly destination: ByteString;
  readonly attributes: CopyAttributes;
}

/**
 * Unpacks an archive's entries below the destination, as docker does: parents that are missing are made, links on the way
 * are followed inside the image, an entry replaces what is there, and the archive's own root entry changes nothing.
 * @throws COPY_NOT_A_DIRECTORY, ARCHIVE_LINK
 */
export function planArchive(destination: Destination, archive: OpenArchive, request: ArchiveRequest): void {
  const top = destination.resolve(request.destination);
  destination.makeDirectories(top, madeDirectory(request.attributes));
  for (const entry of archive.entries) {
    if (entry.path !== '') planMember(destination, archive, { ...request, destination: top }, entry);
  }
}

function planMember(
  destination: Destination,
  archive: OpenArchive,
  request: ArchiveRequest,
  entry: ReadTarEntry,
): void {
  const { attributes, selected } = request;
  const parent = destination.resolve(childPath(request.destination, parentPath(entry.path)));
  destination.makeDirectories(parent, {
    mode: 0o755,
    uid: attributes.owner?.uid ?? 0,
    gid: attributes.owner?.gid ?? 0,
    mtimeNs: attributes.epochNs,
  });
  const path = childPath(parent, entry.path.slice(entry.path.lastIndexOf('/') + 1));
  const origin = `${toText(selected.path)}:${toText(entry.path)}`;
  const owned = {
    ...entry,
    path,
    uid: attributes.owner?.uid ?? entry.uid,
    gid: attributes.owner?.gid ?? entry.gid,
    mtimeNs: attributes.time(entry.mtimeNs),
  };
  if (entry.kind === 'hardlink') return planHardLink(destination, request, { ...owned, origin });
  const content = entry.kind === 'file' ? memberContent(archive, entry) : undefined;
  destination.put(owned, content, origin);
}

function planHardLink(
  destination: Destination,
  request: ArchiveRequest,
  link: ReadTarEntry & { readonly origin: string },
): void {
  const holder = destination.resolve(childPath(request.destination, parentPath(link.linkTarget)));
  const target = childPath(holder, link.linkTarget.slice(link.linkTarget.lastIndexOf('/') + 1));
  const there = destination.find(target);
  if (there === undefined || there.kind === 'directory') {
    throw new ShaleError(
      'ARCHIVE_LINK',
      `${link.origin} is a hard link to ${toText(link.linkTarget)}, which is not there`,
      { data: { path: toText(link.path) } },
    );
  }
  const { lower } = there;
  if (lower === undefined) return destination.put({ ...link, linkTarget: target }, undefined, link.origin);
  // A layer cannot link to a file of the layers below: it gets a copy of it.
  const { mode, uid, gid, sizeBytes, kind } = lower;
  destination.put(
    { ...link, kind, mode, uid, gid, sizeBytes, linkTarget: lower.linkTarget(), xattrs: lower.xattrs() },
    kind === 'file' ? lower : undefined,
    link.origin,
  );
}

function memberContent(archive: OpenArchive, entry: ReadTarEntry): { open(): FileRegion; sha256(): Uint8Array } {
  if (entry.sparse !== undefined)
    throw new ShaleError('ARCHIVE_SPARSE', `${toText(entry.path)} is a sparse file, which ADD does not unpack`);
  const open = (): FileRegion => {
    const fd = openSync(archive.tarPath, 'r');
    return { content: { kind: 'fd', fd, offset: entry.dataOffset }, [Symbol.dispose]: () => closeSync(fd) };
  };
  let digest: Uint8Array | undefined;
  return { open, sha256: () => (digest ??= hashRegion(open, entry.sizeBytes)) };
}
