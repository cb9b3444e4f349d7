import type { ByteString } from '../base/index.ts';
import { BLOCK_BYTES } from './format.ts';
import { writeIndex, type DeviceSlot, type XattrFamily } from './image-writer.ts';
import { ImageBuffer } from './image-stream.ts';
import { InodeTree, type Inode } from './inode-tree.ts';
import type { DataSource, IndexNode } from './node.ts';
import type { LayerIndex } from './reader.ts';
import type { Attributes } from './tree.ts';
import { MergedView, effectiveRoots, type MergedNode } from './view.ts';

/** A data file of the layer numbered `layer` (from the lowest of the stack). */
export interface FixUpDevice {
  readonly layer: number;
  readonly source: DataSource;
}

/** An index that is mounted on top of a stack to make overlayfs show what docker shows. */
export interface FixUp {
  readonly image: Buffer;
  /** The sha256 of its regular files; see `openIndex`. */
  readonly contents: Buffer;
  /** The data files that it points into, in the order of its device table; none for most stacks. */
  readonly devices: readonly FixUpDevice[];
}

/**
 * The difference between a stack as overlayfs shows it and as docker would have applied it, as one more index for the
 * top of the stack: attributes of directories that the topmost layer only implies, and entries that go through a
 * symbolic link of a lower layer. A function of the indexes alone. Undefined when nothing differs, which is so for
 * every stack whose layers describe all their directories.
 *
 * Not covered: attributes of the root, when nothing else differs (the upper's root gets those of `View.root`), and a
 * root that is opaque, which overlayfs does not look at (mount only the layers from `lowestVisible` on).
 */
export function buildFixUp(
  indexes: readonly LayerIndex[],
  options: { readonly xattrFamily?: XattrFamily } = {},
): FixUp | undefined {
  if (!indexes.some((index, layer) => layer > 0 && index.hasImplied)) return undefined;
  const shown = new MergedView(
    indexes.map((index) => index.root),
    'overlay',
  );
  const wanted = new MergedView(effectiveRoots(indexes), 'apply');
  const difference = new Difference(indexes);
  difference.compare(shown.root, wanted.root);
  return difference.finish(options.xattrFamily ?? 'trusted');
}

/** The number of the lowest layer that can be seen: the topmost with an opaque root, else 0. */
export function lowestVisible(indexes: readonly LayerIndex[]): number {
  return Math.max(
    indexes.findLastIndex((index) => index.root.opaque),
    0,
  );
}

interface Pair {
  readonly shown: MergedNode;
  readonly wanted: MergedNode;
  /** The directory of the fix-up for this path; made when something below it differs. */
  readonly into: Target;
}

class Difference {
  readonly #indexes: readonly LayerIndex[];
  /** Files with content, and the data file that holds it. */
  readonly #files: { readonly copy: Inode; readonly device: FixUpDevice; readonly offset: number }[] = [];
  readonly #copies = new Map<string, Inode>();
  readonly #tree = new InodeTree();
  #root: Target | undefined;

  constructor(indexes: readonly LayerIndex[]) {
    this.#indexes = indexes;
  }

  compare(shown: MergedNode, wanted: MergedNode): void {
    this.#root = Target.root(this.#tree, wanted);
    const pending: Pair[] = [{ shown, wanted, into: this.#root }];
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      for (const name of this.#namesToCompare(pair)) {
        const next = this.#compareChild(pair, name);
        if (next !== undefined) pending.push(next);
      }
    }
  }

  finish(family: XattrFamily): FixUp | undefined {
    const root = this.#root?.made;
    if (root === undefined) return undefined;
    const devices = this.#assignDevices();
    const slots = devices.map((device) => this.#slotOf(device));
    const image = new ImageBuffer();
    const contents = writeIndex({ tree: this.#tree, root }, image, { devices: slots, family });
    return { image: image.bytes, contents, devices };
  }

  /** Children that may differ: whatever only the lowest common layer has is the same in both. */
  #namesToCompare({ shown, wanted }: Pair): Set<ByteString> {
    const names = new Set<ByteString>();
    const lowest = shown.contributions.at(-1)?.node;
    const skipped = lowest === wanted.contributions.at(-1)?.node ? lowest : undefined;
    for (const { node } of [...shown.contributions, ...wanted.contributions]) {
      if (node !== skipped) for (const [name] of node.children()) names.add(name);
    }
    return names;
  }

  #compareChild({ shown, wanted, into }: Pair, name: ByteString): Pair | undefined {
    const before = shown.child(name);
    const after = wanted.child(name);
    if (after === undefined) {
      if (before !== undefined) this.#tree.hide(into.directory(), name);
      return undefined;
    }
    if (before?.kind === 'directory' && after.kind === 'directory') {
      const target = into.below(name, after);
      if (!sameAttributes(before, after)) target.directory();
      return isSettled(before, after) ? undefined : { shown: before, wanted: after, into: target };
    }
    if (after.kind === 'directory') this.#copyTree(after, into.below(name, after));
    else if (before?.layer !== after.layer || before.inode !== after.inode) this.#place(into, name, after);
    return undefined;
  }

  #copyTree(top: MergedNode, target: Target): void {
    const pending = [{ from: top, into: target }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      next.into.directory();
      for (const [name, child] of next.from.children()) {
        if (child.kind === 'directory') pending.push({ from: child, into: next.into.below(name, child) });
        else this.#place(next.into, name, child);
      }
    }
  }

  #place(into: Target, name: ByteString, node: MergedNode): void {
    const key = `${node.layer}:${node.inode}`;
    const known = this.#copies.get(key);
    const copy = known ?? this.#copyOf(node);
    this.#copies.set(key, copy);
    this.#tree.setChild(into.directory(), name, copy);
  }

