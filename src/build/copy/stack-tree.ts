import { runNow, type ByteString } from '../../base/index.ts';
import type { Stack } from '../../layers/index.ts';
import { hashRegion, type FileRegion } from './file-region.ts';
import { ReadWindow } from './read-window.ts';
import type { SourceKind, SourceNode } from './source-tree.ts';

type ViewNode = Stack['view']['root'];

/** The merged tree of a stack of layers as something to copy from, read through the indexes and never mounted. */
export function openStackTree(stack: Stack): SourceNode {
  return new StackNode({ stack, window: new ReadWindow() }, stack.view.root);
}

/** What the nodes of one tree share. */
interface OpenStack {
  readonly stack: Stack;
  readonly window: ReadWindow;
}

class StackNode implements SourceNode {
  readonly #open: OpenStack;
  readonly #node: ViewNode;
  readonly kind: SourceKind;

  constructor(open: OpenStack, node: ViewNode) {
    this.#open = open;
    this.#node = node;
    // A view shows no whiteouts: they have done their work when it was merged.
    this.kind = node.kind === 'whiteout' ? 'character' : node.kind;
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
  get deviceMajor(): number {
    return this.#node.deviceMajor;
  }
  get deviceMinor(): number {
    return this.#node.deviceMinor;
  }
  get fileKey(): string | undefined {
    return this.kind === 'file' && this.#node.linkCount > 1 ? `${this.#node.layer}:${this.#node.inode}` : undefined;
  }

  linkTarget(): ByteString {
    return this.#node.linkTarget();
  }
  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    return this.#node.xattrs();
  }
  child(name: ByteString): SourceNode | undefined {
    const node = this.#node.child(name);
    return node && new StackNode(this.#open, node);
  }
  *children(): Generator<readonly [ByteString, SourceNode]> {
    for (const [name, node] of this.#node.children()) yield [name, new StackNode(this.#open, node)];
  }
  sha256(): Uint8Array {
    return this.#node.sha256() ?? runNow(hashRegion(() => this.open(), this.sizeBytes));
  }
  open(): FileRegion {
    const { path, offset } = this.#open.stack.locate(this.#node);
    return this.#open.window.open(path, offset, this.sizeBytes);
  }
}
