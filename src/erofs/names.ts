import { Rows, type ByteString } from '../base/index.ts';

/** Fields of a directory: its first and last link, each plus 1, and whether its names are out of order. */
const FIRST = 0;
const LAST = 1;
const UNSORTED = 2;
/** Fields of a link: where its name lies, the inode that it leads to, the next link of the directory plus 1. */
const NAME = 0;
const INODE = 1;
const NEXT = 2;

const BLOCK_BITS = 16;
const BLOCK_BYTES: number = 1 << BLOCK_BITS;
const FIRST_BLOCK_BYTES = 1024;
const NO_BLOCK: Buffer = Buffer.alloc(0);

/**
 * The names of directories, each leading to an inode: 13 bytes and the name for each. As long as names come in the order of
 * their bytes, as in every layer of shale's, nothing has to be looked up; where they do not, a map of the directory is made.
 */
export class NameTable {
  readonly #directories = new Rows(3);
  readonly #links = new Rows(3);
  /** Names with their length in a byte before them; none goes over the end of a block. */
  readonly #blocks: Buffer[] = [Buffer.alloc(FIRST_BLOCK_BYTES)];
  #used = 0;
  /** Links by name, of directories in which one had to be looked up. */
  readonly #indexes = new Map<number, Map<ByteString, number>>();

  /** Gives its memory back; it cannot be used any more. */
  release(): void {
    this.#directories.release();
    this.#links.release();
    this.#blocks.length = 0;
    this.#indexes.clear();
  }

  /** A directory without names. */
  addDirectory(): number {
    return this.#directories.add();
  }

  find(directory: number, name: ByteString): number | undefined {
    const link = this.#linkOf(directory, name);
    return link === undefined ? undefined : this.#links.get(link, INODE);
  }

  /** Lets a name of at most 255 bytes lead to an inode, whether it led to another one before or not. */
  set(directory: number, name: ByteString, inode: number): void {
    const known = this.#linkOf(directory, name);
    if (known !== undefined) return this.#links.set(known, INODE, inode);
    const link = this.#links.add();
    this.#links.set(link, NAME, this.#keep(name));
    this.#links.set(link, INODE, inode);
    const last = this.#directories.get(directory, LAST) - 1;
    if (last < 0) this.#directories.set(directory, FIRST, link + 1);
    else {
      if (this.#compare(name, last) < 0) this.#directories.set(directory, UNSORTED, 1);
      this.#links.set(last, NEXT, link + 1);
    }
    this.#directories.set(directory, LAST, link + 1);
    this.#indexes.get(directory)?.set(name, link);
  }

  /** Names with their inodes in the order of their bytes; nothing may be set meanwhile. */
  *entries(directory: number): Generator<readonly [name: ByteString, inode: number]> {
    this.#sort(directory);
    for (const link of this.#linksOf(directory)) yield [this.#nameOf(link), this.#links.get(link, INODE)];
  }

  #linkOf(directory: number, name: ByteString): number | undefined {
    const index = this.#indexes.get(directory);
    if (index !== undefined) return index.get(name);
    const last = this.#directories.get(directory, LAST) - 1;
    if (last < 0) return undefined;
    const order = this.#compare(name, last);
    if (order >= 0) return order === 0 ? last : undefined;
    const made = new Map<ByteString, number>();
    for (const link of this.#linksOf(directory)) made.set(this.#nameOf(link), link);
    this.#indexes.set(directory, made);
    return made.get(name);
  }

  *#linksOf(directory: number): Generator<number> {
    for (let link = this.#directories.get(directory, FIRST) - 1; link >= 0; link = this.#links.get(link, NEXT) - 1)
      yield link;
  }

  #sort(directory: number): void {
    if (this.#directories.get(directory, UNSORTED) === 0) return;
    const links = [...this.#linksOf(directory)].map((link) => ({ link, name: this.#nameOf(link) }));
    let next = 0;
    for (const { link } of links.toSorted((a, b) => (a.name < b.name ? 1 : -1))) {
      this.#links.set(link, NEXT, next);
      if (next === 0) this.#directories.set(directory, LAST, link + 1);
      next = link + 1;
    }
    this.#directories.set(directory, FIRST, next);
    this.#directories.set(directory, UNSORTED, 0);
    this.#indexes.delete(directory);
  }

  #keep(name: ByteString): number {
    let block = this.#blocks.at(-1) ?? NO_BLOCK;
    if (this.#used + 1 + name.length > block.length) {
      const isFirst = this.#blocks.length === 1 && block.length < BLOCK_BYTES;
      const larger = Buffer.alloc(BLOCK_BYTES);
      if (isFirst) {
        larger.set(block);
        this.#blocks[0] = larger;
      } else {
        this.#blocks.push(larger);
        this.#used = 0;
      }
      block = larger;
    }
    const at = this.#used;
    block[at] = name.length;
    for (let i = 0; i < name.length; i++) block[at + 1 + i] = name.charCodeAt(i);
    this.#used += 1 + name.length;
    return (this.#blocks.length - 1) * BLOCK_BYTES + at;
  }

  #nameOf(link: number): ByteString {
    const { block, at, length } = this.#place(link);
    return block.toString('latin1', at, at + length);
  }

  /** Below 0 when a name sorts before that of a link. */
  #compare(name: ByteString, link: number): number {
    const { block, at, length } = this.#place(link);
    const shorter = Math.min(name.length, length);
    for (let i = 0; i < shorter; i++) {
      const difference = name.charCodeAt(i) - (block[at + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return name.length - length;
  }

  #place(link: number): { readonly block: Buffer; readonly at: number; readonly length: number } {
    const kept = this.#links.get(link, NAME);
    const block = this.#blocks[kept >>> BLOCK_BITS] ?? NO_BLOCK;
    const at = kept & (BLOCK_BYTES - 1);
    return { block, at: at + 1, length: block[at] ?? 0 };
  }
}
