import { toBytes, type ByteString } from '../base/index.ts';
import { fail } from './errors.ts';
import * as F from './format.ts';
import { IMPLIED_ATTRIBUTES, TreeNode, type NodeKind } from './tree.ts';
import { imageUuid } from './uuid.ts';
import { encodeXattr } from './xattrs.ts';

/** A data file that the image points into; slot numbers start at 1. */
export interface DeviceSlot {
  readonly sizeBytes: number;
  /** At most 64 bytes that say which file it is; may be empty. */
  readonly tag: string;
}

/** Which attribute family tells overlayfs that a directory is opaque; `user` is for mounts with `userxattr`. */
export type XattrFamily = 'trusted' | 'user';

export interface WrittenImage {
  readonly image: Buffer;
  /** Regular files in the order of their inode numbers, the first of which is 1. */
  readonly files: readonly TreeNode[];
}

/**
 * Writes a tree as an EROFS image that holds metadata only. The bytes are a function of the arguments; the UUID is made
 * from them. The order of children in the tree does not count.
 * @throws INDEX_LIMIT when the image or a data file is larger than the format can address.
 */
export function writeImage(root: TreeNode, devices: readonly DeviceSlot[], family: XattrFamily): WrittenImage {
  return new ImageWriter(devices, family).write(root);
}

const NS_PER_SECOND = 1_000_000_000n;
const UINT32 = 0x1_0000_0000;
const IMAGE_BYTES_MAX = 4 * 1024 * 1024 * 1024 - F.BLOCK_BYTES;
const DEVICE_BLOCKS_MAX = UINT32 - 2;
const DEVICE_TAG_BYTES = 64;
const SHARED_XATTRS_MAX = 255;

/** An inode with its place in the image. */
interface Placed {
  readonly node: TreeNode;
  readonly directory: PackedDirectory | undefined;
  readonly xattrs: readonly XattrUse[];
  linkCount: number;
  ino: number;
  /** First byte in the image. */
  offset: number;
  xattrBytes: number;
  layout: number;
  /** First block of the content that is not inline; NULL_BLOCK where there is none. */
  startBlock: number;
  parent: Placed | undefined;
}

/** A directory's entries, cut into blocks of 512 bytes that each hold entries first and names after them. */
interface PackedDirectory {
  readonly names: readonly ByteString[];
  readonly nodes: readonly (TreeNode | undefined)[];
  /** Index of the first entry of each block. */
  readonly blockStarts: readonly number[];
  readonly tailBytes: number;
}

/** A distinct attribute; it moves to the shared area when more than one inode has it. */
interface XattrUse {
  readonly encoded: Buffer;
  uses: number;
  sharedId: number;
}

class ImageWriter {
  readonly #devices: readonly DeviceSlot[];
  readonly #family: XattrFamily;
  readonly #placed: Placed[] = [];
  readonly #xattrs = new Map<ByteString, XattrUse>();
  readonly #files: TreeNode[] = [];
  readonly #whiteout = new TreeNode('whiteout', { ...IMPLIED_ATTRIBUTES, mode: 0 });
  #hasImplied = false;
  #image: Buffer = Buffer.alloc(0);
  /** The same bytes; its setters are several times faster than those of Buffer. */
  #view: DataView = new DataView(new ArrayBuffer(0));
  #xattrBlock = 0;

  constructor(devices: readonly DeviceSlot[], family: XattrFamily) {
    this.#devices = devices;
    this.#family = family;
  }