  #copyOf(node: MergedNode): Inode {
    const tree = this.#tree;
    const copy = tree.add(node.kind, attributesOf(node));
    const { kind } = node;
    if (kind === 'symlink') tree.setLinkTarget(copy, node.linkTarget());
    else if (kind === 'character' || kind === 'block') tree.setDeviceNumber(copy, node.deviceMajor, node.deviceMinor);
    else if (kind === 'file') {
      tree.setSize(copy, node.sizeBytes);
      const sha256 = node.sha256();
      if (sha256 !== undefined) tree.setSha256(copy, sha256);
      const { source, offset } = node.data();
      if (node.sizeBytes > 0) this.#files.push({ copy, device: { layer: node.layer, source }, offset });
    }
    return copy;
  }

  /** Slots in the order of the layers, the tar of each before its expanded data. */
  #assignDevices(): FixUpDevice[] {
    const byKey = new Map(this.#files.map(({ device }) => [keyOf(device), device]));
    const keys = [...byKey.keys()].toSorted((a, b) => a - b);
    for (const { copy, device, offset } of this.#files)
      this.#tree.setContent(copy, keys.indexOf(keyOf(device)) + 1, offset);
    return keys.flatMap((key) => byKey.get(key) ?? []);
  }

  #slotOf({ layer, source }: FixUpDevice): DeviceSlot {
    const blocks = this.#indexes[layer]?.deviceBlocks[source === 'tar' ? 0 : 1] ?? 0;
    return { sizeBytes: blocks * BLOCK_BYTES, tag: '' };
  }
}

function keyOf({ layer, source }: FixUpDevice): number {
  return layer * 2 + (source === 'tar' ? 0 : 1);
}

/** A directory of the fix-up that is made, with those above it, only when it is needed. */
class Target {
  readonly #tree: InodeTree;
  readonly #wanted: IndexNode;
  readonly #name: ByteString;
  readonly above: Target | undefined;
  made: Inode | undefined;

  static root(tree: InodeTree, wanted: IndexNode): Target {
    return new Target(tree, wanted, '', undefined);
  }

  private constructor(tree: InodeTree, wanted: IndexNode, name: ByteString, above: Target | undefined) {
    this.#tree = tree;
    this.#wanted = wanted;
    this.#name = name;
    this.above = above;
  }

  /** The directory of a name in this one. */
  below(name: ByteString, wanted: IndexNode): Target {
    return new Target(this.#tree, wanted, name, this);
  }

  directory(): Inode {
    for (const target of this.made === undefined ? missingFrom(this) : []) target.#make();
    return this.made ?? this.#make();
  }

  #make(): Inode {
    const made = this.#tree.add('directory', attributesOf(this.#wanted));
    if (this.above?.made !== undefined) this.#tree.setChild(this.above.made, this.#name, made);
    this.made = made;
    return made;
  }
}

/** The directories that are still to be made for `target`, topmost first; a loop, for trees may be deep. */
function missingFrom(target: Target): Target[] {
  const missing = [target];
  for (let above = target.above; above !== undefined && above.made === undefined; above = above.above)
    missing.push(above);
  return missing.toReversed();
}

/** True when nothing below two directories can differ: one and the same layer's directory is all that shows in both. */
function isSettled(shown: MergedNode, wanted: MergedNode): boolean {
  const [first, ...others] = shown.contributions;
  return others.length === 0 && wanted.contributions.length === 1 && wanted.contributions[0]?.node === first?.node;
}

function attributesOf(node: IndexNode): Attributes {
  return { mode: node.mode, uid: node.uid, gid: node.gid, mtimeNs: node.mtimeNs, xattrs: node.xattrs() };
}

function sameAttributes(a: IndexNode, b: IndexNode): boolean {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.mtimeNs !== b.mtimeNs) return false;
  const [ours, theirs] = [a.xattrs(), b.xattrs()];
  if (ours.size !== theirs.size) return false;
  return [...ours].every(([name, value]) => {
    const other = theirs.get(name);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}
