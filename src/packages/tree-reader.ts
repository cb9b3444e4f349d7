import { closeSync, openSync, readSync } from 'node:fs';
import { fromBytes, isShaleError, toText, type ByteString } from '../base/index.ts';
import type { ViewNode } from '../erofs/index.ts';
import type { PackageTree } from './types.ts';

/** Problems that are told; the others are counted. */
const PROBLEMS_MAX = 100;

/** A file that was found, with the path that it really has. */
export interface FoundFile {
  readonly path: ByteString;
  readonly node: ViewNode;
}

/** Reads small files of an image for the readers of package databases, and takes down what cannot be read. */
export class TreeReader {
  readonly tree: PackageTree;
  readonly #problems: string[] = [];
  #untold = 0;

  constructor(tree: PackageTree) {
    this.tree = tree;
  }

  /** Links are followed as in a chroot; undefined for what is no regular file. */
  find(path: ByteString): FoundFile | undefined {
    try {
      const { path: real, node } = this.tree.view.resolve(path, { followLast: true });
      return node?.kind === 'file' ? { path: real, node } : undefined;
    } catch (error) {
      if (!isShaleError(error, 'LINK_LOOP')) throw error;
      this.problem(path, 'its symbolic links lead in a circle');
      return undefined;
    }
  }

  /** As `find`, of a directory: its entries; nothing where there is none. */
  *entries(path: ByteString): Generator<readonly [name: ByteString, node: ViewNode]> {
    try {
      const { node } = this.tree.view.resolve(path, { followLast: true });
      if (node?.kind !== 'directory') return;
      yield* node.children();
    } catch (error) {
      if (!isShaleError(error, 'LINK_LOOP')) throw error;
    }
  }

  /** The bytes of a file as a byte string; undefined where there is none, and told where it is too long. */
  read(path: ByteString, maxBytes: number): ByteString | undefined {
    const found = this.find(path);
    return found && this.readNode(found, maxBytes);
  }

  readNode({ path, node }: FoundFile, maxBytes: number): ByteString | undefined {
    if (node.sizeBytes > maxBytes) {
      this.problem(path, `it has ${node.sizeBytes} bytes, more than ${maxBytes}`);
      return undefined;
    }
    const bytes = Buffer.alloc(node.sizeBytes);
    const { path: file, offset } = this.tree.locate(node);
    const fd = openSync(file, 'r');
    try {
      return fromBytes(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset)));
    } finally {
      closeSync(fd);
    }
  }

  problem(path: ByteString, why: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(`/${toText(path)}: ${why}`);
    else this.#untold++;
  }

  get problems(): readonly string[] {
    return this.#untold === 0 ? this.#problems : [...this.#problems, `and ${this.#untold} more`];
  }
}