  write(root: TreeNode): WrittenImage {
    this.#collect(root);
    this.#number();
    const inodesEnd = this.#placeInodes();
    const blocksEnd = this.#placeBlocks(F.alignUp(inodesEnd, F.BLOCK_BYTES));
    const end = F.alignUp(this.#placeSharedXattrs(blocksEnd), F.BLOCK_BYTES);
    if (end > IMAGE_BYTES_MAX)
      throw fail('INDEX_LIMIT', `the index would take ${end} bytes, at most ${IMAGE_BYTES_MAX} fit`);
    this.#image = Buffer.alloc(end);
    this.#view = new DataView(this.#image.buffer, this.#image.byteOffset, end);
    for (const placed of this.#placed) this.#writeInode(placed);
    for (const use of this.#xattrs.values())
      if (use.sharedId >= 0) this.#image.set(use.encoded, this.#sharedOffset(use));
    this.#writeSuperblock();
    return { image: this.#image, files: this.#files };
  }

  /** Lists inodes so that those of one directory's children lie side by side. */
  #collect(root: TreeNode): void {
    const top = this.#enter(root, undefined);
    const directories = [top];
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      const found: Placed[] = [];
      for (const node of directory.directory?.nodes ?? []) {
        if (node === undefined) continue;
        const known = this.#placed[node.position];
        if (known !== undefined) known.linkCount++;
        else {
          const placed = this.#enter(node, directory);
          if (placed.directory !== undefined) found.push(placed);
        }
      }
      directory.linkCount += found.length;
      for (let i = found.length - 1; i >= 0; i--) {
        const next = found[i];
        if (next !== undefined) directories.push(next);
      }
    }
  }

  #enter(node: TreeNode, parent: Placed | undefined): Placed {
    const directory = node.children === undefined ? undefined : packDirectory(node, this.#whiteout);
    const placed: Placed = {
      node,
      directory,
      xattrs: this.#usesOf(node),
      linkCount: directory === undefined ? 1 : 2,
      ino: 0,
      offset: 0,
      xattrBytes: 0,
      layout: F.LAYOUT_PLAIN,
      startBlock: F.NULL_BLOCK,
      parent,
    };
    node.position = this.#placed.length;
    this.#placed.push(placed);
    return placed;
  }

  #usesOf(node: TreeNode): readonly XattrUse[] {
    const whiteouts = hasWhiteouts(node);
    if (node.xattrs.size === 0 && !node.opaque && !whiteouts) return [];
    const uses: XattrUse[] = [];
    const all = [...node.xattrs];
    if (node.opaque) all.push([`${this.#family}.overlay.opaque`, Buffer.from('y')]);
    // overlayfs lists the whiteouts of a directory that no other layer has, unless the directory has an origin.
    if (whiteouts) all.push([`${this.#family}.overlay.origin`, new Uint8Array()]);
    for (const [name, value] of all.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const encoded = encodeXattr(name, value);
      const key = encoded.toString('latin1');
      const known = this.#xattrs.get(key);
      const use = known ?? { encoded, uses: 0, sharedId: -1 };
      use.uses++;
      if (known === undefined) this.#xattrs.set(key, use);
      uses.push(use);
    }
    return uses;
  }

  /** Regular files come first, so that the contents file is an array. The number of an implied directory says so. */
  #number(): void {
    for (const { node } of this.#placed) if (node.kind === 'file') this.#files.push(node);
    let file = 1;
    let other = this.#files.length + 1;
    for (const placed of this.#placed) {
      placed.ino = placed.node.kind === 'file' ? file++ : other++;
      this.#hasImplied ||= placed.node.implied && placed.parent !== undefined;
    }
  }

  #placeInodes(): number {
    for (const use of this.#xattrs.values()) if (use.uses > 1) use.sharedId = 0;
    let cursor = F.DEVICE_SLOTS_OFFSET + this.#devices.length * F.DEVICE_SLOT_BYTES;
    for (const placed of this.#placed) {
      placed.xattrBytes = xattrBytesOf(placed.xattrs);
      const head = F.INODE_BYTES + placed.xattrBytes;
      const tail = tailBytesOf(placed);
      placed.layout = layoutOf(placed, head, tail);
      placed.offset = placed.layout === F.LAYOUT_INLINE ? inlineOffset(cursor, head, tail) : cursor;
      let end = placed.offset + head;
      if (placed.layout === F.LAYOUT_INLINE) end += tail;
      else if (placed.layout === F.LAYOUT_CHUNKS)
        end = chunkIndexOffset(placed) + chunksOf(placed.node) * F.CHUNK_INDEX_BYTES;
      cursor = F.alignUp(end, F.NID_BYTES);
    }
    return cursor;
  }

  #placeBlocks(start: number): number {
    let cursor = start;
    for (const placed of this.#placed) {
      const bytes = blockBytesOf(placed);
      if (bytes === 0) continue;
      placed.startBlock = cursor / F.BLOCK_BYTES;
      cursor += F.alignUp(bytes, F.BLOCK_BYTES);
    }
    return cursor;
  }

