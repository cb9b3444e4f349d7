import type { BigIntStats } from 'node:fs';
import type { FileStat } from '../../store/index.ts';
import type { SourceKind } from '../copy/source-tree.ts';

/** A stat of the system, as far as anybody asks for it. */
export interface SeenStat extends FileStat {
  readonly kind: SourceKind | 'socket';
  readonly nlink: bigint;
  readonly rdev: bigint;
}

const KINDS: readonly SeenStat['kind'][] = ['file', 'directory', 'symlink', 'socket', 'fifo', 'character', 'block'];
const FIELDS = ['dev', 'ino', 'size', 'mode', 'mtimeNs', 'ctimeNs', 'nlink', 'rdev'] as const;
const SHA256_BYTES = 32;
/** Rows of one block. */
const BLOCK_ROWS = 4096;

interface Block {
  readonly numbers: BigInt64Array;
  readonly kinds: Uint8Array;
  readonly sums: Uint8Array;
  readonly hasSum: Uint8Array;
}

/**
 * The stats of the files that a build has seen, with the digests that it has found, by their numbers. A stat of the system
 * takes a kilobyte and an object with the same numbers a third of that; here it is a hundred bytes, and a context may have
 * hundreds of thousands of files.
 */
export class SeenStats {
  readonly #blocks: Block[] = [];
  #count = 0;

  /** Keeps a stat and gives its number. */
  add(stat: BigIntStats): number {
    const i = this.#count++;
    if (i % BLOCK_ROWS === 0) this.#blocks.push(newBlock());
    const { numbers, kinds } = this.#blockOf(i);
    const at = i % BLOCK_ROWS;
    for (const [field, name] of FIELDS.entries()) numbers[at * FIELDS.length + field] = stat[name];
    kinds[at] = KINDS.indexOf(kindOf(stat));
    return i;
  }

  get(i: number): SeenStat {
    const { numbers } = this.#blockOf(i);
    const begin = (i % BLOCK_ROWS) * FIELDS.length;
    const [dev = 0n, ino = 0n, size = 0n, mode = 0n, mtimeNs = 0n, ctimeNs = 0n, nlink = 0n, rdev = 0n] =
      numbers.subarray(begin, begin + FIELDS.length);
    // Numbers of devices and inodes have 64 bits and no sign.
    const ids = { dev: BigInt.asUintN(64, dev), ino: BigInt.asUintN(64, ino), rdev: BigInt.asUintN(64, rdev) };
    return { kind: this.kind(i), ...ids, size, mode, mtimeNs, ctimeNs, nlink };
  }

  kind(i: number): SeenStat['kind'] {
    return KINDS[this.#blockOf(i).kinds[i % BLOCK_ROWS] ?? 0] ?? 'file';
  }

  /** One number of a stat; that of a device or inode may have lost its highest bit to the sign. */
  number(i: number, field: (typeof FIELDS)[number]): bigint {
    return this.#blockOf(i).numbers[(i % BLOCK_ROWS) * FIELDS.length + FIELDS.indexOf(field)] ?? 0n;
  }

  /** 32 bytes over the content, once they are known. */
  sum(i: number): Uint8Array | undefined {
    const { hasSum, sums } = this.#blockOf(i);
    const at = i % BLOCK_ROWS;
    return hasSum[at] === 0 ? undefined : sums.subarray(at * SHA256_BYTES, (at + 1) * SHA256_BYTES);
  }

  setSum(i: number, sha256: Uint8Array): void {
    const { hasSum, sums } = this.#blockOf(i);
    const at = i % BLOCK_ROWS;
    sums.set(sha256, at * SHA256_BYTES);
    hasSum[at] = 1;
  }

  #blockOf(i: number): Block {
    return this.#blocks[Math.floor(i / BLOCK_ROWS)] ?? NO_BLOCK;
  }
}

const NO_BLOCK: Block = {
  numbers: new BigInt64Array(0),
  kinds: new Uint8Array(0),
  sums: new Uint8Array(0),
  hasSum: new Uint8Array(0),
};

function newBlock(): Block {
  return {
    numbers: new BigInt64Array(BLOCK_ROWS * FIELDS.length),
    kinds: new Uint8Array(BLOCK_ROWS),
    sums: new Uint8Array(BLOCK_ROWS * SHA256_BYTES),
    hasSum: new Uint8Array(BLOCK_ROWS),
  };
}

function kindOf(stat: BigIntStats): SeenStat['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isSocket()) return 'socket';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character';
  return 'block';
}
