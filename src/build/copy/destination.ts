import type { TarEntry } from '../../archive/index.ts';
import { ShaleError, toText, type ByteString } from '../../base/index.ts';
import { SHA256_OF_NOTHING, type FileRegion } from './file-region.ts';
import {
  graftedChildren,
  inLayerOrder,
  inTextOrder,
  plannedFrom,
  requireUnreserved,
  type CopyOrigin,
  type Graft,
} from './graft.ts';
import { PLAIN, Planned, type CopyPlan, type OriginBelow, type PlannedEntry } from './planned.ts';
import { baseName, childPath, parentPath, resolvePath, type SourceKind, type SourceNode } from './source-tree.ts';

/** What stands at a path of the destination: something that this copy puts there, or what the layers below hold. */
export interface DestinationNode {
  readonly kind: SourceKind;
  linkTarget(): ByteString;
  /** Of the layers below; undefined for what the copy made. */
  readonly lower: SourceNode | undefined;
}

/** A path that the copy has to do with. */
interface Place {
  /** What was put here; undefined for a directory that is as the layers below have it and only leads on. */
  planned: Planned | undefined;
  /** What is in it one by one, */
  readonly children: Map<ByteString, Place>;
  /** or all that is in it, as long as nothing else is put there. */
  graft: Graft | undefined;
  /** Something else has been here: what the layers below had in the directory is gone for good. */
  isCleared: boolean;
}

/**
 * The root filesystem that is copied to, with what has been put there so far. It is never mounted: paths are followed
 * through the index of the layers below, links included, and every change is an entry of the new layer.
 *
 * A directory that is copied to where nothing else was put is a graft: one reference to its source. It is opened, level by
 * level, when something is looked up or put in it; so nothing is kept for each of hundreds of thousands of files.
 */
export class Destination {
  readonly #lower: SourceNode | undefined;
  readonly #root: Place = newPlace();
  #links = 0;

  constructor(lower: SourceNode | undefined) {
    this.#lower = lower;
  }

  /** What is at a clean path that has no links in it. */
  find(path: ByteString): DestinationNode | undefined {
    const { place, lower } = this.#locate(path);
    if (place?.planned !== undefined) return plannedNode(place.planned);
    if (path === '') return { kind: 'directory', linkTarget: () => '', lower };
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
    const planned = new Planned(entry, content, origin);
    this.#put(entry.kind === 'hardlink' ? this.#linked(planned) : planned);
  }

  /** As `put`, but a directory is replaced too, with all that is in it, unless it stays one. */
  replace(entry: TarEntry, content: PlannedEntry['content'], origin: string): void {
    if (entry.kind !== 'directory' && this.find(entry.path)?.kind === 'directory') this.#clear(entry.path);
    this.put(entry, content, origin);
  }

  /**
   * Puts a source with all that is in it. A directory that is there takes the source's attributes, nothing is written through
   * a link. @throws COPY_NOT_A_DIRECTORY, COPY_OVER_DIRECTORY, COPY_RESERVED_NAME
   */
  place(path: ByteString, node: SourceNode, from: CopyOrigin): void {
    const there = this.find(path);
    if (node.kind !== 'directory') {
      if (there?.kind === 'directory') throw overDirectory(path);
      return this.#put(plannedFrom(node, path, from));
    }
    if (there !== undefined && there.kind !== 'directory') throw notADirectory(path);
    if (there === undefined || node.isPassage !== true) this.#put(plannedFrom(node, path, from));
    this.#fill(path, node, from);
  }

  /** As `place` for a directory, but one that is there keeps its own attributes at the top. */
  placeTop(path: ByteString, node: SourceNode, from: CopyOrigin): void {
    const there = this.find(path);
    if (there !== undefined && there.kind !== 'directory') throw notADirectory(path);
    if (there === undefined) this.#put(plannedFrom(node, path, from));
    this.#fill(path, node, from);
  }

