import type { ReadTarEntry } from '../../archive/index.ts';
import { type ByteString, fromText } from '../../base/index.ts';
import type { TarFileWriter } from './tar-file.ts';
import { type Inode, plainInode, type Tree } from './tree.ts';

/** Where the files of packages, and our own, go: both get every entry, so that tree and tar are the same. */
export interface Rootfs {
  readonly tree: Tree;
  readonly tar: TarFileWriter;
  /** For folders that no package ships. */
  readonly mtimeNs: bigint;
}

/** The inode of an entry of a package; a file is still without its content. */
export function inodeOf(entry: ReadTarEntry): Inode {
  const { kind, mode, uid, gid, mtimeNs, linkTarget, deviceMajor, deviceMinor, xattrs } = entry;
  return {
    mode,
    uid,
    gid,
    mtimeNs,
    deviceMajor,
    deviceMinor,
    xattrs,
    kind: kind === 'hardlink' ? 'file' : kind,
    linkTarget: kind === 'symlink' ? linkTarget : '',
    content: undefined,
  };
}

/** Puts a file of our own into tree and tar, with the folders on the way to it. */
export function addFile(rootfs: Rootfs, file: OwnFile): void {
  const { tree, tar, mtimeNs } = rootfs;
  const path = tree.resolve(file.path, { followLast: false });
  for (const made of tree.makeParents(path, mtimeNs)) tar.startEntry(made, plainInode('directory', 0o755, mtimeNs), 0);
  const bytes = bytesOf(file);
  const inode = plainInode('file', file.mode ?? 0o644, file.mtimeNs ?? mtimeNs);
  tar.startEntry(path, inode, bytes.byteLength);
  tar.writeContent(bytes);
  tree.set(path, { ...inode, content: tar.endContent() });
}

/** Puts a small file of our own into a tree alone, with the folders on the way to it; its content stays in memory. */
export function putFile(tree: Tree, file: OwnFile, mtimeNs: bigint): void {
  const path = tree.resolve(file.path, { followLast: false });
  tree.makeParents(path, mtimeNs);
  const bytes = bytesOf(file);
  const inode = plainInode('file', file.mode ?? 0o644, file.mtimeNs ?? mtimeNs);
  tree.set(path, { ...inode, content: { kind: 'memory', bytes } });
}

export interface OwnFile {
  readonly path: ByteString;
  /** Text is written as UTF-8. */
  readonly content: string | Uint8Array;
  /** 0644 unless said otherwise. */
  readonly mode?: number;
  readonly mtimeNs?: bigint;
}

/** Makes a folder, where there is none, and those on the way to it. */
export function addFolder(rootfs: Rootfs, folder: ByteString): void {
  const { tree, tar, mtimeNs } = rootfs;
  const path = tree.resolve(folder, { followLast: true });
  for (const made of tree.makeParents(`${path}/`, mtimeNs))
    tar.startEntry(made, plainInode('directory', 0o755, mtimeNs), 0);
}

/** Makes a symlink. */
export function addSymlink(rootfs: Rootfs, path: ByteString, linkTarget: ByteString): void {
  const { tree, tar, mtimeNs } = rootfs;
  const inode: Inode = { ...plainInode('symlink', 0o777, mtimeNs), linkTarget };
  for (const made of tree.makeParents(path, mtimeNs)) tar.startEntry(made, plainInode('directory', 0o755, mtimeNs), 0);
  tree.set(path, inode);
  tar.startEntry(path, inode, 0);
}

function bytesOf({ content }: OwnFile): Uint8Array {
  return typeof content === 'string' ? Buffer.from(fromText(content), 'latin1') : content;
}
