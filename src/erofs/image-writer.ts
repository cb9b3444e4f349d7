import { Rows, toBytes, type ByteString } from '../base/index.ts';
import { encodeContents } from './contents.ts';
import { fail } from './errors.ts';
import * as F from './format.ts';
import { ImageStream, type ImageSink } from './image-stream.ts';
import type { Inode, InodeTree } from './inode-tree.ts';
import { IMPLIED_ATTRIBUTES, type NodeKind } from './tree.ts';
import { XattrArea } from './xattr-area.ts';

/** A data file that the image points into; slot numbers start at 1. */
export interface DeviceSlot {
  readonly sizeBytes: number;
  /** At most 64 bytes that say which file it is; may be empty. */
  readonly tag: string;
}

/** Which attribute family tells overlayfs that a directory is opaque; `user` is for mounts with `userxattr`. */
export type XattrFamily = 'trusted' | 'user';

/** A tree from one of its directories on. */
export interface RootedTree {
  readonly tree: InodeTree;
  readonly root: Inode;
}

/**
 * Writes a tree as an EROFS image that holds metadata only, and gives its contents file. The tree is used up: directories
 * get the whiteouts of what they hide. The bytes are a function of the arguments; the UUID is made from them. The order of children in the tree does not count.
 * @throws INDEX_LIMIT when the image or a data file is larger than the format can address.
 */
export function writeIndex(
  from: RootedTree,
  sink: ImageSink,
  options: { readonly devices: readonly DeviceSlot[]; readonly family: XattrFamily },
): Buffer {
  return new ImageWriter(from, sink, options).write();
}

const UINT32 = 0x1_0000_0000;
const IMAGE_BYTES_MAX = 4 * 1024 * 1024 * 1024 - F.BLOCK_BYTES;
const DEVICE_BLOCKS_MAX = UINT32 - 2;
const DEVICE_TAG_BYTES = 64;

/** Fields of an inode's place in the image: its node id, its layout, the first block of content that is not inline. */
const NID = 0;
const LAYOUT = 1;
const START_BLOCK = 2;
/** Names that lead to it, and for directories how many know it as `.` and `..`; 0 before it is entered. */
const LINKS = 3;
const INO = 4;
/** Directories: the one above. */
const PARENT = 5;
const PLACE_FIELDS = 6;

class ImageWriter {
  readonly #tree: InodeTree;
  readonly #root: Inode;
  readonly #devices: readonly DeviceSlot[];
  readonly #family: XattrFamily;
  /** Inodes in the order in which they lie in the image. */
  readonly #order: Inode[] = [];
  /** By inode. */
  readonly #places = new Rows(PLACE_FIELDS);
  readonly #xattrs = new XattrArea();
  /** Regular files in the order of their inode numbers, the first of which is 1. */
  readonly #files: Inode[] = [];
  /** All whiteouts are names of one inode; made when there is one. */
  #whiteout: Inode | undefined;
  #hasImplied = false;
  readonly #out: ImageStream;
  #xattrBlock = 0;

  constructor(
    { tree, root }: RootedTree,
    sink: ImageSink,
    { devices, family }: { readonly devices: readonly DeviceSlot[]; readonly family: XattrFamily },
  ) {
    this.#tree = tree;
    this.#root = root;
    this.#devices = devices;
    this.#family = family;
    this.#out = new ImageStream(sink);
  }