  /**
   * Everything that was put, with the directories that lead there as the layers below have them; parents are written out so
   * that a layer alone says what its directories are. Nothing may be put any more.
   */
  plan(clamp: (mtimeNs: bigint) => bigint): CopyPlan {
    const links = new FirstNames(() => this.#walk({ text: false, clamp }));
    const entries = (text: boolean): Iterable<PlannedEntry> => ({
      [Symbol.iterator]: () => links.resolved(this.#walk({ text, clamp })),
    });
    return { entries: () => entries(false), byOrigin: () => entries(true) };
  }

  #fill(path: ByteString, node: SourceNode, from: CopyOrigin): void {
    const place = this.#placeAt(path);
    if (place.children.size > 0 || place.graft !== undefined) {
      for (const [name, child] of node.children()) this.place(childPath(path, name), child, from);
      return;
    }
    const lower = place.isCleared ? undefined : this.#locate(path).lower;
    if (lower?.kind === 'directory') requireFits(node, lower, path);
    place.graft = { node, from, lower };
  }

  #put(planned: Planned): void {
    const { path } = planned.entry;
    requireUnreserved(baseName(path), path);
    this.#placeAt(path).planned = planned;
  }

  /** A name of a file that was put: both are known to be links of each other from now on. */
  #linked(name: Planned): Planned {
    const place = this.#locate(name.entry.linkTarget).place;
    if (place?.planned === undefined) return name;
    const { entry, content, link: known } = place.planned;
    const link = known ?? { scope: this, key: String(this.#links++), file: { entry, content } };
    if (known === undefined) place.planned = place.planned.linkedBy(link);
    return name.linkedBy(link);
  }

  /** A directory is replaced by something else: nothing of it stays, of this copy or of the layers below. */
  #clear(path: ByteString): void {
    const place = this.#placeAt(path);
    place.isCleared ||= this.#locate(path).lower?.kind === 'directory';
    place.children.clear();
    place.graft = undefined;
  }

  /** The place at a path, made with those above it. */
  #placeAt(path: ByteString): Place {
    let place = this.#root;
    let at = '';
    for (const name of path === '' ? [] : path.split('/')) {
      openGraft(place, at);
      at = childPath(at, name);
      const next = place.children.get(name) ?? newPlace();
      place.children.set(name, next);
      place = next;
    }
    return place;
  }

  /** What the copy and the layers below have at a path; of these nothing where the copy put something in the way. */
  #locate(path: ByteString): { readonly place: Place | undefined; readonly lower: SourceNode | undefined } {
    let place: Place | undefined = this.#root;
    let lower = this.#lower;
    let at = '';
    for (const name of path === '' ? [] : path.split('/')) {
      if (place !== undefined) openGraft(place, at);
      at = childPath(at, name);
      const isInTheWay: boolean = place !== undefined && (place.isCleared || !leadsOn(place));
      lower = lower?.kind === 'directory' && !isInTheWay ? lower.child(name) : undefined;
      place = place?.children.get(name);
    }
    return { place, lower };
  }

  *#walk(how: Walking): Generator<Planned> {
    if (this.#root.planned !== undefined) yield this.#root.planned;
    yield* walkPlace(this.#root, { path: '', lower: this.#lower }, how);
  }
}

/** Name of the marker that hides all that the layers below have in a directory (image-spec layer.md, "Opaque Whiteout"). */
const OPAQUE = '.wh..wh..opq';

interface Walking {
  /** True: grafts in the order of their paths as texts, else in that of a layer. */
  readonly text: boolean;
  readonly clamp: (mtimeNs: bigint) => bigint;
}

/** What is in a directory. */
function* walkPlace(
  place: Place,
  { path, lower }: { readonly path: ByteString; readonly lower: SourceNode | undefined },
  how: Walking,
): Generator<Planned> {
  if (place.graft !== undefined) {
    for (const child of (how.text ? inTextOrder : inLayerOrder)(place.graft, path)) {
      const entry = child.planned ?? shownBelow(child.path, child.graft?.lower, how);
      if (entry !== undefined) yield entry;
    }
    return;
  }
  if (place.isCleared) yield opaqueMarker(path);
  for (const [name, child] of [...place.children].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const at = childPath(path, name);
    const below = lower?.kind === 'directory' && !place.isCleared ? lower.child(name) : undefined;
    let leading = child.planned === undefined ? shownBelow(at, below, how) : undefined;
    if (child.planned !== undefined) yield child.planned;
    if (!leadsOn(child)) continue;
    for (const planned of walkPlace(child, { path: at, lower: below }, how)) {
      // A directory that only leads on is there for what is in it.
      if (leading !== undefined) yield leading;
      leading = undefined;
      yield planned;
    }
  }
}

