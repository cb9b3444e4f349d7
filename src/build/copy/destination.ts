import { compareLayerPaths, type TarEntry } from '../../archive/index.ts';
import { ShaleError, toText, type ByteString } from '../../base/index.ts';
import { SHA256_OF_NOTHING, type FileRegion } from './file-region.ts';
import { baseName, childPath, parentPath, resolvePath, type SourceKind, type SourceNode } from './source-tree.ts';

/** What stands at a path of the destination: something that this copy puts there, or what the layers below hold. */
export interface DestinationNode {
  readonly kind: SourceKind;
  linkTarget(): ByteString;
  /** Of the layers below; undefined for what the copy made. */
  readonly lower: SourceNode | undefined;
}

/** Where the content of an entry comes from. */
export type EntrySource = Pick<SourceNode, 'open' | 'sha256' | 'prepare' | 'readAhead' | 'readable' | 'learn'>;

/** An entry of the layer to be written. */
export interface PlannedEntry {
  readonly entry: TarEntry;
  /** Where a file's content comes from, with its digest. */
  readonly content: EntrySource | undefined;
  /** What the entry is made of, for people: a path of the context, an archive's member. Empty for parents. */
  readonly origin: string;
}

/** The origin of everything that is copied from one source: `path`, and what a destination has after `skip` characters. */
export interface OriginBelow {
  readonly path: ByteString;
  readonly skip: number;
}

/** As `PlannedEntry`; of thousands of files from one source, no origin is kept that can be made again. */
class Planned implements PlannedEntry {
  readonly entry: TarEntry;
  readonly content: EntrySource | undefined;
  readonly #origin: string | OriginBelow;

  constructor(entry: TarEntry, content: EntrySource | undefined, origin: string | OriginBelow) {
    this.entry = entry;
    this.content = content;
    this.#origin = origin;
  }

