import { compareBytes, type ByteString } from '../base/index.ts';
import { fail } from './errors.ts';
import { LINKS_FOLLOWED_MAX } from './format.ts';
import type { FileData, IndexNode } from './node.ts';
import type { LayerIndex } from './reader.ts';
import { relocated } from './relocation.ts';
import type { NodeKind } from './tree.ts';

/**
 * A node of a merged tree. `layer` is the number of the layer, counted from the lowest, that it comes from: its content
 * lies in that layer's data files. Of a directory that several layers have, `layer` is the one whose attributes show.
 * No whiteouts appear in a view, and `opaque` is always false.
 */
export interface ViewNode extends IndexNode {
  readonly layer: number;
  children(): Iterable<readonly [name: ByteString, node: ViewNode]>;
  child(name: ByteString): ViewNode | undefined;
}

/** Where a path leads inside the view. */
export interface Resolved {
  /** The path without links, `.` and `..`; where it ends in nothing, what is missing is taken as written. */
  readonly path: ByteString;
  /** Undefined when nothing is there. */
  readonly node: ViewNode | undefined;
}

/** The merged tree of a stack of layers, as a container sees it. Everything is read lazily. */
export interface View {
  readonly root: ViewNode;
  /** The node at a clean path; links are not followed. */
  find(path: ByteString): ViewNode | undefined;
  /**
   * Follows a path as a process inside a chroot of the view would: links, `.` and `..`, with or without a leading
   * slash. With `followLast` a link in the last place is followed too (a trailing slash has the same effect).
   * @throws LINK_LOOP after 40 links.
   */
  resolve(path: ByteString, options: { readonly followLast: boolean }): Resolved;
}

/**
 * Merges layers, lowest first, into what docker shows after applying them one after another: whiteouts and opaque
 * directories hide what is below, a file replaces a directory, a directory has the attributes of the topmost layer
 * that describes it, and entries below a symbolic link of a lower layer lie where the link leads.
 */
export function mergeIndexes(indexes: readonly LayerIndex[]): View {
  return new MergedView(effectiveRoots(indexes), 'apply');
}

/**
 * `apply`: as docker applies layers. `overlay`: as overlayfs shows the indexes when they are mounted over each other,
 * where the topmost directory gives the attributes even if it is only implied.
 */
export type MergeRule = 'apply' | 'overlay';

/** The roots of the layers, lowest first, with entries moved that go through links of the layers below. */
export function effectiveRoots(indexes: readonly LayerIndex[]): IndexNode[] {
  const roots: IndexNode[] = [];
  for (const index of indexes) {
    const moves = index.hasImplied && roots.length > 0;
    roots.push(moves ? relocated(index.root, new MergedView([...roots], 'apply')) : index.root);
  }
  return roots;
}

/** A layer's node at some path; the lists of these have the topmost layer first. */
export interface Contribution {
  readonly layer: number;
  readonly node: IndexNode;
}

export class MergedView implements View {
  readonly root: MergedNode;

  /** @param roots lowest first; may be empty. */
  constructor(roots: readonly IndexNode[], rule: MergeRule) {
    const contributions = roots.map((node, layer) => ({ layer, node })).toReversed();
    if (contributions.length === 0) contributions.push({ layer: 0, node: EMPTY_DIRECTORY });
    const merged = mergeNodes(contributions, rule);
    this.root = merged ?? new MergedNode([{ layer: 0, node: EMPTY_DIRECTORY }], undefined, rule);
  }

  find(path: ByteString): MergedNode | undefined {
    let node: MergedNode | undefined = this.root;
    if (path === '') return node;
    for (const name of path.split('/')) {
      node = node.child(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  resolve(path: ByteString, options: { readonly followLast: boolean }): Resolved {
    const pending = path.split('/').reverse();
    let steps: { readonly name: ByteString; readonly node: MergedNode | undefined }[] = [];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        steps.pop();
        continue;
      }
      const above = steps.length === 0 ? this.root : steps.at(-1)?.node;
      const node = above?.child(name);
      if (node?.kind !== 'symlink' || (pending.length === 0 && !options.followLast)) {
        steps.push({ name, node });
        continue;
      }
      if (++links > LINKS_FOLLOWED_MAX) {
        throw fail('LINK_LOOP', `more than ${LINKS_FOLLOWED_MAX} symbolic links on the way`, { path });
      }
      const target = node.linkTarget();
      if (target.startsWith('/')) steps = [];
      pending.push(...target.split('/').reverse());
    }
    return {
      path: steps.map((step) => step.name).join('/'),
      node: steps.length === 0 ? this.root : steps.at(-1)?.node,
    };
  }
}

/** What shows of the nodes that a stack of layers has at one path; undefined when a whiteout hides all. */
function mergeNodes(contributions: readonly Contribution[], rule: MergeRule): MergedNode | undefined {
  const content: Contribution[] = [];
  let attributes: Contribution | undefined;
  let hidden = false;
  for (const contribution of contributions) {
    const { node } = contribution;
    if (node.kind === 'whiteout') break;
    if (node.kind !== 'directory') {
      if (content.length === 0) return new MergedNode([contribution], undefined, rule);
      break;
    }
    if (!hidden) content.push(contribution);
    if (rule === 'overlay' || !node.implied) attributes ??= contribution;
    hidden ||= node.opaque;
    // Below an opaque directory nothing shows, but an implied one still has the attributes that were there before it.
    if (hidden && attributes !== undefined) break;
  }
  return content.length === 0 ? undefined : new MergedNode(content, attributes, rule);
}

export class MergedNode implements ViewNode {
  readonly layer: number;
  /** The layers' nodes whose children show here, topmost first; one for anything but a directory. */
  readonly contributions: readonly Contribution[];
  readonly #rule: MergeRule;
  readonly #node: IndexNode;
  /** Child directories that were looked up: most lookups go through the same few again. */
  #directories: Map<ByteString, MergedNode> | undefined;