/** A directory that only leads on. */
function shownBelow(path: ByteString, lower: SourceNode | undefined, { clamp }: Walking): Planned | undefined {
  return lower && new Planned(directoryEntry(path, lower, clamp), undefined, '');
}

/** Which of a file's names comes first in a layer's order. Of files with one name nothing is kept. */
class FirstNames {
  readonly #all: () => Iterable<Planned>;
  #first: Map<object, Map<string, ByteString>> | undefined;

  /** @param all everything in a layer's order */
  constructor(all: () => Iterable<Planned>) {
    this.#all = all;
  }

  /** The same entries, each file's content with its first name. */
  *resolved(entries: Iterable<Planned>): Generator<Planned> {
    for (const planned of entries) {
      const { link } = planned;
      const first = link && (this.#first ??= this.#find()).get(link.scope)?.get(link.key);
      yield link === undefined ? planned : planned.asName(first ?? planned.entry.path);
    }
  }

  #find(): Map<object, Map<string, ByteString>> {
    const several = this.#several();
    const first = new Map<object, Map<string, ByteString>>();
    for (const { link, entry } of this.#all()) {
      if (link === undefined || several.get(link.scope)?.has(link.key) !== true) continue;
      const names = first.get(link.scope) ?? new Map<string, ByteString>();
      if (!names.has(link.key)) names.set(link.key, entry.path);
      first.set(link.scope, names);
    }
    return first;
  }

  /** Files that have several names here: a store of packages links to each of its files from elsewhere too. */
  #several(): Map<object, Set<string>> {
    const met = new Map<object, Set<string>>();
    const several = new Map<object, Set<string>>();
    for (const { link } of this.#all()) {
      if (link === undefined) continue;
      const keys = met.get(link.scope) ?? new Set();
      if (keys.has(link.key)) several.set(link.scope, (several.get(link.scope) ?? new Set()).add(link.key));
      met.set(link.scope, keys.add(link.key));
    }
    return several;
  }
}

function newPlace(): Place {
  return { planned: undefined, children: new Map(), graft: undefined, isCleared: false };
}

/** Makes places of what is directly in a grafted directory. */
function openGraft(place: Place, path: ByteString): void {
  const { graft } = place;
  if (graft === undefined) return;
  place.graft = undefined;
  for (const child of graftedChildren(graft, path))
    place.children.set(child.name, { ...newPlace(), planned: child.planned, graft: child.graft });
}

/** False for what can have nothing in it. */
function leadsOn(place: Place): boolean {
  return place.planned === undefined || place.planned.entry.kind === 'directory';
}

/** @throws COPY_NOT_A_DIRECTORY, COPY_OVER_DIRECTORY when a directory cannot be copied over what the layers below have */
function requireFits(node: SourceNode, lower: SourceNode, path: ByteString): void {
  for (const [name, child] of node.children()) {
    const there = lower.child(name);
    if (there === undefined) continue;
    const at = childPath(path, name);
    if (child.kind !== 'directory') {
      if (there.kind === 'directory') throw overDirectory(at);
    } else if (there.kind !== 'directory') throw notADirectory(at);
    else requireFits(child, there, at);
  }
}

function opaqueMarker(path: ByteString): Planned {
  const entry: TarEntry = {
    ...PLAIN,
    path: `${path}/${OPAQUE}`,
    kind: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
  };
  return new Planned(entry, { open: openNothing, sha256: () => SHA256_OF_NOTHING }, '');
}

function openNothing(): FileRegion {
  return { content: { kind: 'bytes', bytes: new Uint8Array(0) }, [Symbol.dispose]: () => {} };
}

function plannedNode(planned: Planned): DestinationNode {
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

function notADirectory(path: ByteString): ShaleError {
  return new ShaleError('COPY_NOT_A_DIRECTORY', `cannot copy to non-directory: /${toText(path)}`, {
    data: { path: toText(path) },
  });
}

function overDirectory(path: ByteString): ShaleError {
  return new ShaleError('COPY_OVER_DIRECTORY', `cannot replace the directory /${toText(path)} with a file`, {
    data: { path: toText(path) },
  });
}
