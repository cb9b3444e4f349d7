import { ShaleError, type ByteString, type Pace } from '../../base/index.ts';

import type { FileRegion } from './file-region.ts';

/** What tells that a file is still the one that was seen. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** A small file of this machine that any thread may read. */
export interface ReadableFile {
  readonly path: string | Buffer;
  readonly seen: FileIdentity;
}

export type SourceKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo';

/**
 * One file or directory of a tree that can be copied from: the build context, or the merged layers of a stage. Nothing
 * below a directory is looked at before it is asked for.
 */
export interface SourceNode {
  readonly kind: SourceKind;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** The same for every name of a file that has several; undefined where it has one. */
  readonly fileKey: string | undefined;
  /** True for a directory that is only there because of what is below it: one that is there already stays as it is. */
  readonly isPassage?: boolean;
  linkTarget(): ByteString;
  xattrs(): ReadonlyMap<ByteString, Uint8Array>;
  child(name: ByteString): SourceNode | undefined;
  /** In the order of their names' bytes. */
  children(): Iterable<readonly [ByteString, SourceNode]>;
  /** 32 bytes over the content of a file. @throws CONTENT_CHANGED when it changes while it is read. */
  sha256(): Uint8Array;
  /** Finds the digest of a large file out without holding the thread; undefined when `sha256` answers soon. */
  prepare?(pace: Pace): Promise<void> | undefined;
  /** Opens the content of a file for reading. @throws CONTENT_CHANGED */
  open(): FileRegion;
  /**
   * Whether another thread may read it in advance, and whether its digest is known without that; undefined for what is no
   * small file or is in memory.
   */
  readAhead?(): 'known' | 'unknown' | undefined;
  /** What the other thread has to know; for files that `readAhead` names. */
  readable?(): ReadableFile;
  /** Takes the digest that was found where the file was read. */
  learn?(sha256: Uint8Array): void;
}

/** Symbolic links that one path may lead through; the kernel's limit. */
const LINKS_MAX = 40;

export interface Resolved {
  /** Clean and without links, also where nothing is there. */
  readonly path: ByteString;
  readonly node: SourceNode | undefined;
}

/**
 * Follows a path below `root` as a process inside a chroot there would: `..` stops at the root, absolute links start again
 * at it. Where something is missing, the rest of the path is taken as it is.
 * @throws LINK_LOOP
 */
export function resolveIn(
  root: SourceNode | undefined,
  path: ByteString,
  options: { readonly followLast: boolean },
): Resolved {
  return resolvePath(path, options, (parent, name) => (parent === undefined ? root : parent.child(name)));
}

/** As `resolveIn`, over any tree: `find(undefined, '')` gives the root, `find(directory, name, path)` what is in it. */
export function resolvePath<N extends Pick<SourceNode, 'kind' | 'linkTarget'>>(
  path: ByteString,
  options: { readonly followLast: boolean },
  find: (parent: N | undefined, name: ByteString, at: ByteString) => N | undefined,
): { readonly path: ByteString; readonly node: N | undefined } {
  const pending = path.split('/').toReversed();
  const done: { name: ByteString; node: N | undefined }[] = [];
  const root = find(undefined, '', '');
  const here = (): N | undefined => (done.length === 0 ? root : done.at(-1)?.node);
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      done.pop();
      continue;
    }
    const parent = here();
    const node =
      parent?.kind === 'directory' ? find(parent, name, [...done.map((step) => step.name), name].join('/')) : undefined;
    if (node?.kind === 'symlink' && (options.followLast || pending.some((rest) => rest !== '' && rest !== '.'))) {
      if (++links > LINKS_MAX)
        throw new ShaleError('LINK_LOOP', `${path} leads through more than ${LINKS_MAX} symbolic links`);
      const target = node.linkTarget();
      if (target.startsWith('/')) done.length = 0;
      pending.push(...target.split('/').toReversed());
    } else done.push({ name, node });
  }
  return { path: done.map((step) => step.name).join('/'), node: here() };
}

/** The last component of a clean path. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** All but the last component; empty for a name in the root. */
export function parentPath(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function childPath(parent: ByteString, name: ByteString): ByteString {
  return parent === '' ? name : `${parent}/${name}`;
}
