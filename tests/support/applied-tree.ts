import type { ReadTarEntry } from '../../src/archive/index.ts';
import type { ByteString } from '../../src/base/index.ts';

/**
 * A model of how docker applies layers: every entry is carried out, one after another, on one tree in memory, as
 * system calls inside a chroot would do it. Slow, plain, and without anything of indexes.
 */
export interface AppliedNode {
  readonly kind: string;
  mode: number;
  uid: number;
  readonly target: ByteString;
  /** Says which entry brought a file: layer and offset. */
  readonly content: string;
  readonly children: Map<ByteString, AppliedNode> | undefined;
  /** The layer that made or last described the node. */
  layer: number;
  /** The layer that last had an entry for it. */
  described: number;
}

/** Thrown for what docker answers with an error, and for layers whose effect depends on the order of their entries. */
export class NotApplicable extends Error {}

const LINKS_MAX = 40;

export class AppliedTree {
  readonly root: AppliedNode = directory(-1);
  /** Directories and links that an entry of the present layer went through. */
  readonly #used = new Set<AppliedNode>();

  apply(layer: number, entries: readonly ReadTarEntry[]): void {
    this.#used.clear();
    for (const entry of entries) this.#applyOne(layer, entry);
  }

  #applyOne(layer: number, entry: ReadTarEntry): void {
    const names = entry.path.split('/');
    const name = names.pop() ?? '';
    if (entry.path === '') {
      Object.assign(this.root, { mode: entry.mode, uid: entry.uid });
      return;
    }
    const parent = this.#directory(names, layer);
    if (name === '.wh..wh..opq') {
      for (const child of parent.children?.keys() ?? []) this.#removeLower(parent, child, layer);
    } else if (name.startsWith('.wh.')) this.#removeLower(parent, name.slice(4), layer);
    else this.#create(layer, parent, name, entry);
  }

  #create(layer: number, parent: AppliedNode, name: ByteString, entry: ReadTarEntry): void {
    const existing = parent.children?.get(name);
    if (existing?.kind === 'directory' && entry.kind === 'directory') {
      if (existing.described === layer) throw new NotApplicable('two entries of one layer for one folder');
      Object.assign(existing, { mode: entry.mode, uid: entry.uid, layer, described: layer });
      return;
    }
    if (existing?.layer === layer) throw new NotApplicable('two entries of one layer for one path');
    if (existing !== undefined && this.#used.has(existing)) throw new NotApplicable('a link that is used and replaced');
    parent.children?.set(name, entry.kind === 'hardlink' ? this.#linked(entry, layer) : nodeOf(entry, layer));
  }

  #linked(entry: ReadTarEntry, layer: number): AppliedNode {
    const names = entry.linkTarget.split('/');
    const name = names.pop() ?? '';
    const target = this.#directory(names, layer).children?.get(name);
    if (target === undefined || target.layer !== layer || target.kind === 'directory') {
      throw new NotApplicable('a hard link to nothing in the layer');
    }
    return target;
  }

  #directory(names: readonly ByteString[], layer: number): AppliedNode {
    let steps: AppliedNode[] = [this.root];
    let links = 0;
    const pending = names.toReversed();
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '' || name === '.') continue;
      const parent = steps.at(-1) ?? this.root;
      const node = parent.children?.get(name);
      if (node?.kind === 'symlink') {
        this.#used.add(node);
        if (++links > LINKS_MAX) throw new NotApplicable('ELOOP');
        if (node.target.startsWith('/')) steps = [this.root];
        pending.push(...node.target.split('/').reverse());
      } else if (node === undefined) {
        const made = directory(layer);
        parent.children?.set(name, made);
        steps.push(made);
      } else if (node.kind === 'directory') {
        this.#used.add(node);
        steps.push(node);
      } else throw new NotApplicable('ENOTDIR');
    }
    return steps.at(-1) ?? this.root;
  }

  /** Removes what the layers below brought; what this layer brought stays, in a new directory where need be. */
  #removeLower(parent: AppliedNode, name: ByteString, layer: number): void {
    const node = parent.children?.get(name);
    if (node === undefined) return;
    for (const child of node.children?.keys() ?? []) this.#removeLower(node, child, layer);
    if (node.layer === layer) return;
    if (node.children !== undefined && node.children.size > 0) Object.assign(node, { mode: 0o755, uid: 0, layer });
    else if (this.#used.has(node)) throw new NotApplicable('a folder or link that is used and removed');
    else parent.children?.delete(name);
  }
}

function directory(layer: number): AppliedNode {
  return { kind: 'directory', mode: 0o755, uid: 0, target: '', content: '', children: new Map(), layer, described: -1 };
}

function nodeOf(entry: ReadTarEntry, layer: number): AppliedNode {
  return {
    kind: entry.kind,
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode,
    uid: entry.uid,
    target: entry.linkTarget,
    content: entry.kind === 'file' ? `${layer}:${entry.dataOffset}` : '',
    children: entry.kind === 'directory' ? new Map() : undefined,
    layer,
    described: layer,
  };
}
