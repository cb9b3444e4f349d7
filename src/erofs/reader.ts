import type { ByteString } from '../base/index.ts';
import { openContents, type Contents } from './contents.ts';
import { corrupt } from './errors.ts';
import * as F from './format.ts';
import type { FileData, IndexNode } from './node.ts';
import { NO_XATTRS, type NodeKind } from './tree.ts';
import { decodeXattr, isOverlayXattr } from './xattrs.ts';

/** The index of one layer, open for reading. */
export interface LayerIndex {
  readonly root: IndexNode;
  /** True when a directory other than the root is implied. */
  readonly hasImplied: boolean;
  /** The image's UUID as 32 hex digits: equal for equal images. */
  readonly uuid: string;
  /** Size of each data file in blocks of 512 bytes, by slot: the tar, then the expanded data. */
  readonly deviceBlocks: readonly number[];
  /** The node at a path; links are not followed. */
  find(path: ByteString): IndexNode | undefined;
}

/**
 * Opens an index that `IndexBuilder` made. Nothing but the superblock is read here; whatever is followed later is
 * checked when it is followed, so damaged or hostile bytes end in INDEX_CORRUPT and never in a hang.
 * The buffer is kept and must not change.
 * @throws INDEX_CORRUPT also for EROFS images of other makers, which use parts of the format that are not read here.
 */
export function openIndex(image: Buffer, contents?: Buffer): LayerIndex {
  return new OpenIndex(image, contents);
}

class OpenIndex implements LayerIndex {
  readonly image: Buffer;
  readonly contents: Contents | undefined;
  readonly hasImplied: boolean;
  readonly uuid: string;
  readonly deviceBlocks: readonly number[];
  readonly root: StoredNode;
  readonly xattrBase: number;
  /** Directories that were entered, so that the place of each in the tree is checked once. */
  readonly directories = new Map<number, StoredNode>();

  constructor(image: Buffer, contents: Buffer | undefined) {
    this.image = image;
    const at = F.SUPER_OFFSET;
    if (image.byteLength < at + F.SUPER_CHECKSUM_BYTES)
      throw corrupt('it is too short', { sizeBytes: image.byteLength });
    if (image.readUInt32LE(at + F.SUPER.magic) !== F.SUPER_MAGIC) throw corrupt('it is not an EROFS image');
    checkSuperblock(image);
    this.xattrBase = image.readUInt32LE(at + F.SUPER.xattrBlock) * F.BLOCK_BYTES;
    const volume = image
      .toString('latin1', at + F.SUPER.volumeName, at + F.SUPER.volumeName + 16)
      .replace(/\0.*$/s, '');
    if (volume !== F.VOLUME_NAME && volume !== F.VOLUME_NAME_IMPLIED)
      throw corrupt('it has another version', { volume });
    this.hasImplied = volume === F.VOLUME_NAME_IMPLIED;
    const uuid = image.subarray(at + F.SUPER.uuid, at + F.SUPER.uuid + 16);
    this.uuid = uuid.toString('hex');
    this.deviceBlocks = deviceBlocksOf(image);
    this.contents = contents === undefined ? undefined : openContents(contents, uuid);
    const rootNid = image.readUInt16LE(at + F.SUPER.rootNid);
    this.root = new StoredNode(this, rootNid, rootNid);
    if (this.root.kind !== 'directory') throw corrupt('its root is not a directory');
    this.directories.set(rootNid, this.root);
  }

