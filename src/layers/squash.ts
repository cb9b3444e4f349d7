import { closeSync, openSync } from 'node:fs';
import type { TarEntry } from '../archive/index.ts';
import { Pace, type ByteString } from '../base/index.ts';
import type { View, ViewNode } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import { childPath, NO_XATTRS, sameExceptTime, whiteoutEntry } from './change-entries.ts';
import { Stack, type Layers } from './layers.ts';
import type { ContentLocation, LayerInfo } from './types.ts';

/** One entry of a tree, or of the difference between two. */
export interface TreeEntry {
  readonly entry: TarEntry;
  /** Regular files: where the content lies. */
  readonly content?: ContentLocation;
  /** The content's, where it is known. */
  readonly sha256?: Uint8Array | undefined;
}

/**
 * Makes one layer of the layers of a stack from number `below` on: applied to the `below` lowest ones it gives the tree that
 * the whole stack gives, and it holds nothing of what came and went in between. A function of the layers alone.
 * @throws LAYER_NOT_FOUND
 */
export async function squashLayers(
  layers: Layers,
  diffIds: readonly DiffId[],
  options: { readonly below: number; readonly signal: AbortSignal },
): Promise<LayerInfo> {
  const stack = await layers.stack(diffIds);
  await using writer = await layers.create();
  const pace = new Pace();
  for (const { entry, content, sha256 } of changesAbove(stack, options.below)) {
    options.signal.throwIfAborted();
    if (pace.isOver()) await pace.rest();
    if (content === undefined) await writer.add(entry);
    else {
      using file = opened(content.path);
      await writer.add(entry, { kind: 'fd', fd: file.fd, offset: content.offset }, sha256);
    }
  }
  return await writer.commit();
}

/** Every path of a stack's tree but the root, in a layer's order. */
export function* treeEntries(stack: Stack): Generator<TreeEntry> {
  for (const change of changesAbove(stack, 0)) if (change.entry.path !== '') yield change;
}

/**
 * What the layers of a stack from number `below` on change, as the entries of one layer in canonical order: whiteouts for
 * what they remove, everything that they add or change, with the directories that lead there. An entry that is as it was
 * below in everything is left out; the names of a file with several are kept together.
 */
export function* changesAbove(stack: Stack, below: number): Generator<TreeEntry> {
  const lower = new Stack(stack.layers.slice(0, below)).view;
  yield* new Difference(stack, lower, below).entries();
}

class Difference {
  readonly #stack: Stack;
  readonly #lower: View;
  readonly #below: number;
  /** First path of a file with several names. */
  readonly #linked = new Map<string, ByteString>();

  constructor(stack: Stack, lower: View, below: number) {
    this.#stack = stack;
    this.#lower = lower;
    this.#below = below;
  }

  *entries(): Generator<TreeEntry> {
    const { root } = this.#stack.view;
    const lower = this.#lower.root;
    if (root.layer >= this.#below && !root.implied && !isSame(root, lower)) yield { entry: directoryEntry('', root) };
    yield* this.#children('', root, lower);
  }

  *#children(path: ByteString, node: ViewNode, lower: ViewNode | undefined): Generator<TreeEntry> {
    if (lower?.kind === 'directory') {
      for (const [name] of lower.children())
        if (node.child(name) === undefined) yield { entry: whiteoutEntry(path, name) };
    }
    for (const [name, child] of node.children()) {
      const before = lower?.kind === 'directory' ? lower.child(name) : undefined;
      if (child.kind === 'directory') yield* this.#directory(childPath(path, name), child, before);
      else if (this.#isChanged(child, before)) yield this.#other(childPath(path, name), child);
    }
  }

  *#directory(path: ByteString, node: ViewNode, before: ViewNode | undefined): Generator<TreeEntry> {
    const entry = directoryEntry(path, node);
    let yielded = this.#isChanged(node, before);
    if (yielded) yield { entry };
    for (const change of this.#children(path, node, before)) {
      // The layer describes every directory that it goes through.
      if (!yielded) yield { entry };
      yielded = true;
      yield change;
    }
  }

  #isChanged(node: ViewNode, before: ViewNode | undefined): boolean {
    if (node.layer < this.#below) return false;
    return before === undefined || isLinked(node) || !isSame(node, before);
  }

  #other(path: ByteString, node: ViewNode): TreeEntry {
    const key = `${node.layer}:${node.inode}`;
    const first = isLinked(node) ? this.#linked.get(key) : undefined;
    const { mode, uid, gid, mtimeNs } = node;
    const common = { path, mode, uid, gid, mtimeNs, sizeBytes: 0, linkTarget: '', deviceMajor: 0, deviceMinor: 0 };
    if (first !== undefined) return { entry: { ...common, kind: 'hardlink', linkTarget: first, xattrs: NO_XATTRS } };
    if (isLinked(node)) this.#linked.set(key, path);
    const { deviceMajor, deviceMinor, sizeBytes } = node;
    const xattrs = node.xattrs();
    // A view shows no whiteouts: they have done their work when it was merged.
    const kind = node.kind === 'whiteout' ? 'character' : node.kind;
    if (kind !== 'file')
      return { entry: { ...common, kind, linkTarget: node.linkTarget(), deviceMajor, deviceMinor, xattrs } };
    return {
      entry: { ...common, kind, sizeBytes, xattrs },
      content: this.#stack.locate(node),
      sha256: node.sha256(),
    };
  }
}

/** A file or other node with several names: of directories the count says something else. */
function isLinked(node: ViewNode): boolean {
  return node.kind !== 'directory' && node.linkCount > 1;
}

/** True when nothing about the two tells them apart. */
function isSame(node: ViewNode, before: ViewNode): boolean {
  return (
    node.kind === before.kind &&
    node.mtimeNs === before.mtimeNs &&
    node.linkTarget() === before.linkTarget() &&
    sameExceptTime(node, before) &&
    sameContent(node, before)
  );
}

function sameContent(node: ViewNode, before: ViewNode): boolean {
  if (node.kind !== 'file') return true;
  if (isLinked(before) || node.sizeBytes !== before.sizeBytes) return false;
  const [now, then] = [node.sha256(), before.sha256()];
  return now !== undefined && then !== undefined && Buffer.compare(now, then) === 0;
}

function directoryEntry(path: ByteString, node: ViewNode): TarEntry {
  const { mode, uid, gid, mtimeNs } = node;
  const plain = { sizeBytes: 0, linkTarget: '', deviceMajor: 0, deviceMinor: 0 };
  return { ...plain, path, kind: 'directory', mode, uid, gid, mtimeNs, xattrs: node.xattrs() };
}

function opened(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, 'r');
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