  /** Gives the contents file. */
  write(): Buffer {
    this.#collect();
    this.#number();
    const inodesEnd = this.#placeInodes();
    const blocksEnd = this.#placeBlocks(F.alignUp(inodesEnd, F.BLOCK_BYTES));
    const sharedBytes = this.#xattrs.placeShared();
    const end = F.alignUp(blocksEnd + sharedBytes, F.BLOCK_BYTES);
    this.#xattrBlock = blocksEnd / F.BLOCK_BYTES;
    if (end > IMAGE_BYTES_MAX)
      throw fail('INDEX_LIMIT', `the index would take ${end} bytes, at most ${IMAGE_BYTES_MAX} fit`);
    this.#writeSuperblock(end);
    for (const inode of this.#order) this.#writeInode(inode);
    for (const inode of this.#order) this.#writeBlocks(inode);
    if (sharedBytes > 0) {
      const at = this.#out.place(blocksEnd, sharedBytes);
      this.#xattrs.writeShared(this.#out.bytes, at);
    }
    const uuid = this.#out.finish(end);
    this.#places.release();
    const digestOf = (slot: number): Uint8Array | undefined => this.#tree.sha256(this.#files[slot] ?? this.#root);
    const contents = encodeContents(uuid, this.#files.length, digestOf);
    this.#tree.release();
    return contents;
  }

  /** Lists inodes so that those of one directory's children lie side by side. */
  #collect(): void {
    this.#enter(this.#root, this.#root);
    const directories = [this.#root];
    for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
      const found: Inode[] = [];
      let sizeBytes = 0;
      // `.` and `..` take their places among the names, which makes no difference to how long all of them are together,
      // but to where blocks end.
      for (const [name, child] of this.#entriesOf(directory)) {
        sizeBytes = sizeWith(sizeBytes, name);
        if (child === undefined) continue;
        if (this.#linksOf(child) > 0) this.#addLink(child);
        else {
          this.#enter(child, directory);
          if (this.#tree.kind(child) === 'directory') found.push(child);
        }
      }
      this.#tree.setSize(directory, sizeBytes);
      this.#places.set(directory, LINKS, this.#linksOf(directory) + found.length);
      for (let i = found.length - 1; i >= 0; i--) {
        const next = found[i];
        if (next !== undefined) directories.push(next);
      }
    }
  }

  #enter(inode: Inode, parent: Inode): void {
    const isDirectory = this.#tree.kind(inode) === 'directory';
    const whiteouts = isDirectory ? this.#addWhiteouts(inode) : false;
    this.#notePlace(inode);
    this.#places.set(inode, LINKS, isDirectory ? 2 : 1);
    if (isDirectory) this.#places.set(inode, PARENT, parent);
    this.#takeXattrs(inode, whiteouts);
    this.#order.push(inode);
  }

  /** Whiteouts may be added to the tree after the places were begun. */
  #notePlace(inode: Inode): void {
    while (this.#places.count <= inode) this.#places.add();
  }

  #linksOf(inode: Inode): number {
    return this.#places.get(inode, LINKS);
  }

  #addLink(inode: Inode): void {
    this.#places.set(inode, LINKS, this.#linksOf(inode) + 1);
  }

  /** Gives a directory a whiteout for each name that it hides and does not have; false when there is none. */
  #addWhiteouts(directory: Inode): boolean {
    const tree = this.#tree;
    const missing = [...(tree.hidden(directory) ?? [])].filter((name) => tree.child(directory, name) === undefined);
    for (const name of missing) {
      this.#whiteout ??= tree.add('whiteout', { ...IMPLIED_ATTRIBUTES, mode: 0 });
      tree.setChild(directory, name, this.#whiteout);
    }
    return missing.length > 0;
  }

  /** The names of a directory in the order of their bytes, `.` and `..` among them without an inode. */
  *#entriesOf(directory: Inode): Generator<readonly [name: ByteString, child: Inode | undefined]> {
    const own = ['..', '.'];
    for (const entry of this.#tree.children(directory)) {
      for (let next = own.at(-1); next !== undefined && next < entry[0]; next = own.at(-1)) {
        own.pop();
        yield [next, undefined];
      }
      yield entry;
    }
    for (let next = own.pop(); next !== undefined; next = own.pop()) yield [next, undefined];
  }

