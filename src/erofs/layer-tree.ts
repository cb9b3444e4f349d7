import type { ReadTarEntry } from '../archive/index.ts';
import type { ByteString } from '../base/index.ts';
import { refused } from './errors.ts';
import { LINKS_FOLLOWED_MAX, LINK_TARGET_BYTES_MAX, NAME_BYTES_MAX } from './format.ts';
import { InodeTree, type Inode } from './inode-tree.ts';
import { NO_XATTRS, type Attributes, type NodeKind } from './tree.ts';
import { isAufsMetadata, meaningOf } from './whiteouts.ts';
import { keptXattrs } from './xattrs.ts';

/** Most inodes of one layer; the largest known images have about a million files in all. */
const INODES_MAX = 4_000_000;
/** Deepest folder; Linux cannot name anything below 2,048 levels in one path. */
const DEPTH_MAX = 8_192;
/** The largest id that Linux can give to a file; 2^32-1 means "none". */
const ID_MAX = 0xffff_fffe;
const DEVICE_MAJOR_MAX = 0xfff;
const DEVICE_MINOR_MAX = 0xf_ffff;
/** The format has 64 bits of seconds. */
const MTIME_NS_LIMIT: bigint = (1n << 63n) * 1_000_000_000n;
const MTIME_NS_MIN: bigint = -MTIME_NS_LIMIT;

/** One step of a path that has been walked; `node` is missing while the folder is not there yet. */
interface Step {
  readonly name: ByteString;
  node: Inode | undefined;
}

/**
 * The tree that the entries of one layer make, applied in the order of the tar, with nothing of the layers below.
 * Symbolic links in parent positions are followed as inside a chroot; the last component never is.
 */
export class LayerTree {
  readonly tree: InodeTree = new InodeTree();
  readonly root: Inode = this.tree.addImplied();
  /** Called with each extended attribute that is left out. */
  readonly #dropped: (path: ByteString, name: ByteString) => void;
  /** What AUFS keeps at the top of a layer; hard links may point here. */
  readonly #metadata: Inode = this.tree.addImplied();
  readonly #directories = new Map<ByteString, Inode>();
  #inodes = 1;

  constructor(dropped: (path: ByteString, name: ByteString) => void) {
    this.#dropped = dropped;
  }

  /** Applies one entry and returns the node whose content it brings; undefined for everything but files. */
  apply(entry: ReadTarEntry): Inode | undefined {
    if (entry.path === '') return this.#applyRoot(entry);
    const slash = entry.path.lastIndexOf('/');
    const name = entry.path.slice(slash + 1);
    if (slash === 0) throw refused('ENTRY_INVALID', entry.path, 'is not a clean path');
    const metadata = isAufsMetadata(entry.path);
    const meaning = metadata ? { kind: 'plain' as const } : meaningOf(name, entry.path);
    const parent = this.#directory(slash < 0 ? '' : entry.path.slice(0, slash), entry.path, metadata);
    if (meaning.kind === 'opaque') this.tree.setOpaque(parent);
    else if (meaning.kind === 'whiteout') this.#hide(parent, meaning.hides, entry.path);
    else if (isWhiteoutDevice(entry)) this.#hide(parent, name, entry.path);
    else if (entry.kind === 'hardlink') this.#link(parent, name, entry);
    else return this.#put(parent, name, entry);
    return undefined;
  }

  /**
   * To be called after the last entry. Whiteouts act on the layers below only, before or after an entry of the same
   * name: a directory that is also whited out is a new one, and nothing below shows in it or gives it attributes.
   */
  settle(): void {
    const { tree } = this;
    for (const parent of tree.hiding()) {
      for (const name of tree.hidden(parent) ?? []) {
        const child = tree.child(parent, name);
        if (child === undefined || tree.kind(child) !== 'directory') continue;
        tree.setOpaque(child);
        tree.setImplied(child, false);
      }
    }
  }

  #applyRoot(entry: ReadTarEntry): undefined {
    if (entry.kind !== 'directory') {
      throw refused('ROOT_NOT_A_DIRECTORY', entry.path, `is a ${entry.kind} in the place of the root directory`);
    }
    this.tree.setAttributes(this.root, this.#attributesOf('directory', entry));
    this.tree.setImplied(this.root, false);
  }

