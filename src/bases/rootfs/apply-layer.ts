import { readSync } from 'node:fs';
import { type ReadTarEntry, TarParser } from '../../archive/index.ts';
import { type ByteString, ShaleError, toText } from '../../base/index.ts';
import type { Inode, Tree } from './tree.ts';

const CHUNK_BYTES: number = 1024 * 1024;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

export interface ApplyOptions {
  /** Says what becomes of the modification time of an entry of the layer. */
  readonly mtimeOf: (entry: ReadTarEntry) => bigint;
  /** Take only what lies below this folder, as if it were the root; the other paths are given to `onOther`. */
  readonly below?: { readonly folder: ByteString; readonly onOther: (entry: ReadTarEntry) => void };
}

/**
 * Puts a layer (image-spec layer.md) that lies uncompressed in the open file `fd` on top of a tree. Contents stay in
 * that file.
 * @throws the errors of the tar reader; LAYER_MALFORMED for a hard link to nothing.
 */
export function applyLayer(tree: Tree, fd: number, options: ApplyOptions): void {
  const whiteouts: ByteString[] = [];
  const links: ReadTarEntry[] = [];
  const entries: ReadTarEntry[] = [];
  const parser = new TarParser({
    entry: (whole) => {
      const entry = options.below === undefined ? whole : entryBelow(whole, options.below);
      if (entry === undefined) return;
      if (nameOf(entry.path).startsWith(WHITEOUT)) whiteouts.push(entry.path);
      else if (entry.kind === 'hardlink') links.push(entry);
      else entries.push(entry);
    },
  });
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ;) {
    const count = readSync(fd, chunk, 0, CHUNK_BYTES, at);
    if (count === 0) break;
    parser.write(chunk.subarray(0, count));
    at += count;
  }
  parser.end();
  // Whiteouts are about the layers below only, wherever they stand in the tar.
  for (const path of whiteouts) applyWhiteout(tree, path);
  for (const entry of entries) putEntry(tree, entry, inodeOf(entry, fd, options));
  for (const entry of links) {
    const target = tree.find(entry.linkTarget);
    if (target === undefined || target.kind === 'directory') throw badLink(entry);
    putEntry(tree, entry, target);
  }
}

/** The entry with its path from a folder on; undefined when it does not lie there. */
function entryBelow(
  entry: ReadTarEntry,
  { folder, onOther }: NonNullable<ApplyOptions['below']>,
): ReadTarEntry | undefined {
  const prefix = `${folder}/`;
  if (entry.path === folder) return { ...entry, path: '' };
  if (!entry.path.startsWith(prefix)) {
    onOther(entry);
    return undefined;
  }
  const path = entry.path.slice(prefix.length);
  return entry.kind === 'hardlink'
    ? { ...entry, path, linkTarget: entry.linkTarget.slice(prefix.length) }
    : { ...entry, path };
}

function applyWhiteout(tree: Tree, path: ByteString): void {
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '' : path.slice(0, slash);
  const name = nameOf(path);
  if (name === OPAQUE) tree.deleteBelow(folder);
  else if (name.length > WHITEOUT.length) tree.delete(path.slice(0, slash + 1) + name.slice(WHITEOUT.length));
}

function putEntry(tree: Tree, entry: ReadTarEntry, inode: Inode): void {
  tree.makeParents(entry.path, inode.mtimeNs);
  tree.set(entry.path, inode);
}

function inodeOf(entry: ReadTarEntry, fd: number, options: ApplyOptions): Inode {
  const { kind, mode, uid, gid, linkTarget, deviceMajor, deviceMinor, xattrs } = entry;
  if (kind === 'hardlink' || entry.sparse !== undefined) throw badLink(entry);
  return {
    kind,
    mode,
    uid,
    gid,
    linkTarget,
    deviceMajor,
    deviceMinor,
    xattrs,
    mtimeNs: options.mtimeOf(entry),
    content: kind === 'file' ? { kind: 'file', fd, offset: entry.dataOffset, sizeBytes: entry.sizeBytes } : undefined,
  };
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

function badLink(entry: ReadTarEntry): ShaleError {
  const shown = toText(entry.path);
  return new ShaleError('LAYER_MALFORMED', `${JSON.stringify(shown)} is a link to nothing, or sparse`, {
    data: { path: shown },
  });
}
