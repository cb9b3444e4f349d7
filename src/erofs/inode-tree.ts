import { ByteRows, Rows, type ByteString } from '../base/index.ts';
import { BLOCK_BYTES, encodeDevice } from './format.ts';
import { NameTable } from './names.ts';
import { IMPLIED_ATTRIBUTES, NO_XATTRS, type Attributes, type NodeKind } from './tree.ts';

/** The number of an inode of an `InodeTree`. */
export type Inode = number;

const KINDS: readonly NodeKind[] = ['file', 'directory', 'symlink', 'character', 'block', 'fifo', 'whiteout'];

/** Fields of an inode. Kind and flags share a number; what `EXTRA` says depends on the kind. */
const MODE = 0;
const KIND = 1;
const UID = 2;
const GID = 3;
const SECONDS = 4;
const NS = 6;
const SIZE = 7;
/** A file's first block, a device's number, the number of a link's target or of a directory's names. */
const EXTRA = 9;
const FIELDS = 10;

const KIND_MASK = 0xf;
const OPAQUE = 0x10;
const IMPLIED = 0x20;
const HAS_SHA256 = 0x40;
const DEVICE_SHIFT = 8;

const NS_PER_SECOND = 1_000_000_000n;
const SHA256_BYTES = 32;

/**
 * The tree of an index while it is being built: inodes and the names that lead to them, which for hard links are several. A
 * layer may have hundreds of thousands of files: they are numbers in rows, a hundred bytes for each.
 */
export class InodeTree {
  readonly #inodes = new Rows(FIELDS);
  readonly #sums = new ByteRows(SHA256_BYTES);
  readonly #names = new NameTable();
  readonly #linkTargets: ByteString[] = [];
  readonly #xattrs = new Map<Inode, ReadonlyMap<ByteString, Uint8Array>>();
  readonly #hidden = new Map<Inode, Set<ByteString>>();
  /** Most inodes of a layer have the time of the one before. */
  #lastTime = { mtimeNs: 0n, seconds: 0n, ns: 0 };

  get count(): number {
    return this.#inodes.count;
  }

  /** Gives its memory back; it cannot be used any more. */
  release(): void {
    this.#inodes.release();
    this.#sums.release();
    this.#names.release();
  }

  add(kind: NodeKind, attributes: Attributes): Inode {
    const inode = this.#inodes.add();
    this.#inodes.set(inode, KIND, KINDS.indexOf(kind));
    if (kind === 'directory') this.#inodes.set(inode, EXTRA, this.#names.addDirectory());
    this.setAttributes(inode, attributes);
    return inode;
  }

  /** A directory that no entry describes. */
  addImplied(): Inode {
    const inode = this.add('directory', IMPLIED_ATTRIBUTES);
    this.setImplied(inode, true);
    return inode;
  }