  #hide(parent: Inode, name: ByteString, path: ByteString): void {
    this.#checkName(name, path);
    this.tree.hide(parent, name);
  }

  #put(parent: Inode, name: ByteString, entry: ReadTarEntry): Inode | undefined {
    const { tree } = this;
    this.#checkName(name, entry.path);
    const existing = tree.child(parent, name);
    if (existing !== undefined && tree.kind(existing) === 'directory' && entry.kind === 'directory') {
      tree.setAttributes(existing, this.#attributesOf('directory', entry));
      tree.setImplied(existing, false);
      return undefined;
    }
    const inode = this.#inodeOf(entry);
    this.#place(parent, name, inode, existing);
    return entry.kind === 'file' ? inode : undefined;
  }

  /** Puts an inode under a name as unlink and create would: nothing is written through what was there. */
  #place(parent: Inode, name: ByteString, inode: Inode, existing: Inode | undefined): void {
    const { tree } = this;
    if (existing !== undefined) {
      const kind = tree.kind(existing);
      if (kind === 'directory' || kind === 'symlink') this.#directories.clear();
      // A directory that took the place of a file of this layer is a new one: nothing of the layers below shows in it.
      if (tree.kind(inode) === 'directory') tree.hide(parent, name);
    }
    tree.setChild(parent, name, inode);
  }

  #link(parent: Inode, name: ByteString, entry: ReadTarEntry): void {
    const { tree } = this;
    this.#checkName(name, entry.path);
    if (entry.linkTarget.split('/').includes('..')) {
      throw refused('HARDLINK_TARGET', entry.path, 'is a hard link that leaves the layer', {
        target: entry.linkTarget,
      });
    }
    const target = this.#find(entry.linkTarget, entry.path);
    if (target === undefined || tree.kind(target) === 'directory') {
      const why = target === undefined ? 'is missing in the layer' : 'is a directory';
      throw refused('HARDLINK_TARGET', entry.path, `is a hard link whose target ${why}`, { target: entry.linkTarget });
    }
    const existing = tree.child(parent, name);
    if (existing !== target) this.#place(parent, name, target, existing);
    // docker and containerd give the inode the attributes of the link's header, but for the time of a symbolic link.
    const kind = tree.kind(target);
    const before = tree.xattrs(target);
    const attributes = this.#attributesOf(kind, entry);
    const xattrs = before.size === 0 ? attributes.xattrs : new Map([...before, ...attributes.xattrs]);
    tree.setAttributes(target, { ...attributes, xattrs }, { time: kind !== 'symlink' });
  }

  #inodeOf(entry: ReadTarEntry): Inode {
    const { tree } = this;
    this.#count(entry.path, 'is one of');
    const kind = kindOf(entry);
    const inode = tree.add(kind, this.#attributesOf(kind, entry));
    if (entry.kind === 'file') tree.setSize(inode, entry.sizeBytes);
    else if (entry.kind === 'symlink') {
      checkLinkTarget(entry);
      tree.setLinkTarget(inode, entry.linkTarget);
    } else if (entry.kind === 'character' || entry.kind === 'block') {
      checkDevice(entry);
      tree.setDeviceNumber(inode, entry.deviceMajor, entry.deviceMinor);
    }
    return inode;
  }

  #count(path: ByteString, how: string): void {
    if (++this.#inodes > INODES_MAX) throw refused('INDEX_LIMIT', path, `${how} more than ${INODES_MAX} files`);
  }

  #attributesOf(kind: NodeKind, entry: ReadTarEntry): Attributes {
    const { uid, gid, mtimeNs } = entry;
    if (!(uid >= 0 && uid <= ID_MAX && gid >= 0 && gid <= ID_MAX)) {
      throw refused('ENTRY_INVALID', entry.path, `has an owner that Linux does not know: ${uid}:${gid}`);
    }
    if (mtimeNs >= MTIME_NS_LIMIT || mtimeNs < MTIME_NS_MIN) {
      throw refused('ENTRY_INVALID', entry.path, 'has a modification time beyond 64 bits of seconds');
    }
    // Linux gives every symbolic link this mode, and so must two layers with the same link.
    const mode = kind === 'symlink' ? 0o777 : entry.mode & 0o7777;
    const xattrs = entry.xattrs.size === 0 ? NO_XATTRS : this.#keptXattrs(kind, entry);
    return { mode, uid, gid, mtimeNs, xattrs };
  }

  #keptXattrs(kind: NodeKind, entry: ReadTarEntry): ReadonlyMap<ByteString, Uint8Array> {
    return keptXattrs(entry.xattrs, entry.path, { kind, dropped: (name) => this.#dropped(entry.path, name) });
  }

  #checkName(name: ByteString, path: ByteString): void {
    if (name.length > NAME_BYTES_MAX) {
      throw refused('NAME_TOO_LONG', path, `has a name of ${name.length} bytes, Linux takes ${NAME_BYTES_MAX}`);
    }
    if (name === '' || name === '.' || name === '..' || name.includes('\0')) {
      throw refused('ENTRY_INVALID', path, 'is not a clean path');
    }
  }

  /** The directory at `path`, made with its parents where it is missing. */
  #directory(path: ByteString, forPath: ByteString, metadata: boolean): Inode {
    const key = metadata ? `\0${path}` : path;
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    if (path !== '') for (const name of path.split('/')) this.#checkName(name, forPath);
    const steps = this.#walk(path, forPath, metadata ? this.#metadata : this.root);
    let parent = this.root;
    for (const step of steps) {
      if (step.node === undefined) {
        this.#checkName(step.name, forPath);
        step.node = this.tree.addImplied();
        this.#count(forPath, 'is below');
        this.tree.setChild(parent, step.name, step.node);
      }
      parent = step.node;
    }
    this.#directories.set(key, parent);
    return parent;
  }

  /** The node at `path`, its last component not followed. */
  #find(path: ByteString, forPath: ByteString): Inode | undefined {
    const slash = path.lastIndexOf('/');
    const top = isAufsMetadata(path) ? this.#metadata : this.root;
    const parent = this.#walk(slash < 0 ? '' : path.slice(0, slash), forPath, top).at(-1)?.node;
    return path === '' ? parent : this.#childOf(parent, path.slice(slash + 1));
  }

  /**
   * Walks a path of directories and follows links as inside a chroot of this layer. Components that are not there are
   * steps without a node; `..` of a link target leaves them as if they were.
   */
  #walk(path: ByteString, forPath: ByteString, top: Inode): Step[] {
    const { tree } = this;
    const root: Step = { name: '', node: top };
    let steps: Step[] = [root];
    const pending = path === '' ? [] : path.split('/').reverse();
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (steps.length > 1) steps.pop();
        continue;
      }
      const node = this.#childOf(steps.at(-1)?.node, name);
      const kind = node === undefined ? undefined : tree.kind(node);
      if (node !== undefined && kind === 'symlink') {
        const target = tree.linkTarget(node);
        if (++links > LINKS_FOLLOWED_MAX) throw refused('LINK_LOOP', forPath, 'lies below a loop of symbolic links');
        if (target.startsWith('/')) steps = [root];
        pending.push(...target.split('/').reverse());
      } else if (kind !== undefined && kind !== 'directory') {
        throw refused('PARENT_NOT_A_DIRECTORY', forPath, `lies below a ${kind} of the same layer`);
      } else if (steps.push({ name, node }) > DEPTH_MAX) {
        throw refused('INDEX_LIMIT', forPath, `lies deeper than ${DEPTH_MAX} folders`);
      }
    }
    return steps;
  }

  #childOf(parent: Inode | undefined, name: ByteString): Inode | undefined {
    return parent !== undefined && this.tree.kind(parent) === 'directory' ? this.tree.child(parent, name) : undefined;
  }
}

