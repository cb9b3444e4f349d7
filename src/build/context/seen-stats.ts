import type { BigIntStats } from 'node:fs';
import { ByteRows, Rows } from '../../base/index.ts';
import type { FileStat } from '../../store/index.ts';
import type { SourceKind } from '../copy/source-tree.ts';

/** A stat of the system, as far as anybody asks for it. */
export interface SeenStat extends FileStat {
  readonly kind: SourceKind | 'socket';
}

const KINDS: readonly SeenStat['kind'][] = ['file', 'directory', 'symlink', 'socket', 'fifo', 'character', 'block'];
const SHA256_BYTES = 32;

/** Fields of a stat. The first one holds the mode, the kind and flags; a device is one of few and stands by its number. */
const MODE = 0;
const DEVICE = 1;
const INO = 2;
const SIZE = 4;
const MTIME = 6;
const CTIME = 8;
const FIELDS = 10;

const MODE_MASK = 0xffff;
const KIND_SHIFT = 16;
const KIND_MASK = 0xf;
const LINKED = 1 << 20;
const HAS_SUM = 1 << 21;

/**
 * The stats of the files that a build has seen, with the digests that it has found, by their numbers. A stat of the system
 * takes a kilobyte and an object with the same numbers a third of that; here it is 72 bytes, and a context may have hundreds
 * of thousands of files.
 */
export class SeenStats {
  readonly #stats = new Rows(FIELDS);
  readonly #sums = new ByteRows(SHA256_BYTES);
  readonly #devices: bigint[] = [];
  /** Numbers of device files, which are few. */
  readonly #rdevs = new Map<number, bigint>();

  /** Keeps a stat and gives its number. */
  add(stat: BigIntStats): number {
    const i = this.#stats.add();
    const kind = kindOf(stat);
    const flags = (KINDS.indexOf(kind) << KIND_SHIFT) | (stat.nlink > 1n ? LINKED : 0);
    this.#stats.set(i, MODE, Number(stat.mode) | flags);
    this.#stats.set(i, DEVICE, this.#deviceOf(stat.dev));
    this.#stats.setBig(i, INO, stat.ino);
    this.#stats.setBig(i, SIZE, stat.size);
    this.#stats.setBig(i, MTIME, stat.mtimeNs);
    this.#stats.setBig(i, CTIME, stat.ctimeNs);
    if (kind === 'character' || kind === 'block') this.#rdevs.set(i, stat.rdev);
    return i;
  }

  get(i: number): SeenStat {
    return {
      kind: this.kind(i),
      dev: this.#devices[this.#stats.get(i, DEVICE)] ?? 0n,
      ino: BigInt.asUintN(64, this.#stats.getBig(i, INO)),
      size: this.#stats.getBig(i, SIZE),
      mode: BigInt(this.#stats.get(i, MODE) & MODE_MASK),
      mtimeNs: this.mtimeNs(i),
      ctimeNs: this.#stats.getBig(i, CTIME),
    };
  }

  kind(i: number): SeenStat['kind'] {
    return KINDS[(this.#stats.get(i, MODE) >>> KIND_SHIFT) & KIND_MASK] ?? 'file';
  }
  /** The twelve permission bits. */
  mode(i: number): number {
    return this.#stats.get(i, MODE) & 0o7777;
  }
  size(i: number): number {
    return this.#stats.getWide(i, SIZE);
  }
  mtimeNs(i: number): bigint {
    return this.#stats.getBig(i, MTIME);
  }
  /** Of a device file. */
  rdev(i: number): bigint {
    return this.#rdevs.get(i) ?? 0n;
  }
  /** The same for the names of one file that has several; undefined where it has one. */
  linkKey(i: number): string | undefined {
    if ((this.#stats.get(i, MODE) & LINKED) === 0) return undefined;
    return `${this.#stats.get(i, DEVICE)}:${this.#stats.getBig(i, INO)}`;
  }

  /** 32 bytes over the content, once they are known. */
  sum(i: number): Uint8Array | undefined {
    return (this.#stats.get(i, MODE) & HAS_SUM) === 0 ? undefined : this.#sums.get(i);
  }

  setSum(i: number, sha256: Uint8Array): void {
    this.#sums.set(i, sha256);
    this.#stats.set(i, MODE, this.#stats.get(i, MODE) | HAS_SUM);
  }

  #deviceOf(dev: bigint): number {
    const known = this.#devices.lastIndexOf(dev);
    return known >= 0 ? known : this.#devices.push(dev) - 1;
  }
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