  constructor(contributions: readonly Contribution[], attributes: Contribution | undefined, rule: MergeRule) {
    const shown = attributes ?? contributions[0] ?? { layer: 0, node: EMPTY_DIRECTORY };
    this.contributions = contributions;
    this.layer = shown.layer;
    this.#node = shown.node;
    this.#rule = rule;
  }

  get kind(): NodeKind {
    return this.#node.kind;
  }
  get mode(): number {
    return this.#node.mode;
  }
  get uid(): number {
    return this.#node.uid;
  }
  get gid(): number {
    return this.#node.gid;
  }
  get mtimeNs(): bigint {
    return this.#node.mtimeNs;
  }
  get sizeBytes(): number {
    return this.#node.sizeBytes;
  }
  get linkCount(): number {
    return this.#node.linkCount;
  }
  get inode(): number {
    return this.#node.inode;
  }
  get deviceMajor(): number {
    return this.#node.deviceMajor;
  }
  get deviceMinor(): number {
    return this.#node.deviceMinor;
  }
  get opaque(): boolean {
    return false;
  }
  get implied(): boolean {
    return this.#node.implied;
  }
  linkTarget(): ByteString {
    return this.#node.linkTarget();
  }
  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    return this.#node.xattrs();
  }
  data(): FileData {
    return this.#node.data();
  }
  sha256(): Uint8Array | undefined {
    return this.#node.sha256();
  }

  child(name: ByteString): MergedNode | undefined {
    const known = this.#directories?.get(name);
    if (known !== undefined) return known;
    const merged = this.#lookUp(name);
    if (merged?.kind === 'directory') {
      this.#directories ??= new Map();
      this.#directories.set(name, merged);
    }
    return merged;
  }

  #lookUp(name: ByteString): MergedNode | undefined {
    const found: Contribution[] = [];
    for (const { layer, node } of this.contributions) {
      const child = node.child(name);
      if (child === undefined) continue;
      found.push({ layer, node: child });
      if (child.kind !== 'directory') break;
    }
    return mergeNodes(found, this.#rule);
  }

  *children(): Generator<readonly [name: ByteString, node: MergedNode]> {
    const [first, ...others] = this.contributions;
    if (first === undefined || this.#node.kind !== 'directory') return;
    if (others.length === 0) yield* this.#childrenOf(first);
    else yield* this.#mergedChildren();
  }

  *#childrenOf({ layer, node }: Contribution): Generator<readonly [name: ByteString, node: MergedNode]> {
    for (const [name, child] of node.children()) {
      const merged = mergeNodes([{ layer, node: child }], this.#rule);
      if (merged !== undefined) yield [name, merged];
    }
  }

  *#mergedChildren(): Generator<readonly [name: ByteString, node: MergedNode]> {
    const byName = new Map<ByteString, Contribution[]>();
    for (const { layer, node } of this.contributions) {
      for (const [name, child] of node.children()) {
        const known = byName.get(name);
        if (known === undefined) byName.set(name, [{ layer, node: child }]);
        else known.push({ layer, node: child });
      }
    }
    for (const [name, found] of [...byName].toSorted(([a], [b]) => compareBytes(a, b))) {
      const merged = mergeNodes(found, this.#rule);
      if (merged !== undefined) yield [name, merged];
    }
  }
}

/** What a stack without layers shows. */
const EMPTY_DIRECTORY: IndexNode = {
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  sizeBytes: 0,
  linkCount: 2,
  inode: 0,
  deviceMajor: 0,
  deviceMinor: 0,
  opaque: false,
  implied: true,
  linkTarget: () => '',
  xattrs: () => new Map<ByteString, Uint8Array>(),
  children: () => [],
  child: () => undefined,
  data: () => ({ source: 'tar', offset: 0, device: 0 }),
  sha256: () => undefined,
};