  kind(inode: Inode): NodeKind {
    return KINDS[this.#inodes.get(inode, KIND) & KIND_MASK] ?? 'file';
  }

  mode(inode: Inode): number {
    return this.#inodes.get(inode, MODE);
  }
  uid(inode: Inode): number {
    return this.#inodes.get(inode, UID);
  }
  gid(inode: Inode): number {
    return this.#inodes.get(inode, GID);
  }
  /** Whole seconds, rounded down, and the nanoseconds on top. */
  mtime(inode: Inode): { readonly seconds: bigint; readonly ns: number } {
    return { seconds: this.#inodes.getBig(inode, SECONDS), ns: this.#inodes.get(inode, NS) };
  }
  xattrs(inode: Inode): ReadonlyMap<ByteString, Uint8Array> {
    return this.#xattrs.get(inode) ?? NO_XATTRS;
  }

  setAttributes(inode: Inode, attributes: Attributes, options: { readonly time: boolean } = { time: true }): void {
    const { mode, uid, gid, mtimeNs, xattrs } = attributes;
    this.#inodes.set(inode, MODE, mode);
    this.#inodes.set(inode, UID, uid);
    this.#inodes.set(inode, GID, gid);
    if (options.time) this.#setMtime(inode, mtimeNs);
    if (xattrs.size > 0) this.#xattrs.set(inode, xattrs);
    else if (this.#xattrs.size > 0) this.#xattrs.delete(inode);
  }

  #setMtime(inode: Inode, mtimeNs: bigint): void {
    if (this.#lastTime.mtimeNs !== mtimeNs) {
      const rest = mtimeNs % NS_PER_SECOND;
      const ns = rest < 0n ? rest + NS_PER_SECOND : rest;
      this.#lastTime = { mtimeNs, seconds: (mtimeNs - ns) / NS_PER_SECOND, ns: Number(ns) };
    }
    const { seconds, ns } = this.#lastTime;
    if (seconds !== 0n || this.#inodes.getWide(inode, SECONDS) !== 0) this.#inodes.setBig(inode, SECONDS, seconds);
    this.#inodes.set(inode, NS, ns);
  }

  /** A directory in which nothing of the layers below shows. */
  isOpaque(inode: Inode): boolean {
    return this.#hasFlag(inode, OPAQUE);
  }
  setOpaque(inode: Inode): void {
    this.#setFlag(inode, OPAQUE, true);
  }

  /** A directory that no entry describes. */
  isImplied(inode: Inode): boolean {
    return this.#hasFlag(inode, IMPLIED);
  }
  setImplied(inode: Inode, implied: boolean): void {
    this.#setFlag(inode, IMPLIED, implied);
  }

  /** Bytes of a file's content, of a link's target, or of a directory's entries once the writer knows them. */
  size(inode: Inode): number {
    return this.#inodes.getWide(inode, SIZE);
  }
  setSize(inode: Inode, sizeBytes: number): void {
    this.#inodes.setWide(inode, SIZE, sizeBytes);
  }

  linkTarget(inode: Inode): ByteString {
    return this.#linkTargets[this.#inodes.get(inode, EXTRA)] ?? '';
  }
  setLinkTarget(inode: Inode, target: ByteString): void {
    this.setSize(inode, target.length);
    this.#inodes.set(inode, EXTRA, this.#linkTargets.push(target) - 1);
  }

  /** The kernel's 32-bit number of a device. */
  deviceNumber(inode: Inode): number {
    return this.#inodes.get(inode, EXTRA);
  }
  setDeviceNumber(inode: Inode, major: number, minor: number): void {
    this.#inodes.set(inode, EXTRA, encodeDevice(major, minor));
  }

  /** Where a file's content begins: slot of the device table (1 is the first; 0 for no content) and block there. */
  content(inode: Inode): { readonly device: number; readonly block: number } {
    return { device: this.#inodes.get(inode, KIND) >>> DEVICE_SHIFT, block: this.#inodes.get(inode, EXTRA) };
  }
  /** `offset`: a multiple of a block. What lies beyond the blocks that the format can number is refused when it is written. */
  setContent(inode: Inode, device: number, offset: number): void {
    this.#inodes.set(inode, KIND, (this.#inodes.get(inode, KIND) & 0xff) | (device << DEVICE_SHIFT));
    this.#inodes.set(inode, EXTRA, offset / BLOCK_BYTES);
  }

  sha256(inode: Inode): Uint8Array | undefined {
    return this.#hasFlag(inode, HAS_SHA256) ? this.#sums.get(inode) : undefined;
  }
  setSha256(inode: Inode, sha256: Uint8Array): void {
    this.#sums.set(inode, sha256);
    this.#setFlag(inode, HAS_SHA256, true);
  }

  child(directory: Inode, name: ByteString): Inode | undefined {
    return this.#names.find(this.#inodes.get(directory, EXTRA), name);
  }
  setChild(directory: Inode, name: ByteString, inode: Inode): void {
    this.#names.set(this.#inodes.get(directory, EXTRA), name, inode);
  }
  /** In the order of the names' bytes; no child may be set meanwhile. */
  children(directory: Inode): Iterable<readonly [name: ByteString, inode: Inode]> {
    return this.#names.entries(this.#inodes.get(directory, EXTRA));
  }

  /** Hides what the layers below have under a name, whether or not the directory has a child of that name. */
  hide(directory: Inode, name: ByteString): void {
    const hidden = this.#hidden.get(directory) ?? new Set();
    this.#hidden.set(directory, hidden.add(name));
  }
  hidden(directory: Inode): ReadonlySet<ByteString> | undefined {
    return this.#hidden.get(directory);
  }
  /** The directories that hide something. */
  hiding(): Iterable<Inode> {
    return this.#hidden.keys();
  }

  #hasFlag(inode: Inode, flag: number): boolean {
    return (this.#inodes.get(inode, KIND) & flag) !== 0;
  }
  #setFlag(inode: Inode, flag: number, on: boolean): void {
    const before = this.#inodes.get(inode, KIND);
    this.#inodes.set(inode, KIND, on ? before | flag : before & ~flag);
  }
}
