import { type ByteString, ShaleError, toText } from '../../base/index.ts';

/** Where the bytes of a file are. */
export type Content =
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  /** A part of an open file, which must stay open and unchanged as long as the tree is used. */
  | { readonly kind: 'file'; readonly fd: number; readonly offset: number; readonly sizeBytes: number };

/** What a name in a tree stands for; several names of one file share it. */
export interface Inode {
  readonly kind: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Of a symlink, verbatim. */
  readonly linkTarget: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
  /** Set for files only. */
  readonly content: Content | undefined;
}

const LINKS_MAX = 40;
const NOTHING: ReadonlyMap<ByteString, Uint8Array> = new Map();

/** An inode with the usual attributes: root's, without xattrs. */
export function plainInode(kind: Inode['kind'], mode: number, mtimeNs: bigint): Inode {
  return {
    kind,
    mode,
    uid: 0,
    gid: 0,
    mtimeNs,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: NOTHING,
    content: kind === 'file' ? { kind: 'memory', bytes: new Uint8Array() } : undefined,
  };
}

/**
 * A root filesystem in memory: clean paths (no slash at either end; the root is the empty path) and what they stand
 * for. File contents stay where they are. Nothing here touches a real directory, so no name can lead out of the tree.
 */
export class Tree {
  readonly #inodes = new Map<ByteString, Inode>();

  constructor(root: Inode) {
    this.#inodes.set('', root);
  }

  get size(): number {
    return this.#inodes.size;
  }

  /** The inode at exactly this path; links are not followed. */
  find(path: ByteString): Inode | undefined {
    return this.#inodes.get(path);
  }

  /** Puts an inode at a path whose parent folder is there; what was there before is replaced, a folder with its content. */
  set(path: ByteString, inode: Inode): void {
    if (this.#inodes.get(path)?.kind === 'directory' && inode.kind !== 'directory') this.delete(path);
    this.#inodes.set(path, inode);
  }

  /** Removes a path and everything below it. */
  delete(path: ByteString): void {
    const inode = this.#inodes.get(path);
    this.#inodes.delete(path);
    if (inode?.kind === 'directory') this.deleteBelow(path);
  }

  /** Removes everything below a folder, and leaves the folder. */
  deleteBelow(path: ByteString): void {
    const prefix = path === '' ? '' : `${path}/`;
    for (const each of this.#inodes.keys()) {
      if (each !== '' && each.startsWith(prefix)) this.#inodes.delete(each);
    }
  }

  entries(): MapIterator<[ByteString, Inode]> {
    return this.#inodes.entries();
  }

  /** Makes the folders on the way to `path` that are missing (0755, root). The path must not lead through links. */
  makeParents(path: ByteString, mtimeNs: bigint): ByteString[] {
    const made: ByteString[] = [];
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      if (this.#inodes.has(parent)) continue;
      this.#inodes.set(parent, plainInode('directory', 0o755, mtimeNs));
      made.push(parent);
    }
    return made;
  }

  /**
   * The path without symbolic links that `path` leads to, as the kernel would follow it with this tree as the root.
   * Names that do not exist stay as they are.
   * @throws TREE_PATH when links go in circles or a file is used as a folder.
   */
  resolve(path: ByteString, options: { readonly followLast: boolean }): ByteString {
    const pending = path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .toReversed();
    const done: ByteString[] = [];
    let links = 0;
    while (pending.length > 0) {
      const part = pending.pop();
      if (part === undefined) break;
      if (part === '..') {
        done.pop();
        continue;
      }
      done.push(part);
      if (pending.length === 0 && !options.followLast) break;
      const inode = this.#inodes.get(done.join('/'));
      if (inode?.kind === 'symlink') {
        if (++links > LINKS_MAX) throw treeError(path, 'its links go in circles');
        done.pop();
        if (inode.linkTarget.startsWith('/')) done.length = 0;
        pending.push(
          ...inode.linkTarget
            .split('/')
            .filter((each) => each !== '' && each !== '.')
            .toReversed(),
        );
      } else if (inode !== undefined && inode.kind !== 'directory' && pending.length > 0) {
        throw treeError(path, `${JSON.stringify(toText(done.join('/')))} is not a folder`);
      }
    }
    return done.join('/');
  }
}

function treeError(path: ByteString, why: string): ShaleError {
  const shown = toText(path);
  return new ShaleError('TREE_PATH', `${JSON.stringify(shown)} leads nowhere: ${why}`, { data: { path: shown } });
}
