import { readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { ByteString } from '../base/index.ts';
import type { FileStat, SeenFile, StatCache } from './types.ts';

/*
 * One file per context root, in columns so that loading is one read and a few views (docs/formats/store.md):
 * header, then dev, ino, size, mtime, ctime (8 bytes each), sha256 (32), mode (4), end of path (4), then the paths.
 */
const MAGIC = 'SHSTAT1\n';
const HEADER_BYTES = 24;
const SHA256_BYTES = 32;
export const ENTRY_BYTES: number = 5 * 8 + SHA256_BYTES + 4 + 4;

/** Columns over one aligned buffer. */
interface Columns {
  readonly dev: BigUint64Array;
  readonly ino: BigUint64Array;
  readonly size: BigUint64Array;
  readonly mtimeNs: BigInt64Array;
  readonly ctimeNs: BigInt64Array;
  readonly sha256: Uint8Array;
  readonly mode: Uint32Array;
  readonly pathEnd: Uint32Array;
}

function columns(buffer: ArrayBufferLike, start: number, count: number): Columns {
  const wide = count * 8;
  return {
    dev: new BigUint64Array(buffer, start, count),
    ino: new BigUint64Array(buffer, start + wide, count),
    size: new BigUint64Array(buffer, start + 2 * wide, count),
    mtimeNs: new BigInt64Array(buffer, start + 3 * wide, count),
    ctimeNs: new BigInt64Array(buffer, start + 4 * wide, count),
    sha256: new Uint8Array(buffer, start + 5 * wide, count * SHA256_BYTES),
    mode: new Uint32Array(buffer, start + 5 * wide + count * SHA256_BYTES, count),
    pathEnd: new Uint32Array(buffer, start + 5 * wide + count * (SHA256_BYTES + 4), count),
  };
}

/**
 * Files with what was known of them, over the bytes of their file. A hash table of row numbers leads to the rows: a map of
 * paths would take ten times the memory, and a context may have hundreds of thousands of files.
 */
export class StatTable implements StatCache {
  readonly count: number;
  #columns: Columns;
  #paths: Uint8Array;
  /** Row numbers from 1; 0 is free. */
  #slots: Uint32Array;
  #mask: number;
  /** A bit for each row that was asked for, */
  #asked: Uint8Array;
  /** and the number of those that were not. */
  #left: number;

  /** The inverse of `write`; undefined for what is cut, damaged or foreign. */
  static decode(read: Buffer): StatTable | undefined {
    if (read.length < HEADER_BYTES || read.toString('latin1', 0, 8) !== MAGIC) return undefined;
    const count = read.readUInt32LE(8);
    const pathBytes = read.readUInt32LE(12);
    const body = read.subarray(HEADER_BYTES);
    if (body.length !== count * ENTRY_BYTES + pathBytes || crc32(body) !== read.readUInt32LE(16)) return undefined;
    const file = read.byteOffset % 8 === 0 ? read : aligned(read);
    const table = columns(file.buffer, file.byteOffset + HEADER_BYTES, count);
    return new StatTable(table, file.subarray(HEADER_BYTES + count * ENTRY_BYTES), count);
  }

  /** Writes a file with these rows to an open file, piece by piece; they are asked for several times. */
  static write(fd: number, rows: () => Iterable<SeenFile>): void {
    let count = 0;
    let pathBytes = 0;
    for (const { path } of rows()) {
      count++;
      pathBytes += path.length;
    }
    const sizeBytes = HEADER_BYTES + count * ENTRY_BYTES + pathBytes;
    let [first, pathsAt] = [0, HEADER_BYTES + count * ENTRY_BYTES];
    let [end, pathsBegin] = [0, 0];
    let part: SeenFile[] = [];
    const flush = (): void => {
      writeRows(fd, { first, count, part, end: pathsBegin });
      pathsAt += writeSync(fd, part.map(({ path }) => path).join(''), pathsAt, 'latin1');
      first += part.length;
      pathsBegin = end;
      part = [];
    };
    for (const row of rows()) {
      part.push({ ...row, sha256: row.sha256.slice(0, SHA256_BYTES) });
      end += row.path.length;
      if (part.length === PART_ROWS) flush();
    }
    flush();
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(MAGIC, 'latin1');
    header.writeUInt32LE(count, 8);
    header.writeUInt32LE(pathBytes, 12);
    header.writeUInt32LE(checksumOf(fd, HEADER_BYTES, sizeBytes), 16);
    writeSync(fd, header, 0, HEADER_BYTES, 0);
  }

  private constructor(table: Columns, paths: Uint8Array, count: number) {
    this.count = count;
    this.#columns = table;
    this.#paths = paths;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * count)));
    this.#slots = new Uint32Array(size);
    this.#mask = size - 1;
    this.#asked = new Uint8Array(Math.ceil(count / 8));
    this.#left = count;
    for (let i = 0; i < count; i++) {
      let slot = hashOfBytes(paths, this.#start(i), table.pathEnd[i] ?? 0) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = i + 1;
    }
  }

  /** Once each row was asked for the table is empty: whoever asks keeps the answer, and the table takes as much memory. */
  find(path: ByteString, stat: FileStat): Uint8Array | undefined {
    for (let slot = hashOfText(path) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const i = (this.#slots[slot] ?? 0) - 1;
      if (i < 0) return undefined;
      if (!this.#isPath(i, path)) continue;
      const at = i * SHA256_BYTES;
      const sha256 = this.#isSame(i, stat) ? this.#columns.sha256.subarray(at, at + SHA256_BYTES) : undefined;
      this.#wasAsked(i);
      return sha256;
    }
  }

  #wasAsked(i: number): void {
    const [byte, bit] = [i >>> 3, 1 << (i & 7)];
    const asked = this.#asked[byte] ?? 0;
    if ((asked & bit) !== 0) return;
    this.#asked[byte] = asked | bit;
    if (--this.#left > 0) return;
    this.#columns = columns(new ArrayBuffer(0), 0, 0);
    this.#paths = new Uint8Array(0);
    this.#slots = new Uint32Array(1);
    this.#mask = 0;
  }

  #start(i: number): number {
    return i === 0 ? 0 : (this.#columns.pathEnd[i - 1] ?? 0);
  }

  #isSame(i: number, stat: FileStat): boolean {
    const { mtimeNs, ctimeNs, size, ino, dev, mode } = this.#columns;
    return (
      mtimeNs[i] === stat.mtimeNs &&
      ctimeNs[i] === stat.ctimeNs &&
      size[i] === stat.size &&
      ino[i] === stat.ino &&
      dev[i] === stat.dev &&
      mode[i] === Number(stat.mode)
    );
  }

  #isPath(i: number, path: ByteString): boolean {
    const start = this.#start(i);
    if ((this.#columns.pathEnd[i] ?? 0) - start !== path.length) return false;
    for (let at = 0; at < path.length; at++) if (this.#paths[start + at] !== path.charCodeAt(at)) return false;
    return true;
  }
}

/** Rows that are gathered before they are written: a column of each part lies in one place of the file. */
const PART_ROWS = 256;

interface RowsPart {
  /** The number of its first row. */
  readonly first: number;
  /** Of all parts. */
  readonly count: number;
  readonly part: readonly SeenFile[];
  /** Where the path of the row before it ends. */
  readonly end: number;
}

function writeRows(fd: number, { first, count, part, end: begin }: RowsPart): void {
  const buffer = new ArrayBuffer(part.length * ENTRY_BYTES);
  const table = columns(buffer, 0, part.length);
  let end = begin;
  for (const [i, { path, stat, sha256 }] of part.entries()) {
    end += path.length;
    table.dev[i] = stat.dev;
    table.ino[i] = stat.ino;
    table.size[i] = stat.size;
    table.mtimeNs[i] = stat.mtimeNs;
    table.ctimeNs[i] = stat.ctimeNs;
    table.mode[i] = Number(stat.mode);
    table.pathEnd[i] = end;
    table.sha256.set(sha256, i * SHA256_BYTES);
  }
  let at = HEADER_BYTES;
  for (const column of Object.values(table) as Columns[keyof Columns][]) {
    const width = column === table.sha256 ? SHA256_BYTES : column.BYTES_PER_ELEMENT;
    writeSync(
      fd,
      new Uint8Array(column.buffer, column.byteOffset, column.byteLength),
      0,
      column.byteLength,
      at + first * width,
    );
    at += count * width;
  }
}

const READ_BYTES = 1024 * 1024;

function checksumOf(fd: number, from: number, end: number): number {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let sum = 0;
  for (let at = from; at < end;) {
    const got = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
    if (got === 0) break;
    sum = crc32(buffer.subarray(0, got), sum);
    at += got;
  }
  return sum;
}

function aligned(bytes: Buffer): Buffer {
  const copy = Buffer.from(new ArrayBuffer(bytes.length));
  bytes.copy(copy);
  return copy;
}

/** FNV-1a, 32 bits. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function hashOfText(path: ByteString): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), FNV_PRIME);
  return hash;
}

function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME);
  return hash;
}