  find(path: ByteString): IndexNode | undefined {
    let node: IndexNode | undefined = this.root;
    if (path === '') return node;
    for (const name of path.split('/')) {
      node = node.child(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  node(nid: number, parentNid: number): StoredNode {
    const known = this.directories.get(nid);
    if (known !== undefined) {
      if (known.parentNid !== parentNid || nid === this.root.inode)
        throw corrupt('a directory has two parents', { nid });
      return known;
    }
    const node = new StoredNode(this, nid, parentNid);
    if (node.kind === 'directory') this.directories.set(nid, node);
    return node;
  }
}

function checkSuperblock(image: Buffer): void {
  const at = F.SUPER_OFFSET;
  const block = Buffer.from(image.subarray(at, at + F.SUPER_CHECKSUM_BYTES));
  const expected = block.readUInt32LE(F.SUPER.checksum);
  block.writeUInt32LE(0, F.SUPER.checksum);
  const got = F.crc32c(block);
  if (expected !== got) throw corrupt('its superblock has the wrong checksum', { expected, got });
  const compatible =
    block.readUInt8(F.SUPER.blockBits) === F.BLOCK_BITS &&
    block.readUInt8(F.SUPER.dirBlockBits) === 0 &&
    block.readUInt32LE(F.SUPER.metaBlock) === 0 &&
    (block.readUInt32LE(F.SUPER.featureIncompat) & ~F.INCOMPAT_USED) === 0;
  if (!compatible) throw corrupt('it uses features that layer indexes do not have');
  const blocks = block.readUInt32LE(F.SUPER.blocks);
  if (blocks * F.BLOCK_BYTES !== image.byteLength) {
    throw corrupt('it has another size than it says', { expected: blocks * F.BLOCK_BYTES, got: image.byteLength });
  }
}

function deviceBlocksOf(image: Buffer): number[] {
  const count = image.readUInt16LE(F.SUPER_OFFSET + F.SUPER.extraDevices);
  const start = image.readUInt16LE(F.SUPER_OFFSET + F.SUPER.deviceSlot) * F.DEVICE_SLOT_BYTES;
  if (start + count * F.DEVICE_SLOT_BYTES > image.byteLength) throw corrupt('its device table ends outside it');
  const slots = Array.from({ length: count }, (_, i) => start + i * F.DEVICE_SLOT_BYTES);
  return slots.map((slot) => image.readUInt32LE(slot + F.DEVICE.blocks));
}

const KINDS: ReadonlyMap<number, NodeKind> = new Map([
  [F.S_IFREG, 'file'],
  [F.S_IFDIR, 'directory'],
  [F.S_IFLNK, 'symlink'],
  [F.S_IFCHR, 'character'],
  [F.S_IFBLK, 'block'],
  [F.S_IFIFO, 'fifo'],
]);

const NS_PER_SECOND = 1_000_000_000n;
const UINT32 = 0x1_0000_0000;
const OPAQUE_NAMES: readonly ByteString[] = ['trusted.overlay.opaque', 'user.overlay.opaque'];

interface Dirent {
  readonly name: ByteString;
  readonly nid: number;
}

/** One block of a directory: where it lies in the image, how long it is, how many entries it starts with. */
interface DirectoryBlock {
  readonly at: number;
  readonly bytes: number;
  readonly count: number;
}

/** An inode in the image. Its fixed part was checked to lie inside; everything else is checked when it is read. */
class StoredNode implements IndexNode {
  readonly inode: number;
  readonly kind: NodeKind;
  readonly parentNid: number;
  readonly #index: OpenIndex;
  readonly #offset: number;
  readonly #layout: number;
  #entered = false;
  #all: ReadonlyMap<ByteString, Uint8Array> | undefined;

  constructor(index: OpenIndex, nid: number, parentNid: number) {
    const { image } = index;
    const offset = nid * F.NID_BYTES;
    if (offset + F.INODE_BYTES > image.byteLength) throw corrupt('an inode lies outside it', { nid });
    const format = image.readUInt16LE(offset + F.INODE.format);
    const kind = KINDS.get(image.readUInt16LE(offset + F.INODE.mode) & F.S_IFMT);
    if ((format & 1) === 0 || format > 0xf || kind === undefined)
      throw corrupt('an inode has an unknown form', { nid });
    this.#index = index;
    this.#offset = offset;
    this.#layout = format >> 1;
    this.inode = nid;
    this.parentNid = parentNid;
    this.kind = kind === 'character' && this.#uint32(F.INODE.union) === 0 ? 'whiteout' : kind;
  }

  get mode(): number {
    return this.#index.image.readUInt16LE(this.#offset + F.INODE.mode) & 0o7777;
  }

  get uid(): number {
    return this.#uint32(F.INODE.uid);
  }

  get gid(): number {
    return this.#uint32(F.INODE.gid);
  }

  get mtimeNs(): bigint {
    const seconds = this.#index.image.readBigInt64LE(this.#offset + F.INODE.mtime);
    return seconds * NS_PER_SECOND + BigInt(this.#uint32(F.INODE.mtimeNs));
  }

  get sizeBytes(): number {
    return this.kind === 'file' || this.kind === 'symlink' ? this.#storedSize() : 0;
  }

  get linkCount(): number {
    return this.#uint32(F.INODE.nlink);
  }

  get deviceMajor(): number {
    return this.kind === 'character' || this.kind === 'block' ? F.decodeDevice(this.#uint32(F.INODE.union)).major : 0;
  }

  get deviceMinor(): number {
    return this.kind === 'character' || this.kind === 'block' ? F.decodeDevice(this.#uint32(F.INODE.union)).minor : 0;
  }

  get opaque(): boolean {
    if (this.kind !== 'directory' || this.#xattrBytes() === 0) return false;
    const all = this.#allXattrs();
    return OPAQUE_NAMES.some((name) => isOpaqueValue(all.get(name)));
  }

  get implied(): boolean {
    return this.kind === 'directory' && this.#uint32(F.INODE.ino) >= F.INO_IMPLIED;
  }

  linkTarget(): ByteString {
    if (this.kind !== 'symlink') return '';
    const size = this.#storedSize();
    if (size > F.LINK_TARGET_BYTES_MAX) throw corrupt('a symbolic link is too long', { nid: this.inode });
    const at = this.#layout === F.LAYOUT_INLINE ? this.#tailOffset(size) : this.#blockOffset(0, size);
    return this.#index.image.toString('latin1', at, at + size);
  }

  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    const all = this.#allXattrs();
    if (all.size === 0) return all;
    return new Map([...all].filter(([name]) => !isOverlayXattr(name)));
  }

  *children(): Generator<readonly [name: ByteString, node: IndexNode]> {
    if (this.kind !== 'directory') return;
    this.#enter();
    const size = this.#storedSize();
    let last = '';
    for (let start = 0; start < size; start += F.BLOCK_BYTES) {
      for (const { name, nid } of this.#direntsOf(start, size)) {
        if (name <= last) throw corrupt('a directory is out of order', { nid: this.inode });
        last = name;
        if (name !== '.' && name !== '..') yield [name, this.#index.node(nid, this.inode)];
      }
    }
  }

  child(name: ByteString): IndexNode | undefined {
    if (this.kind !== 'directory' || name === '.' || name === '..') return undefined;
    this.#enter();
    const nid = this.#lookUp(name);
    return nid === undefined ? undefined : this.#index.node(nid, this.inode);
  }

  data(): FileData {
    const size = this.sizeBytes;
    if (this.kind !== 'file' || size === 0) return { source: 'tar', offset: 0, device: 0 };
    if (this.#layout !== F.LAYOUT_CHUNKS) throw corrupt('a file has an unknown form', { nid: this.inode });
    const format = this.#uint32(F.INODE.union);
    if ((format & ~F.CHUNK_BITS_MASK) !== F.CHUNK_INDEXES)
      throw corrupt('a file has unknown chunks', { nid: this.inode });
    const chunkBytes = F.BLOCK_BYTES * 2 ** (format & F.CHUNK_BITS_MASK);
    const at = F.alignUp(this.#offset + F.INODE_BYTES + this.#xattrBytes(), F.CHUNK_INDEX_BYTES);
    const { device, block } = this.#chunk(at);
    const count = Math.ceil(size / chunkBytes);
    this.#checkInside(at, count * F.CHUNK_INDEX_BYTES);
    for (let i = 1; i < count; i++) {
      const next = this.#chunk(at + i * F.CHUNK_INDEX_BYTES);
      const expected = block + (i * chunkBytes) / F.BLOCK_BYTES;
      if (next.device !== device || next.block !== expected) throw corrupt('a file has gaps', { nid: this.inode });
    }
    const blocks = this.#index.deviceBlocks[device - 1];
    if (blocks === undefined || block + Math.ceil(size / F.BLOCK_BYTES) > blocks) {
      throw corrupt('a file has content outside its data', { nid: this.inode, device });
    }
    return { source: device === 1 ? 'tar' : 'expanded', offset: block * F.BLOCK_BYTES, device };
  }

  sha256(): Uint8Array | undefined {
    return this.kind === 'file' ? this.#index.contents?.sha256(this.#uint32(F.INODE.ino)) : undefined;
  }

  #uint32(field: number): number {
    return this.#index.image.readUInt32LE(this.#offset + field);
  }

  #storedSize(): number {
    const size = this.#uint32(F.INODE.size) + this.#uint32(F.INODE.size + 4) * UINT32;
    if (!Number.isSafeInteger(size)) throw corrupt('an inode has an impossible size', { nid: this.inode });
    return size;
  }

  #checkInside(at: number, bytes: number): void {
    if (at + bytes > this.#index.image.byteLength) throw corrupt('an inode ends outside it', { nid: this.inode });
  }

  #chunk(at: number): { readonly device: number; readonly block: number } {
    this.#checkInside(at, F.CHUNK_INDEX_BYTES);
    const { image } = this.#index;
    return { device: image.readUInt16LE(at + 2), block: image.readUInt32LE(at + 4) };
  }

  /** Offset in the image of a range of the content that is stored in blocks. */
  #blockOffset(start: number, bytes: number): number {
    const at = this.#uint32(F.INODE.union) * F.BLOCK_BYTES + start;
    this.#checkInside(at, bytes);
    return at;
  }

  #tailOffset(bytes: number): number {
    const at = this.#offset + F.INODE_BYTES + this.#xattrBytes();
    this.#checkInside(at, bytes);
    return at;
  }

  #xattrBytes(): number {
    const count = this.#index.image.readUInt16LE(this.#offset + F.INODE.xattrCount);
    return count === 0 ? 0 : F.XATTR_HEADER_BYTES + (count - 1) * 4;
  }

  #allXattrs(): ReadonlyMap<ByteString, Uint8Array> {
    this.#all ??= this.#readXattrs();
    return this.#all;
  }

  #readXattrs(): ReadonlyMap<ByteString, Uint8Array> {
    const bytes = this.#xattrBytes();
    if (bytes === 0) return NO_XATTRS;
    const { image } = this.#index;
    let at = this.#offset + F.INODE_BYTES;
    const end = at + bytes;
    this.#checkInside(at, bytes);
    const shared = image.readUInt8(at + 4);
    at += F.XATTR_HEADER_BYTES;
    if (at + shared * 4 > end) throw corrupt('an inode has broken attributes', { nid: this.inode });
    const found = new Map<ByteString, Uint8Array>();
    for (let i = 0; i < shared; i++, at += 4) {
      this.#addXattr(found, this.#index.xattrBase + image.readUInt32LE(at) * F.XATTR_ENTRY_BYTES, image.byteLength);
    }
    while (at < end) at = this.#addXattr(found, at, end);
    return found;
  }

  #addXattr(found: Map<ByteString, Uint8Array>, at: number, end: number): number {
    const entry = decodeXattr(this.#index.image, at, end);
    if (entry === undefined) throw corrupt('an inode has broken attributes', { nid: this.inode });
    found.set(entry.name, entry.value);
    return entry.next;
  }

  /** Checks once that this directory says of itself where it was found; without two parents there are no cycles. */
  #enter(): void {
    if (this.#entered) return;
    if (this.#layout !== F.LAYOUT_PLAIN && this.#layout !== F.LAYOUT_INLINE) {
      throw corrupt('a directory has an unknown form', { nid: this.inode });
    }
    const size = this.#storedSize();
    if (size > this.#index.image.byteLength) throw corrupt('a directory is larger than it', { nid: this.inode });
    if (this.#lookUp('.') !== this.inode || this.#lookUp('..') !== this.parentNid) {
      throw corrupt('a directory lies in the wrong place', { nid: this.inode });
    }
    this.#entered = true;
  }

  /** Finds the one block that can hold the name, then the name. */
  #lookUp(name: ByteString): number | undefined {
    const size = this.#storedSize();
    let low = 0;
    let high = Math.ceil(size / F.BLOCK_BYTES) - 1;
    if (high < 0) return undefined;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#order(this.#block(middle * F.BLOCK_BYTES, size), 0, name) <= 0) low = middle;
      else high = middle - 1;
    }
    return this.#lookUpIn(this.#block(low * F.BLOCK_BYTES, size), name);
  }

