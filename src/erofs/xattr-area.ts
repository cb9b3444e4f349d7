import type { ByteString } from '../base/index.ts';
import { XATTR_ENTRY_BYTES, XATTR_HEADER_BYTES } from './format.ts';
import type { Inode } from './inode-tree.ts';
import { encodeXattr } from './xattrs.ts';

const SHARED_XATTRS_MAX = 255;

/** A distinct attribute; it moves to the shared area when more than one inode has it. */
interface XattrUse {
  readonly encoded: Buffer;
  uses: number;
  sharedId: number;
}

const NO_USES: readonly XattrUse[] = [];

/**
 * The extended attributes of an image: with their inode, or once in the shared area where several have the same.
 * "inline xattrs" in erofs_fs.h. Add all, `settle`, then ask for sizes; `placeShared`, then write.
 */
export class XattrArea {
  readonly #distinct = new Map<ByteString, XattrUse>();
  /** Of the inodes that have attributes. */
  readonly #uses = new Map<Inode, readonly XattrUse[]>();

  add(inode: Inode, xattrs: readonly (readonly [name: ByteString, value: Uint8Array])[]): void {
    const uses: XattrUse[] = [];
    for (const [name, value] of xattrs.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const encoded = encodeXattr(name, value);
      const key = encoded.toString('latin1');
      const known = this.#distinct.get(key);
      const use = known ?? { encoded, uses: 0, sharedId: -1 };
      use.uses++;
      if (known === undefined) this.#distinct.set(key, use);
      uses.push(use);
    }
    this.#uses.set(inode, uses);
  }

  /** Decides which are shared. */
  settle(): void {
    for (const use of this.#distinct.values()) if (use.uses > 1) use.sharedId = 0;
  }

  /** Bytes that an inode's attributes take behind it. */
  bytesOf(inode: Inode): number {
    const uses = this.#uses.get(inode) ?? NO_USES;
    if (uses.length === 0) return 0;
    let bytes = XATTR_HEADER_BYTES;
    let shared = 0;
    for (const use of uses) {
      if (isShared(use) && shared++ < SHARED_XATTRS_MAX) bytes += 4;
      else bytes += use.encoded.byteLength;
    }
    return bytes;
  }

  /** Gives each shared one its place; returns the bytes of the shared area. */
  placeShared(): number {
    let cursor = 0;
    for (const use of this.#distinct.values()) {
      if (!isShared(use)) continue;
      use.sharedId = cursor / XATTR_ENTRY_BYTES;
      cursor += use.encoded.byteLength;
    }
    return cursor;
  }

  /** Writes the shared area from `start` on. */
  writeShared(image: Buffer, start: number): void {
    for (const use of this.#distinct.values())
      if (isShared(use)) image.set(use.encoded, start + use.sharedId * XATTR_ENTRY_BYTES);
  }

  /** Shared attributes come first, as their ids; the rest follow in full. */
  writeInline(inode: Inode, image: Buffer, at: number): void {
    const uses = this.#uses.get(inode) ?? NO_USES;
    const shared = uses.filter(isShared).slice(0, SHARED_XATTRS_MAX);
    image.writeUInt8(shared.length, at + 4);
    let cursor = at + XATTR_HEADER_BYTES;
    for (const use of shared) cursor = image.writeUInt32LE(use.sharedId, cursor);
    for (const use of uses) {
      if (shared.includes(use)) continue;
      image.set(use.encoded, cursor);
      cursor += use.encoded.byteLength;
    }
  }
}

function isShared(use: XattrUse): boolean {
  return use.sharedId >= 0;
}
