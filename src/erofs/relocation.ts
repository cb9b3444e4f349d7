import { compareBytes, type ByteString } from '../base/index.ts';
import { LINKS_FOLLOWED_MAX } from './format.ts';
import type { FileData, IndexNode } from './node.ts';
import { IMPLIED_ATTRIBUTES, NO_XATTRS, type NodeKind } from './tree.ts';

/** The tree below a layer, as far as moving entries needs it. */
export interface TreeBelow {
  readonly root: IndexNode;
}

/**
 * The root of a layer as it applies on top of `below`. An entry `d/f` whose parent `d` stands in no entry of its layer
 * goes through `d` if that is a symbolic link below, as when docker applies it: `f` lies where the link leads
 * (CVE-2014-9356: resolved as in a chroot, never refused). Where the link leads nowhere (a loop, a file on its way),
 * the entry stays, and `d` is a directory.
 */
export function relocated(root: IndexNode, below: TreeBelow): IndexNode {
  const moves = findMoves(root, below);
  if (moves.length === 0) return root;
  const top = new PatchedDirectory(root);
  const mover = new Mover(top, below);
  for (const move of moves) mover.move(move);
  mover.finish();
  return top;
}

/** An implied directory of the layer, by the path of its names, that lies over a symbolic link. */
type Move = readonly ByteString[];

function findMoves(root: IndexNode, below: TreeBelow): Move[] {
  const moves: Move[] = [];
  const pending: { readonly node: IndexNode; readonly under: IndexNode; readonly path: readonly ByteString[] }[] = [];
  pending.push({ node: root, under: below.root, path: [] });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.node.opaque) continue;
    for (const [name, child] of next.node.children()) {
      if (child.kind !== 'directory') continue;
      const under = next.under.child(name);
      if (under?.kind === 'directory') pending.push({ node: child, under, path: [...next.path, name] });
      else if (under?.kind === 'symlink' && child.implied) moves.push([...next.path, name]);
    }
  }
  return moves.toSorted((a, b) => compareBytes(a.join('/'), b.join('/')));
}

/** A directory of a layer with some children replaced, added or taken away. */
class PatchedDirectory implements IndexNode {
  readonly #attributes: IndexNode | undefined;
  readonly #base: IndexNode | undefined;
  readonly #edits = new Map<ByteString, IndexNode | undefined>();
  opaque: boolean;
  implied: boolean;

  /** @param base gives attributes and children. @param attributes gives attributes only, where there is no base. */
  constructor(base: IndexNode | undefined, attributes: IndexNode | undefined = base) {
    this.#base = base;
    this.#attributes = attributes;
    this.opaque = attributes?.opaque ?? false;
    this.implied = attributes?.implied ?? true;
  }

