import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { decompress, isTar, TarParser, type ReadTarEntry } from '../../archive/index.ts';
import {
  isShaleError,
  runNow,
  runPaced,
  ShaleError,
  toText,
  type ByteString,
  type ByteStream,
} from '../../base/index.ts';
import type { Destination } from './destination.ts';
import type { CopyAttributes } from './graft.ts';
import { madeDirectory } from './plan.ts';
import type { EntrySource } from './planned.ts';
import type { Selected } from './select.ts';
import { hashRegion, type FileRegion } from './file-region.ts';
import { childPath, parentPath, type SourceNode } from './source-tree.ts';

/** Bytes that one archive of ADD may unpack to, holes of sparse files included. */
export const UNPACKED_BYTES_MAX: number = 64 * 1024 ** 3;
/** Bytes that are enough to tell whether something is a tar. */
const PROBE_BYTES = 512;
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
 * @throws what TarParser and decompress throw for an archive that is hostile or breaks off
 */
export async function openArchive(node: SourceNode, spool: Spool): Promise<OpenArchive | undefined> {
  if (node.kind !== 'file' || !(await looksLikeTar(node))) return undefined;
  const { stream } = await decompress(contentOf(node, node.sizeBytes), { maxBytes: UNPACKED_BYTES_MAX });
  const entries: ReadTarEntry[] = [];
  const parser = new TarParser({ entry: (entry) => void entries.push(entry) }, { skipRootFiles: true });
  const tarPath = await spool(tapped(stream, (chunk) => parser.write(chunk)));
  parser.end();
  return { entries, tarPath };
}

/** As docker: the first header decides, so that a tar which is refused later is never taken for a plain file. */
async function looksLikeTar(node: SourceNode): Promise<boolean> {
  const parts: Uint8Array[] = [];
  let got = 0;
  try {
    const { stream } = await decompress(contentOf(node, node.sizeBytes), { maxBytes: UNPACKED_BYTES_MAX });
    for await (const chunk of stream) {
      parts.push(chunk);
      got += chunk.byteLength;
      if (got >= PROBE_BYTES) break;
    }
  } catch (error) {
    if (!isShaleError(error)) throw error;
  }
  return isTar(Buffer.concat(parts));
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
 * are followed below the destination, an entry replaces what is there, and the archive's own root entry changes nothing.
 * @throws COPY_NOT_A_DIRECTORY, ARCHIVE_LINK, ARCHIVE_ESCAPE, LIMIT_EXCEEDED
 */
export function planArchive(destination: Destination, archive: OpenArchive, request: ArchiveRequest): void {
  const top = destination.resolve(request.destination);
  destination.makeDirectories(top, madeDirectory(request.attributes));
  const sizeBytes = archive.entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  if (sizeBytes > UNPACKED_BYTES_MAX)
    throw new ShaleError(
      'LIMIT_EXCEEDED',
      `the files of ${toText(request.selected.path)} have ${sizeBytes} bytes, more than ${UNPACKED_BYTES_MAX}`,
    );
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
  const origin = `${toText(selected.path)}:${toText(entry.path)}`;
  const parent = resolveInside(destination, request, { path: parentPath(entry.path), origin });
  destination.makeDirectories(parent, {
    mode: 0o755,
    uid: attributes.owner?.uid ?? 0,
    gid: attributes.owner?.gid ?? 0,
    mtimeNs: attributes.epochNs,
  });
  const path = childPath(parent, entry.path.slice(entry.path.lastIndexOf('/') + 1));
  const owned = {
    ...entry,
    path,
    uid: attributes.owner?.uid ?? entry.uid,
    gid: attributes.owner?.gid ?? entry.gid,
    mtimeNs: attributes.time(entry.mtimeNs),
  };
  if (entry.kind === 'hardlink') return planHardLink(destination, request, { ...owned, origin });
  const content = entry.kind === 'file' ? memberContent(archive, entry) : undefined;
  destination.replace(owned, content, origin);
}

/**
 * Follows a path of the archive through what is there and what it has made itself. Links may lead anywhere below the
 * destination and nowhere else: an archive fills the place that it was told to.
 * @throws ARCHIVE_ESCAPE
 */
function resolveInside(
  destination: Destination,
  request: ArchiveRequest,
  member: { readonly path: ByteString; readonly origin: string },
): ByteString {
  const top = request.destination;
  const resolved = destination.resolve(childPath(top, member.path));
  if (top === '' || resolved === top || resolved.startsWith(`${top}/`)) return resolved;
  throw new ShaleError(
    'ARCHIVE_ESCAPE',
    `${member.origin} would be written to /${toText(resolved)}, which a link leads to and which is not in /${toText(top)}`,
    { data: { path: member.origin, target: toText(resolved) } },
  );
}

function planHardLink(
  destination: Destination,
  request: ArchiveRequest,
  link: ReadTarEntry & { readonly origin: string },
): void {
  const holder = resolveInside(destination, request, { path: parentPath(link.linkTarget), origin: link.origin });
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
  if (lower === undefined) return destination.replace({ ...link, linkTarget: target }, undefined, link.origin);
  // A layer cannot link to a file of the layers below: it gets a copy of it.
  const { mode, uid, gid, sizeBytes, kind } = lower;
  destination.replace(
    { ...link, kind, mode, uid, gid, sizeBytes, linkTarget: lower.linkTarget(), xattrs: lower.xattrs() },
    kind === 'file' ? lower : undefined,
    link.origin,
  );
}

function memberContent(archive: OpenArchive, entry: ReadTarEntry): EntrySource {
  const open = (): FileRegion => {
    const expanded = entry.sparse === undefined ? undefined : expand(archive.tarPath, entry);
    const fd = openSync(expanded ?? archive.tarPath, 'r');
    return {
      content: { kind: 'fd', fd, offset: expanded === undefined ? entry.dataOffset : 0 },
      [Symbol.dispose]: () => closeSync(fd),
    };
  };
  let digest: Uint8Array | undefined;
  return {
    open,
    sha256: () => (digest ??= runNow(hashRegion(open, entry.sizeBytes))),
    prepare: async (pace) => {
      digest ??= await runPaced(hashRegion(open, entry.sizeBytes), pace);
    },
  };
}

/** Writes a sparse file out beside the archive, with holes where it has them, and gives its path. */
function expand(tarPath: string, entry: ReadTarEntry): string {
  const path = `${tarPath}.${entry.headerOffset}`;
  const source = openSync(tarPath, 'r');
  const target = openSync(path, 'w', 0o600);
  try {
    ftruncateSync(target, entry.sizeBytes);
    let from = entry.dataOffset;
    for (const { offset, lengthBytes } of entry.sparse ?? []) {
      copyRange({ source, from }, { target, to: offset }, lengthBytes);
      from += lengthBytes;
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
  return path;
}

function copyRange(
  { source, from }: { readonly source: number; readonly from: number },
  { target, to }: { readonly target: number; readonly to: number },
  bytes: number,
): void {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes));
  for (let done = 0; done < bytes;) {
    const got = readSync(source, buffer, 0, Math.min(buffer.length, bytes - done), from + done);
    if (got === 0) throw new ShaleError('TAR_TRUNCATED', 'an archive ends within a sparse file');
    for (let put = 0; put < got;) put += writeSync(target, buffer, put, got - put, to + done + put);
    done += got;
  }
}