/** overlayfs takes a character device 0:0 for a whiteout wherever it comes from, and so do docker's layers. */
function isWhiteoutDevice(entry: ReadTarEntry): boolean {
  return entry.kind === 'character' && entry.deviceMajor === 0 && entry.deviceMinor === 0;
}

function kindOf(entry: ReadTarEntry): NodeKind {
  return entry.kind === 'hardlink' ? 'file' : entry.kind;
}

function checkLinkTarget(entry: ReadTarEntry): void {
  const { length } = entry.linkTarget;
  if (length > LINK_TARGET_BYTES_MAX) {
    throw refused(
      'NAME_TOO_LONG',
      entry.path,
      `has a link target of ${length} bytes, Linux takes ${LINK_TARGET_BYTES_MAX}`,
    );
  }
  if (length === 0 || entry.linkTarget.includes('\0')) {
    throw refused('ENTRY_INVALID', entry.path, 'is a symbolic link with an impossible target');
  }
}

function checkDevice(entry: ReadTarEntry): void {
  const { deviceMajor: major, deviceMinor: minor } = entry;
  if (!(major >= 0 && major <= DEVICE_MAJOR_MAX && minor >= 0 && minor <= DEVICE_MINOR_MAX)) {
    throw refused('INDEX_LIMIT', entry.path, `has a device number that Linux does not know: ${major}:${minor}`);
  }
}
