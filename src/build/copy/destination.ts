import { compareLayerPaths, type TarEntry } from '../../archive/index.ts';
import { ShaleError, toText, type ByteString } from '../../base/index.ts';
import type { FileRegion } from './file-region.ts';
import { baseName, parentPath, resolvePath, type SourceKind, type SourceNode } from './source-tree.ts';

/** What stands at a path of the destination: something that this copy puts there, or what the layers below hold. */
export interface DestinationNode {
  readonly kind: SourceKind;
  linkTarget(): ByteString;
  /** Of the layers below; undefined for what the copy made. */
  readonly lower: SourceNode | undefined;
}

/** An entry of the layer to be written. */
export interface PlannedEntry {
  readonly entry: TarEntry;
  /** Where a file's content comes from, with its digest. */
  readonly content: { open(): FileRegion; sha256(): Uint8Array } | undefined;
  /** What the entry is made of, for people: a path of the context, an archive's member. Empty for parents. */
  readonly origin: string;
}

/**
 * The root filesystem that is copied to, with what has been put there so far. It is never mounted: paths are followed
 * through the index of the layers below, links included, and every change is an entry of the new layer.
 */
export class Destination {
  readonly #lower: SourceNode | undefined;
  readonly #planned = new Map<ByteString, PlannedEntry>();
  readonly #directories = new Map<ByteString, SourceNode | undefined>();

  constructor(lower: SourceNode | undefined) {
    this.#lower = lower;
    this.#directories.set('', lower);
  }

  /** What is at a clean path that has no links in it. */
  find(path: ByteString): DestinationNode | undefined {
    const planned = this.#planned.get(path);
    if (planned !== undefined) return plannedNode(planned);
    if (path === '') return rootNode(this.#lower);
    const lower = this.#lowerAt(path);
    return lower && { kind: lower.kind, linkTarget: () => lower.linkTarget(), lower };
  }

  /** Follows links as in a chroot; what does not exist is taken as written. @throws LINK_LOOP */
  resolve(path: ByteString): ByteString {
    return resolvePath<DestinationNode>(path, { followLast: true }, (_parent, _name, at) => this.find(at)).path;
  }

  /** Makes a directory and its missing parents with these attributes. @throws COPY_NOT_A_DIRECTORY */
  makeDirectories(path: ByteString, attributes: Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'mtimeNs'>): void {
    const there = this.find(path);
    if (there?.kind === 'directory') return;
    if (there !== undefined) throw notADirectory(path);
    this.makeDirectories(parentPath(path), attributes);
    this.put({ ...PLAIN, ...attributes, path, kind: 'directory' }, undefined, '');
  }

  /** Puts an entry; whatever was at its path is replaced, a directory with all that is in it unless it stays one. */
  put(entry: TarEntry, content: PlannedEntry['content'], origin: string): void {
    const { path } = entry;
    if (baseName(path).startsWith('.wh.')) throw reservedName(path);
    if (entry.kind !== 'directory' && this.#planned.get(path)?.entry.kind === 'directory') this.#dropBelow(path);
    this.#planned.set(path, { entry, content, origin });
  }

  /**
   * Everything that was put, with the directories that lead there as the layers below have them, in a layer's order.
   * Parents are written out so that a layer alone says what its directories are.
   */
  entries(clamp: (mtimeNs: bigint) => bigint): PlannedEntry[] {
    const all = new Map(this.#planned);
    for (const path of this.#planned.keys()) {
      for (let parent = path; parent !== '';) {
        parent = parentPath(parent);
        if (parent === '' || all.has(parent)) continue;
        const lower = this.#lowerAt(parent);
        if (lower !== undefined)
          all.set(parent, { entry: directoryEntry(parent, lower, clamp), content: undefined, origin: '' });
      }
    }
    return [...all.values()].toSorted((a, b) => compareLayerPaths(a.entry.path, b.entry.path));
  }

  #dropBelow(path: ByteString): void {
    for (const other of this.#planned.keys()) if (other.startsWith(`${path}/`)) this.#planned.delete(other);
  }

  /** What the layers below show at a path, unless the copy put something in the way. */
  #lowerAt(path: ByteString): SourceNode | undefined {
    const parent = parentPath(path);
    const directory = this.#lowerDirectory(parent);
    return directory?.child(path.slice(parent === '' ? 0 : parent.length + 1));
  }

  #lowerDirectory(path: ByteString): SourceNode | undefined {
    const planned = this.#planned.get(path);
    if (planned !== undefined && planned.entry.kind !== 'directory') return undefined;
    if (this.#directories.has(path)) return this.#directories.get(path);
    const node = this.#lowerAt(path);
    const directory = node?.kind === 'directory' ? node : undefined;
    this.#directories.set(path, directory);
    return directory;
  }
}

/** The fields that most entries do not use. */
export const PLAIN: Pick<TarEntry, 'sizeBytes' | 'linkTarget' | 'deviceMajor' | 'deviceMinor' | 'xattrs'> = {
  sizeBytes: 0,
  linkTarget: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};

function rootNode(lower: SourceNode | undefined): DestinationNode {
  return { kind: 'directory', linkTarget: () => '', lower };
}

function plannedNode(planned: PlannedEntry): DestinationNode {
  const { kind, linkTarget } = planned.entry;
  return { kind: kind === 'hardlink' ? 'file' : kind, linkTarget: () => linkTarget, lower: undefined };
}

function directoryEntry(path: ByteString, node: SourceNode, clamp: (mtimeNs: bigint) => bigint): TarEntry {
  return {
    ...PLAIN,
    path,
    kind: 'directory',
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    mtimeNs: clamp(node.mtimeNs),
    xattrs: node.xattrs(),
  };
}

export function notADirectory(path: ByteString): ShaleError {
  return new ShaleError('COPY_NOT_A_DIRECTORY', `cannot copy to non-directory: /${toText(path)}`, {
    data: { path: toText(path) },
  });
}

/** Layers say with such names that something is gone (image-spec layer.md, "Whiteouts"). */
function reservedName(path: ByteString): ShaleError {
  return new ShaleError(
    'COPY_RESERVED_NAME',
    `/${toText(path)} cannot be in an image: names that begin with ".wh." mean deleted files`,
    { data: { path: toText(path) } },
  );
}