  get kind(): NodeKind {
    return 'directory';
  }
  get mode(): number {
    return this.#attributes?.mode ?? IMPLIED_ATTRIBUTES.mode;
  }
  get uid(): number {
    return this.#attributes?.uid ?? IMPLIED_ATTRIBUTES.uid;
  }
  get gid(): number {
    return this.#attributes?.gid ?? IMPLIED_ATTRIBUTES.gid;
  }
  get mtimeNs(): bigint {
    return this.#attributes?.mtimeNs ?? IMPLIED_ATTRIBUTES.mtimeNs;
  }
  get sizeBytes(): number {
    return 0;
  }
  get linkCount(): number {
    return this.#attributes?.linkCount ?? 2;
  }
  get inode(): number {
    return this.#attributes?.inode ?? 0;
  }
  get deviceMajor(): number {
    return 0;
  }
  get deviceMinor(): number {
    return 0;
  }
  linkTarget(): ByteString {
    return '';
  }
  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    return this.#attributes?.xattrs() ?? NO_XATTRS;
  }
  data(): FileData {
    return { source: 'tar', offset: 0, device: 0 };
  }
  sha256(): undefined {
    return undefined;
  }

  child(name: ByteString): IndexNode | undefined {
    return this.#edits.has(name) ? this.#edits.get(name) : this.#base?.child(name);
  }

  *children(): Generator<readonly [name: ByteString, node: IndexNode]> {
    const all = new Map<ByteString, IndexNode>(this.#base?.children() ?? []);
    for (const [name, node] of this.#edits) {
      if (node === undefined) all.delete(name);
      else all.set(name, node);
    }
    yield* [...all].toSorted(([a], [b]) => compareBytes(a, b));
  }

  set(name: ByteString, node: IndexNode | undefined): void {
    this.#edits.set(name, node);
  }

  /** The child directory of a name, made editable; a new one where there is none. */
  directory(name: ByteString): PatchedDirectory {
    const existing = this.child(name);
    if (existing instanceof PatchedDirectory) return existing;
    const isDirectory = existing?.kind === 'directory';
    const made = new PatchedDirectory(isDirectory ? existing : undefined);
    if (existing?.kind === 'whiteout') made.becomeNew();
    this.set(name, made);
    return made;
  }

  /** A directory that its own layer also whites out: nothing below shows in it or gives it attributes. */
  becomeNew(): void {
    this.opaque = true;
    this.implied = false;
  }
}

/** A directory of the layer whose children go where `path` leads. */
interface Subtree {
  readonly from: IndexNode;
  readonly path: readonly ByteString[];
}

interface Step {
  readonly name: ByteString;
  readonly inLayer: IndexNode | undefined;
  readonly under: IndexNode | undefined;
}

class Mover {
  readonly #top: PatchedDirectory;
  readonly #below: TreeBelow;
  /** Directories that a link of the same layer took the place of; what was in them goes through that link. */
  readonly #displaced: Subtree[] = [];

  constructor(top: PatchedDirectory, below: TreeBelow) {
    this.#top = top;
    this.#below = below;
  }

  move(path: Move): void {
    const name = path.at(-1) ?? '';
    let moved: IndexNode | undefined = this.#top;
    for (const each of path) moved = moved?.child(each);
    // An earlier move may have put a link of this layer in the place of the directory or above it.
    if (moved?.kind !== 'directory' || !moved.implied) return;
    const parent = this.#editable(path.slice(0, -1));
    parent.set(name, undefined);
    if (this.#resolve(path) === 'nowhere') parent.set(name, moved);
    else this.#moveAll({ from: moved, path });
  }

  /** To be called after the last move. */
  finish(): void {
    for (let next = this.#displaced.shift(); next !== undefined; next = this.#displaced.shift()) {
      if (typeof this.#resolve(next.path) !== 'string') this.#moveAll(next);
      else this.#editable(next.path.slice(0, -1)).set(next.path.at(-1) ?? '', next.from);
    }
  }

  #moveAll(subtree: Subtree): void {
    const pending = [subtree];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const to = this.#resolve(next.path);
      if (typeof to === 'string') continue;
      const into = this.#editable(to);
      // The mark of a directory that is new is about the place it had, not about where its children go.
      if (next.from.opaque && next.from.implied) into.opaque = true;
      const found: Subtree[] = [];
      for (const [name, child] of next.from.children()) {
        const path = [...to, name];
        if (this.#add(into, path, name, child)) found.push({ from: child, path });
      }
      pending.push(...found.toReversed());
    }
  }

  /** Puts one node into its new directory; true when its children are still to be moved. */
  #add(into: PatchedDirectory, path: readonly ByteString[], name: ByteString, child: IndexNode): boolean {
    const existing = into.child(name);
    if (child.kind === 'whiteout') {
      if (existing === undefined) into.set(name, child);
      else if (existing.kind === 'directory') into.directory(name).becomeNew();
      return false;
    }
    if (child.kind === 'directory') {
      const goesThrough = child.implied || (existing?.kind === 'symlink' && isUndescribed(child));
      return goesThrough || addDirectory(into, name, child);
    }
    // Where the layer also has an entry at the very place, that one stays.
    if (existing === undefined || existing.kind === 'whiteout') into.set(name, child);
    else if (child.kind === 'symlink' && isUndescribed(existing)) {
      into.set(name, child);
      this.#displaced.push({ from: existing, path });
    }
    return false;
  }