  #placeSharedXattrs(start: number): number {
    this.#xattrBlock = start / F.BLOCK_BYTES;
    let cursor = start;
    for (const use of this.#xattrs.values()) {
      if (use.sharedId < 0) continue;
      use.sharedId = (cursor - start) / F.XATTR_ENTRY_BYTES;
      cursor += use.encoded.byteLength;
    }
    return cursor;
  }

  #sharedOffset(use: XattrUse): number {
    return this.#xattrBlock * F.BLOCK_BYTES + use.sharedId * F.XATTR_ENTRY_BYTES;
  }

  #writeInode(placed: Placed): void {
    const view = this.#view;
    const { node, offset, xattrBytes } = placed;
    const I = F.INODE;
    view.setUint16(offset + I.format, 1 | (placed.layout << 1), true);
    if (xattrBytes > 0) view.setUint16(offset + I.xattrCount, (xattrBytes - F.XATTR_HEADER_BYTES) / 4 + 1, true);
    view.setUint16(offset + I.mode, MODES[node.kind] | node.mode, true);
    const size = sizeOf(placed);
    view.setUint32(offset + I.size, size, true);
    view.setUint32(offset + I.size + 4, Math.floor(size / UINT32), true);
    view.setUint32(offset + I.union, unionOf(placed), true);
    view.setUint32(offset + I.ino, node.implied ? placed.ino + F.INO_IMPLIED : placed.ino, true);
    view.setUint32(offset + I.uid, node.uid, true);
    view.setUint32(offset + I.gid, node.gid, true);
    writeTime(view, node.mtimeNs, offset);
    view.setUint32(offset + I.nlink, placed.linkCount, true);
    if (xattrBytes > 0) writeInlineXattrs(this.#image, placed.xattrs, offset + F.INODE_BYTES);
    const inline = placed.layout === F.LAYOUT_INLINE;
    const tailOffset = offset + F.INODE_BYTES + xattrBytes;
    if (placed.layout === F.LAYOUT_CHUNKS) this.#writeChunks(placed);
    else if (placed.directory !== undefined) this.#writeDirectory(placed, placed.directory, tailOffset);
    else if (node.kind === 'symlink') {
      this.#image.write(node.linkTarget, inline ? tailOffset : placed.startBlock * F.BLOCK_BYTES, 'latin1');
    }
  }

  #writeChunks(placed: Placed): void {
    const { node } = placed;
    const chunkBlocks = 2 ** chunkBitsOf(node.sizeBytes);
    let at = chunkIndexOffset(placed);
    let block = node.dataOffset / F.BLOCK_BYTES;
    for (let i = chunksOf(node); i > 0; i--) {
      this.#view.setUint16(at + 2, node.device, true);
      this.#view.setUint32(at + 4, block, true);
      at += F.CHUNK_INDEX_BYTES;
      block += chunkBlocks;
    }
  }

  #writeDirectory(placed: Placed, directory: PackedDirectory, tailOffset: number): void {
    const { blockStarts, names, nodes } = directory;
    const last = blockStarts.length - 1;
    for (let block = 0; block <= last; block++) {
      const inline = block === last && placed.layout === F.LAYOUT_INLINE;
      const base = inline ? tailOffset : (placed.startBlock + block) * F.BLOCK_BYTES;
      const first = blockStarts[block] ?? 0;
      const end = blockStarts[block + 1] ?? names.length;
      const namesOffset = (end - first) * F.DIRENT_BYTES;
      let nameOffset = namesOffset;
      for (let i = first; i < end; i++) {
        const name = names[i] ?? '';
        const child = nodes[i];
        const target = child === undefined ? self(placed, name) : this.#placed[child.position];
        this.#writeDirent(base + (i - first) * F.DIRENT_BYTES, target ?? placed, nameOffset);
        nameOffset += name.length;
      }
      this.#image.write(names.slice(first, end).join(''), base + namesOffset, 'latin1');
    }
  }

  #writeDirent(at: number, target: Placed, nameOffset: number): void {
    this.#view.setUint32(at, target.offset / F.NID_BYTES, true);
    this.#view.setUint32(at + 8, nameOffset | (FILE_TYPES[target.node.kind] << 16), true);
  }

  #writeSuperblock(): void {
    const image = this.#image;
    const S = F.SUPER;
    const at = F.SUPER_OFFSET;
    image.writeUInt32LE(F.SUPER_MAGIC, at + S.magic);
    image.writeUInt32LE(F.COMPAT_MTIME, at + S.featureCompat);
    image.writeUInt8(F.BLOCK_BITS, at + S.blockBits);
    image.writeUInt16LE((this.#placed[0]?.offset ?? 0) / F.NID_BYTES, at + S.rootNid);
    image.writeUInt32LE(this.#placed.length, at + S.inodes);
    image.writeUInt32LE(image.byteLength / F.BLOCK_BYTES, at + S.blocks);
    image.writeUInt32LE(this.#xattrBlock, at + S.xattrBlock);
    image.write(this.#hasImplied ? F.VOLUME_NAME_IMPLIED : F.VOLUME_NAME, at + S.volumeName, 'latin1');
    image.writeUInt32LE(
      F.INCOMPAT_CHUNKED_FILE | (this.#devices.length > 0 ? F.INCOMPAT_DEVICE_TABLE : 0),
      at + S.featureIncompat,
    );
    image.writeUInt16LE(this.#devices.length, at + S.extraDevices);
    if (this.#devices.length > 0) image.writeUInt16LE(F.DEVICE_SLOTS_OFFSET / F.DEVICE_SLOT_BYTES, at + S.deviceSlot);
    this.#devices.forEach((device, i) => this.#writeDevice(device, F.DEVICE_SLOTS_OFFSET + i * F.DEVICE_SLOT_BYTES));
    image.set(imageUuid(image), at + S.uuid);
    image.writeUInt32LE(F.crc32c(image.subarray(at, at + F.SUPER_CHECKSUM_BYTES)), at + S.checksum);
  }

  #writeDevice(device: DeviceSlot, at: number): void {
    const blocks = Math.ceil(device.sizeBytes / F.BLOCK_BYTES);
    if (blocks > DEVICE_BLOCKS_MAX) {
      throw fail('INDEX_LIMIT', `a data file of ${device.sizeBytes} bytes is too large for the index`);
    }
    this.#image.set(toBytes(device.tag).subarray(0, DEVICE_TAG_BYTES), at + F.DEVICE.tag);
    this.#image.writeUInt32LE(blocks, at + F.DEVICE.blocks);
  }
}

const MODES: Readonly<Record<NodeKind, number>> = {
  file: F.S_IFREG,
  directory: F.S_IFDIR,
  symlink: F.S_IFLNK,
  character: F.S_IFCHR,
  block: F.S_IFBLK,
  fifo: F.S_IFIFO,
  whiteout: F.S_IFCHR,
};

const FILE_TYPES: Readonly<Record<NodeKind, number>> = {
  file: F.FT_REG,
  directory: F.FT_DIR,
  symlink: F.FT_LNK,
  character: F.FT_CHR,
  block: F.FT_BLK,
  fifo: F.FT_FIFO,
  whiteout: F.FT_CHR,
};

/** Sorts the names by bytes and cuts them into blocks. `.` and `..` take their places among the others. */
function hasWhiteouts(node: TreeNode): boolean {
  for (const name of node.hidden ?? []) if (node.children?.has(name) !== true) return true;
  return false;
}

function packDirectory(node: TreeNode, whiteout: TreeNode): PackedDirectory {
  const children = node.children ?? new Map<ByteString, TreeNode>();
  const names: ByteString[] = ['.', '..', ...children.keys()];
  for (const name of node.hidden ?? []) if (!children.has(name)) names.push(name);
  // Without a comparison function strings are ordered by code units, which for byte strings are the bytes.
  names.sort();
  const blockStarts = [0];
  let used = 0;
  for (let i = 0; i < names.length; i++) {
    const bytes = F.DIRENT_BYTES + (names[i] ?? '').length;
    if (used + bytes > F.BLOCK_BYTES) {
      blockStarts.push(i);
      used = 0;
    }
    used += bytes;
  }
  const nodes = names.map((name) => (name === '.' || name === '..' ? undefined : (children.get(name) ?? whiteout)));
  return { names, nodes, blockStarts, tailBytes: used };
}

function self(placed: Placed, name: ByteString): Placed {
  return name === '..' ? (placed.parent ?? placed) : placed;
}

function xattrBytesOf(uses: readonly XattrUse[]): number {
  if (uses.length === 0) return 0;
  let bytes = F.XATTR_HEADER_BYTES;
  let shared = 0;
  for (const use of uses) {
    if (isShared(use) && shared++ < SHARED_XATTRS_MAX) bytes += 4;
    else bytes += use.encoded.byteLength;
  }
  return bytes;
}

function isShared(use: XattrUse): boolean {
  return use.sharedId >= 0;
}

/** Shared attributes come first, as their ids; the rest follow in full. "inline xattrs" in erofs_fs.h */
function writeInlineXattrs(image: Buffer, uses: readonly XattrUse[], at: number): void {
  const shared = uses.filter(isShared).slice(0, SHARED_XATTRS_MAX);
  image.writeUInt8(shared.length, at + 4);
  let cursor = at + F.XATTR_HEADER_BYTES;
  for (const use of shared) cursor = image.writeUInt32LE(use.sharedId, cursor);
  for (const use of uses) {
    if (shared.includes(use)) continue;
    image.set(use.encoded, cursor);
    cursor += use.encoded.byteLength;
  }
}

/** Bytes that may be stored right after the inode. */
function tailBytesOf(placed: Placed): number {
  return placed.directory?.tailBytes ?? (placed.node.kind === 'symlink' ? placed.node.sizeBytes : 0);
}

function layoutOf({ node }: Placed, head: number, tail: number): number {
  if (node.kind === 'file') return node.sizeBytes > 0 ? F.LAYOUT_CHUNKS : F.LAYOUT_PLAIN;
  if (tail === 0 || tail > F.BLOCK_BYTES) return F.LAYOUT_PLAIN;
  const slack = (F.NID_BYTES - (head % F.NID_BYTES)) % F.NID_BYTES;
  return tail <= F.BLOCK_BYTES - slack ? F.LAYOUT_INLINE : F.LAYOUT_PLAIN;
}

/** The first place from `cursor` on at which the inline tail does not cross the end of a block. */
function inlineOffset(cursor: number, head: number, tail: number): number {
  const within = (cursor + head) % F.BLOCK_BYTES;
  if (within + tail <= F.BLOCK_BYTES) return cursor;
  return cursor + F.alignUp(F.BLOCK_BYTES - within, F.NID_BYTES);
}

function chunkIndexOffset(placed: Placed): number {
  return F.alignUp(placed.offset + F.INODE_BYTES + placed.xattrBytes, F.CHUNK_INDEX_BYTES);
}

/** The smallest chunk that holds the whole file, in powers of two of blocks, so that nearly every file has one. */
function chunkBitsOf(sizeBytes: number): number {
  const blocks = Math.ceil(sizeBytes / F.BLOCK_BYTES);
  return Math.min(Math.ceil(Math.log2(blocks)), F.CHUNK_BITS_MAX);
}

function chunksOf(node: TreeNode): number {
  return Math.ceil(node.sizeBytes / (F.BLOCK_BYTES * 2 ** chunkBitsOf(node.sizeBytes)));
}

/** Bytes of content that go into blocks of their own. */
function blockBytesOf(placed: Placed): number {
  const inline = placed.layout === F.LAYOUT_INLINE;
  if (placed.directory === undefined) return inline || placed.node.kind !== 'symlink' ? 0 : placed.node.sizeBytes;
  return sizeOf(placed) - (inline ? placed.directory.tailBytes : 0);
}

function sizeOf({ node, directory }: Placed): number {
  if (directory === undefined) return node.sizeBytes;
  return (directory.blockStarts.length - 1) * F.BLOCK_BYTES + directory.tailBytes;
}

function unionOf({ node, layout, startBlock }: Placed): number {
  if (layout === F.LAYOUT_CHUNKS) return F.CHUNK_INDEXES | chunkBitsOf(node.sizeBytes);
  if (node.kind === 'character' || node.kind === 'block') return F.encodeDevice(node.deviceMajor, node.deviceMinor);
  return node.kind === 'fifo' || node.kind === 'whiteout' ? 0 : startBlock;
}

function writeTime(view: DataView, mtimeNs: bigint, offset: number): void {
  if (mtimeNs === 0n) return;
  const rest = mtimeNs % NS_PER_SECOND;
  const ns = rest < 0n ? rest + NS_PER_SECOND : rest;
  view.setBigInt64(offset + F.INODE.mtime, (mtimeNs - ns) / NS_PER_SECOND, true);
  view.setUint32(offset + F.INODE.mtimeNs, Number(ns), true);
}