  #lookUpIn(block: DirectoryBlock, name: ByteString): number | undefined {
    let low = 0;
    let high = block.count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = this.#order(block, middle, name);
      if (order === 0) return this.#nidAt(block, middle);
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** Below 0 when entry `i` sorts before `name`; compares in place, for most lookups need no string. */
  #order(block: DirectoryBlock, i: number, name: ByteString): number {
    const { image } = this.#index;
    const start = this.#nameStart(block, i);
    const length = this.#nameEnd(block, i) - start;
    for (let at = 0; at < name.length; at++) {
      // The last name of a block may end in zeros, which sort before every byte of a name, as an end does.
      const difference = at < length ? (image[start + at] ?? 0) - name.charCodeAt(at) : -1;
      if (difference !== 0) return difference;
    }
    return length > name.length && image[start + name.length] !== 0 ? 1 : 0;
  }

  *#direntsOf(start: number, size: number): Generator<Dirent> {
    const block = this.#block(start, size);
    for (let i = 0; i < block.count; i++) yield { name: this.#nameAt(block, i), nid: this.#nidAt(block, i) };
  }

  #block(start: number, size: number): DirectoryBlock {
    const bytes = Math.min(size - start, F.BLOCK_BYTES);
    const inline = this.#layout === F.LAYOUT_INLINE && start + F.BLOCK_BYTES >= size;
    const at = inline ? this.#tailOffset(bytes) : this.#blockOffset(start, bytes);
    const namesAt = bytes < F.DIRENT_BYTES ? 0 : this.#index.image.readUInt16LE(at + 8);
    if (namesAt < F.DIRENT_BYTES || namesAt > bytes || namesAt % F.DIRENT_BYTES !== 0) {
      throw corrupt('a directory has a broken block', { nid: this.inode, start });
    }
    return { at, bytes, count: namesAt / F.DIRENT_BYTES };
  }

  #nameAt(block: DirectoryBlock, i: number): ByteString {
    const name = this.#index.image.toString('latin1', this.#nameStart(block, i), this.#nameEnd(block, i));
    const nul = i === block.count - 1 ? name.indexOf('\0') : -1;
    return nul < 0 ? name : name.slice(0, nul);
  }

  #nameStart(block: DirectoryBlock, i: number): number {
    return block.at + this.#index.image.readUInt16LE(block.at + i * F.DIRENT_BYTES + 8);
  }

  #nameEnd(block: DirectoryBlock, i: number): number {
    const last = i === block.count - 1;
    const end = block.at + block.bytes;
    const found = last ? end : this.#nameStart(block, i + 1);
    if (found > end || this.#nameStart(block, i) >= found) {
      throw corrupt('a directory has a broken name', { nid: this.inode });
    }
    return found;
  }

  #nidAt(block: DirectoryBlock, i: number): number {
    const at = block.at + i * F.DIRENT_BYTES;
    const { image } = this.#index;
    return image.readUInt32LE(at) + image.readUInt32LE(at + 4) * UINT32;
  }
}

function isOpaqueValue(value: Uint8Array | undefined): boolean {
  return value?.byteLength === 1 && value[0] === 0x79;
}