  #editable(path: readonly ByteString[]): PatchedDirectory {
    let directory = this.#top;
    for (const name of path) directory = directory.directory(name);
    return directory;
  }

  /**
   * Where a path leads when the layer lies on top of what is below. `replaced`: the layer itself has a file on the
   * way, which takes the place of whatever it put there through the link.
   */
  #resolve(path: readonly ByteString[]): readonly ByteString[] | 'nowhere' | 'replaced' {
    const root: Step = { name: '', inLayer: this.#top, under: this.#below.root };
    let steps = [root];
    let links = 0;
    const pending = path.toReversed();
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (steps.length > 1) steps.pop();
        continue;
      }
      const next = nextStep(steps.at(-1) ?? root, name);
      if (next.kind === 'step') steps.push(next.step);
      else if (next.kind !== 'link') return next.kind;
      else {
        if (++links > LINKS_FOLLOWED_MAX) return 'nowhere';
        if (next.target.startsWith('/')) steps = [root];
        pending.push(...next.target.split('/').reverse());
      }
    }
    return steps.slice(1).map((step) => step.name);
  }
}

type Next =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'link'; readonly target: ByteString }
  | { readonly kind: 'nowhere' | 'replaced' };

/** One component further. */
function nextStep(from: Step, name: ByteString): Next {
  const inLayer = from.inLayer?.child(name);
  const under = from.inLayer?.opaque === true ? undefined : from.under?.child(name);
  if (inLayer?.kind === 'whiteout') return { kind: 'step', step: { name, inLayer: undefined, under: undefined } };
  if (inLayer?.kind === 'symlink') return { kind: 'link', target: inLayer.linkTarget() };
  if (inLayer !== undefined && inLayer.kind !== 'directory') return { kind: 'replaced' };
  if (inLayer === undefined || inLayer.implied) {
    if (under?.kind === 'symlink') return { kind: 'link', target: under.linkTarget() };
    if (under !== undefined && under.kind !== 'directory' && inLayer === undefined) return { kind: 'nowhere' };
  }
  return { kind: 'step', step: { name, inLayer, under: under?.kind === 'directory' ? under : undefined } };
}

/** Puts a directory that an entry describes into its place, with its attributes; its children follow one by one. */
function addDirectory(into: PatchedDirectory, name: ByteString, child: IndexNode): boolean {
  const existing = into.child(name);
  if (existing === undefined || isUndescribed(existing)) {
    const made = new PatchedDirectory(undefined, child);
    if (existing?.opaque === true) made.opaque = true;
    if (existing !== undefined) for (const [below, node] of existing.children()) made.set(below, node);
    into.set(name, made);
    return true;
  }
  if (existing.kind === 'whiteout') into.set(name, newDirectory(child));
  return existing.kind === 'whiteout' || existing.kind === 'directory';
}

/** True for a directory that no entry describes, also for one that is new because of a whiteout. */
function isUndescribed(node: IndexNode): boolean {
  if (node.implied) return true;
  if (node.kind !== 'directory' || !node.opaque) return false;
  const { mode, uid, gid, mtimeNs } = IMPLIED_ATTRIBUTES;
  const plain = node.mode === mode && node.uid === uid && node.gid === gid && node.mtimeNs === mtimeNs;
  return plain && node.xattrs().size === 0;
}

function newDirectory(attributes: IndexNode): PatchedDirectory {
  const made = new PatchedDirectory(undefined, attributes);
  made.becomeNew();
  return made;
}