  #takeXattrs(inode: Inode, whiteouts: boolean): void {
    const xattrs = this.#tree.xattrs(inode);
    const opaque = this.#tree.isOpaque(inode);
    if (xattrs.size === 0 && !opaque && !whiteouts) return;
    const all = [...xattrs];
    if (opaque) all.push([`${this.#family}.overlay.opaque`, Buffer.from('y')]);
    // overlayfs lists the whiteouts of a directory that no other layer has, unless the directory has an origin.
    if (whiteouts) all.push([`${this.#family}.overlay.origin`, new Uint8Array()]);
    this.#xattrs.add(inode, all);
  }

  /** Regular files come first, so that the contents file is an array. The number of an implied directory says so. */
  #number(): void {
    const tree = this.#tree;
    for (const inode of this.#order) if (tree.kind(inode) === 'file') this.#files.push(inode);
    let file = 1;
    let other = this.#files.length + 1;
    for (const inode of this.#order) {
      this.#places.set(inode, INO, tree.kind(inode) === 'file' ? file++ : other++);
      this.#hasImplied ||= tree.isImplied(inode) && inode !== this.#root;
    }
  }

  #placeInodes(): number {
    this.#xattrs.settle();
    let cursor = F.DEVICE_SLOTS_OFFSET + this.#devices.length * F.DEVICE_SLOT_BYTES;
    for (const inode of this.#order) {
      const head = F.INODE_BYTES + this.#xattrs.bytesOf(inode);
      const tail = this.#tailBytesOf(inode);
      const layout = this.#layoutFor(inode, head, tail);
      const offset = layout === F.LAYOUT_INLINE ? inlineOffset(cursor, head, tail) : cursor;
      this.#places.set(inode, LAYOUT, layout);
      this.#places.set(inode, NID, offset / F.NID_BYTES);
      this.#places.set(inode, START_BLOCK, F.NULL_BLOCK);
      let end = offset + head;
      if (layout === F.LAYOUT_INLINE) end += tail;
      else if (layout === F.LAYOUT_CHUNKS)
        end = F.alignUp(end, F.CHUNK_INDEX_BYTES) + chunksOf(this.#tree.size(inode)) * F.CHUNK_INDEX_BYTES;
      cursor = F.alignUp(end, F.NID_BYTES);
    }
    return cursor;
  }

  #placeBlocks(start: number): number {
    let cursor = start;
    for (const inode of this.#order) {
      const bytes = this.#blockBytesOf(inode);
      if (bytes === 0) continue;
      this.#places.set(inode, START_BLOCK, cursor / F.BLOCK_BYTES);
      cursor += F.alignUp(bytes, F.BLOCK_BYTES);
    }
    return cursor;
  }

  #offsetOf(inode: Inode): number {
    return this.#places.get(inode, NID) * F.NID_BYTES;
  }

  #isInline(inode: Inode): boolean {
    return this.#places.get(inode, LAYOUT) === F.LAYOUT_INLINE;
  }

  #startOf(inode: Inode): number {
    return this.#places.get(inode, START_BLOCK) * F.BLOCK_BYTES;
  }

  /** Bytes that may be stored right after the inode. */
  #tailBytesOf(inode: Inode): number {
    const kind = this.#tree.kind(inode);
    if (kind === 'directory') return lastBlockBytes(this.#tree.size(inode));
    return kind === 'symlink' ? this.#tree.size(inode) : 0;
  }

  #layoutFor(inode: Inode, head: number, tail: number): number {
    if (this.#tree.kind(inode) === 'file') return this.#tree.size(inode) > 0 ? F.LAYOUT_CHUNKS : F.LAYOUT_PLAIN;
    if (tail === 0 || tail > F.BLOCK_BYTES) return F.LAYOUT_PLAIN;
    const slack = (F.NID_BYTES - (head % F.NID_BYTES)) % F.NID_BYTES;
    return tail <= F.BLOCK_BYTES - slack ? F.LAYOUT_INLINE : F.LAYOUT_PLAIN;
  }

  /** Bytes of content that go into blocks of their own. */
  #blockBytesOf(inode: Inode): number {
    const kind = this.#tree.kind(inode);
    if (kind !== 'directory' && kind !== 'symlink') return 0;
    const size = this.#tree.size(inode);
    if (!this.#isInline(inode)) return size;
    return kind === 'directory' ? size - lastBlockBytes(size) : 0;
  }

  /** An inode with what lies right behind it: its attributes, and where its content is or its content itself. */
  #writeInode(inode: Inode): void {
    const tree = this.#tree;
    const I = F.INODE;
    const offset = this.#offsetOf(inode);
    const kind = tree.kind(inode);
    const layout = this.#places.get(inode, LAYOUT);
    const size = tree.size(inode);
    const xattrBytes = this.#xattrs.bytesOf(inode);
    const head = F.INODE_BYTES + xattrBytes;
    // Node ids count 32 bytes, so what is aligned in the image is aligned behind the inode too.
    const chunksAt = F.alignUp(head, F.CHUNK_INDEX_BYTES);
    const isInline = layout === F.LAYOUT_INLINE;
    const behind = layout === F.LAYOUT_CHUNKS ? chunksAt + chunksOf(size) * F.CHUNK_INDEX_BYTES : head;
    const at = this.#out.place(offset, isInline ? head + this.#tailBytesOf(inode) : behind);
    const { view, bytes } = this.#out;
    view.setUint16(at + I.format, 1 | (layout << 1), true);
    if (xattrBytes > 0) view.setUint16(at + I.xattrCount, (xattrBytes - F.XATTR_HEADER_BYTES) / 4 + 1, true);
    view.setUint16(at + I.mode, MODES[kind] | tree.mode(inode), true);
    view.setUint32(at + I.size, size, true);
    view.setUint32(at + I.size + 4, Math.floor(size / UINT32), true);
    view.setUint32(at + I.union, this.#unionOf(inode), true);
    const ino = this.#places.get(inode, INO);
    view.setUint32(at + I.ino, tree.isImplied(inode) ? ino + F.INO_IMPLIED : ino, true);
    view.setUint32(at + I.uid, tree.uid(inode), true);
    view.setUint32(at + I.gid, tree.gid(inode), true);
    const { seconds, ns } = tree.mtime(inode);
    view.setBigInt64(at + I.mtime, seconds, true);
    view.setUint32(at + I.mtimeNs, ns, true);
    view.setUint32(at + I.nlink, this.#linksOf(inode), true);
    if (xattrBytes > 0) this.#xattrs.writeInline(inode, bytes, at + F.INODE_BYTES);
    if (layout === F.LAYOUT_CHUNKS) this.#writeChunks(inode, at + chunksAt);
    else if (isInline && kind === 'symlink') bytes.write(tree.linkTarget(inode), at + head, 'latin1');
    else if (isInline) this.#writeDirectory(inode, { lastAt: at + head });
  }

  /** The content that lies in blocks of its own. */
  #writeBlocks(inode: Inode): void {
    const sizeBytes = this.#blockBytesOf(inode);
    if (sizeBytes === 0) return;
    const at = this.#out.place(this.#startOf(inode), sizeBytes);
    if (this.#tree.kind(inode) === 'symlink') this.#out.bytes.write(this.#tree.linkTarget(inode), at, 'latin1');
    else this.#writeDirectory(inode, { firstAt: at, end: at + sizeBytes });
  }

  #unionOf(inode: Inode): number {
    const kind = this.#tree.kind(inode);
    if (this.#places.get(inode, LAYOUT) === F.LAYOUT_CHUNKS)
      return F.CHUNK_INDEXES | chunkBitsOf(this.#tree.size(inode));
    if (kind === 'character' || kind === 'block') return this.#tree.deviceNumber(inode);
    return kind === 'fifo' || kind === 'whiteout' ? 0 : this.#places.get(inode, START_BLOCK);
  }

  #writeChunks(inode: Inode, start: number): void {
    const size = this.#tree.size(inode);
    const content = this.#tree.content(inode);
    const chunkBlocks = 2 ** chunkBitsOf(size);
    let at = start;
    let { block } = content;
    for (let i = chunksOf(size); i > 0; i--) {
      this.#out.view.setUint16(at + 2, content.device, true);
      this.#out.view.setUint32(at + 4, block, true);
      at += F.CHUNK_INDEX_BYTES;
      block += chunkBlocks;
    }
  }

  /**
   * Blocks of 512 bytes that each hold entries first and their names after them: those that lie in blocks of the image, or
   * the last one, which lies inline.
   */
  #writeDirectory(
    directory: Inode,
    to: { readonly firstAt: number; readonly end: number } | { readonly lastAt: number },
  ): void {
    const blocks = this.#blockBytesOf(directory) / F.BLOCK_BYTES;
    let number = 0;
    let used = 0;
    let block: DirectoryBlock = { names: [], targets: [] };
    const flush = (): void => {
      if ('lastAt' in to) {
        if (number >= blocks) this.#writeDirectoryBlock(to.lastAt, block);
      } else if (to.firstAt + number * F.BLOCK_BYTES < to.end)
        this.#writeDirectoryBlock(to.firstAt + number * F.BLOCK_BYTES, block);
    };
    for (const [name, child] of this.#entriesOf(directory)) {
      const bytes = F.DIRENT_BYTES + name.length;
      if (used + bytes > F.BLOCK_BYTES) {
        flush();
        number++;
        used = 0;
        block = { names: [], targets: [] };
      }
      used += bytes;
      block.names.push(name);
      block.targets.push(child ?? (name === '.' ? directory : this.#places.get(directory, PARENT)));
    }
    flush();
  }

  #writeDirectoryBlock(base: number, { names, targets }: DirectoryBlock): void {
    const namesOffset = names.length * F.DIRENT_BYTES;
    let nameOffset = namesOffset;
    for (const [i, target] of targets.entries()) {
      this.#writeDirent(base + i * F.DIRENT_BYTES, target, nameOffset);
      nameOffset += names[i]?.length ?? 0;
    }
    this.#out.bytes.write(names.join(''), base + namesOffset, 'latin1');
  }

  #writeDirent(at: number, target: Inode, nameOffset: number): void {
    this.#out.view.setUint32(at, this.#places.get(target, NID), true);
    this.#out.view.setUint32(at + 8, nameOffset | (FILE_TYPES[this.#tree.kind(target)] << 16), true);
  }

  /** Its UUID and checksum come last. */
  #writeSuperblock(end: number): void {
    const S = F.SUPER;
    const tableBytes = this.#devices.length * F.DEVICE_SLOT_BYTES;
    const at = this.#out.place(F.SUPER_OFFSET, F.SUPER_BYTES + tableBytes);
    const image = this.#out.bytes;
    image.writeUInt32LE(F.SUPER_MAGIC, at + S.magic);
    image.writeUInt32LE(F.COMPAT_MTIME, at + S.featureCompat);
    image.writeUInt8(F.BLOCK_BITS, at + S.blockBits);
    image.writeUInt16LE(this.#places.get(this.#root, NID), at + S.rootNid);
    image.writeUInt32LE(this.#order.length, at + S.inodes);
    image.writeUInt32LE(end / F.BLOCK_BYTES, at + S.blocks);
    image.writeUInt32LE(this.#xattrBlock, at + S.xattrBlock);
    image.write(this.#hasImplied ? F.VOLUME_NAME_IMPLIED : F.VOLUME_NAME, at + S.volumeName, 'latin1');
    image.writeUInt32LE(
      F.INCOMPAT_CHUNKED_FILE | (this.#devices.length > 0 ? F.INCOMPAT_DEVICE_TABLE : 0),
      at + S.featureIncompat,
    );
    image.writeUInt16LE(this.#devices.length, at + S.extraDevices);
    if (this.#devices.length > 0) image.writeUInt16LE(F.DEVICE_SLOTS_OFFSET / F.DEVICE_SLOT_BYTES, at + S.deviceSlot);
    for (const [i, device] of this.#devices.entries())
      this.#writeDevice(device, at + F.SUPER_BYTES + i * F.DEVICE_SLOT_BYTES);
  }

  #writeDevice(device: DeviceSlot, at: number): void {
    const blocks = Math.ceil(device.sizeBytes / F.BLOCK_BYTES);
    if (blocks > DEVICE_BLOCKS_MAX) {
      throw fail('INDEX_LIMIT', `a data file of ${device.sizeBytes} bytes is too large for the index`);
    }
    this.#out.bytes.set(toBytes(device.tag).subarray(0, DEVICE_TAG_BYTES), at + F.DEVICE.tag);
    this.#out.bytes.writeUInt32LE(blocks, at + F.DEVICE.blocks);
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

/** Entries that are gathered for one block of a directory. */
interface DirectoryBlock {
  readonly names: ByteString[];
  readonly targets: Inode[];
}

/** Size of a directory with one more name: an entry that does not fit into a block begins the next one. */
function sizeWith(sizeBytes: number, name: ByteString): number {
  const bytes = F.DIRENT_BYTES + name.length;
  const left = F.alignUp(sizeBytes, F.BLOCK_BYTES) - sizeBytes;
  return bytes <= left ? sizeBytes + bytes : sizeBytes + left + bytes;
}

/** Bytes in the last block of a directory. */
function lastBlockBytes(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : ((sizeBytes - 1) % F.BLOCK_BYTES) + 1;
}

/** The first place from `cursor` on at which the inline tail does not cross the end of a block. */
function inlineOffset(cursor: number, head: number, tail: number): number {
  const within = (cursor + head) % F.BLOCK_BYTES;
  if (within + tail <= F.BLOCK_BYTES) return cursor;
  return cursor + F.alignUp(F.BLOCK_BYTES - within, F.NID_BYTES);
}

/** The smallest chunk that holds the whole file, in powers of two of blocks, so that nearly every file has one. */
function chunkBitsOf(sizeBytes: number): number {
  const blocks = Math.ceil(sizeBytes / F.BLOCK_BYTES);
  return Math.min(Math.ceil(Math.log2(blocks)), F.CHUNK_BITS_MAX);
}

function chunksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / (F.BLOCK_BYTES * 2 ** chunkBitsOf(sizeBytes)));
}