  get origin(): string {
    if (typeof this.#origin === 'string') return this.#origin;
    const { path, skip } = this.#origin;
    const below = this.entry.path.slice(skip).replace(/^\//, '');
    return toText(below === '' ? path : childPath(path, below));
  }
}

/**
 * The root filesystem that is copied to, with what has been put there so far. It is never mounted: paths are followed
 * through the index of the layers below, links included, and every change is an entry of the new layer.
 */
export class Destination {
  readonly #lower: SourceNode | undefined;
  readonly #planned = new Map<ByteString, PlannedEntry>();
  /** Directories of the layers below that something else has replaced: what was in them is gone for good. */
  readonly #cleared = new Set<ByteString>();
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

  /** Puts an entry; a file at its path is replaced. Nothing but a directory may be put where one is. */
  put(entry: TarEntry, content: PlannedEntry['content'], origin: string | OriginBelow): void {
    const { path } = entry;
    if (baseName(path).startsWith('.wh.')) throw reservedName(path);
    if (this.#planned.get(path)?.entry.kind === 'file') this.#passOn(path);
    this.#planned.set(path, new Planned(entry, content, origin));
  }

  /** As `put`, but a directory is replaced too, with all that is in it, unless it stays one. */
  replace(entry: TarEntry, content: PlannedEntry['content'], origin: string): void {
    if (entry.kind !== 'directory' && this.find(entry.path)?.kind === 'directory') this.#clear(entry.path);
    this.put(entry, content, origin);
  }

  /**
   * Everything that was put, with the directories that lead there as the layers below have them, in a layer's order.
   * Parents are written out so that a layer alone says what its directories are. Of the names of one file the first
   * has the content.
   */
  entries(clamp: (mtimeNs: bigint) => bigint): PlannedEntry[] {
    const all = withFirstNamesFirst(this.#planned);
    for (const path of this.#cleared)
      if (this.#planned.get(path)?.entry.kind === 'directory') all.set(`${path}/${OPAQUE}`, opaqueMarker(path));
    const done = new Set<ByteString>(['']);
    for (const path of this.#planned.keys()) {
      for (let parent = parentPath(path); !done.has(parent); parent = parentPath(parent)) {
        done.add(parent);
        if (all.has(parent)) continue;
        const lower = this.#lowerAt(parent);
        if (lower !== undefined)
          all.set(parent, { entry: directoryEntry(parent, lower, clamp), content: undefined, origin: '' });
      }
    }
    return [...all.values()].toSorted((a, b) => compareLayerPaths(a.entry.path, b.entry.path));
  }

  /** A directory is replaced by something else: nothing of it stays, of this copy or of the layers below. */
  #clear(path: ByteString): void {
    if (this.#lowerAt(path)?.kind === 'directory') this.#cleared.add(path);
    const below = `${path}/`;
    for (const other of [...this.#planned.keys()].filter((one) => one.startsWith(below))) {
      this.#passOn(other);
      this.#planned.delete(other);
    }
    for (const other of this.#cleared) if (other.startsWith(below)) this.#cleared.delete(other);
    for (const other of this.#directories.keys()) if (other.startsWith(below)) this.#directories.delete(other);
  }

  /** A planned file goes away: its content stays with the first of its other names. */
  #passOn(path: ByteString): void {
    const file = this.#planned.get(path);
    if (file?.entry.kind !== 'file') return;
    let heir: ByteString | undefined;
    for (const [name, link] of this.#planned) {
      if (link.entry.kind !== 'hardlink' || link.entry.linkTarget !== path) continue;
      const entry = heir === undefined ? { ...file.entry, path: name } : { ...link.entry, linkTarget: heir };
      this.#planned.set(name, new Planned(entry, heir === undefined ? file.content : undefined, link.origin));
      heir ??= name;
    }
  }

  /** What the layers below show at a path, unless the copy put something in the way. */
  #lowerAt(path: ByteString): SourceNode | undefined {
    const parent = parentPath(path);
    const directory = this.#lowerDirectory(parent);
    return directory?.child(path.slice(parent === '' ? 0 : parent.length + 1));
  }

  #lowerDirectory(path: ByteString): SourceNode | undefined {
    const planned = this.#planned.get(path);
    if ((planned !== undefined && planned.entry.kind !== 'directory') || this.#cleared.has(path)) return undefined;
    if (this.#directories.has(path)) return this.#directories.get(path);
    const node = this.#lowerAt(path);
    const directory = node?.kind === 'directory' ? node : undefined;
    this.#directories.set(path, directory);
    return directory;
  }
}

/** Name of the marker that hides all that the layers below have in a directory (image-spec layer.md, "Opaque Whiteout"). */
const OPAQUE = '.wh..wh..opq';

function opaqueMarker(path: ByteString): PlannedEntry {
  const entry: TarEntry = {
    ...PLAIN,
    path: `${path}/${OPAQUE}`,
    kind: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
  };
  return { entry, content: { open: openNothing, sha256: () => SHA256_OF_NOTHING }, origin: '' };
}

function openNothing(): FileRegion {
  return { content: { kind: 'bytes', bytes: new Uint8Array(0) }, [Symbol.dispose]: () => {} };
}

/** In a tar a link stands behind what it leads to: the first name of a file in a layer's order gets the content. */
function withFirstNamesFirst(planned: ReadonlyMap<ByteString, PlannedEntry>): Map<ByteString, PlannedEntry> {
  const all = new Map(planned);
  const firstNames = new Map<ByteString, ByteString>();
  for (const [name, { entry }] of planned) {
    if (entry.kind !== 'hardlink') continue;
    const first = firstNames.get(entry.linkTarget) ?? entry.linkTarget;
    if (compareLayerPaths(name, first) < 0) firstNames.set(entry.linkTarget, name);
  }
  if (firstNames.size === 0) return all;
  for (const [name, link] of planned) {
    const { entry } = link;
    const target = entry.kind === 'hardlink' ? entry.linkTarget : name;
    const first = firstNames.get(target);
    const file = planned.get(target);
    if (first === undefined || file === undefined) continue;
    all.set(
      name,
      name === first
        ? new Planned({ ...file.entry, path: name }, file.content, link.origin)
        : new Planned({ ...link.entry, kind: 'hardlink', sizeBytes: 0, linkTarget: first }, undefined, link.origin),
    );
  }
  return all;
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
