import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, type ByteString } from '../base/index.ts';
import { requireWritable, type StoreContext } from './context.ts';
import { fileError } from './files.ts';
import { StatTable, type StatRow } from './stat-table.ts';
import { stagingPath } from './staging.ts';
import type { FileStat, StatCache, StatCacheBuilder, StatCaches, TimeMs } from './types.ts';

/** The kernel's coarse clock may lag by a tick, so a time stamp this close before the sweep is "not older" too. */
const CLOCK_TICK_NS = 20_000_000n;
/** A file system that stores whole seconds, or (FAT) every other one. */
const COARSE_NS = 2_000_000_000n;
const SECOND_NS = 1_000_000_000n;

export function createStatCaches(context: StoreContext): StatCaches {
  const path = (rootId: string): string =>
    join(context.layout.folder('sources'), `stat-${createHash('sha256').update(rootId).digest('hex').slice(0, 40)}`);
  return {
    load: async (rootId) => readCache(path(rootId)) ?? EMPTY,
    next: (sweepStartedAtMs, last) => new Builder(sweepStartedAtMs, last),
    save: async (rootId, next) => {
      requireWritable(context);
      const builder = next instanceof Builder ? next : new Builder(0);
      if (builder.isLast) return;
      const staged = stagingPath(context);
      try {
        writeFileSync(staged, builder.encode(), { mode: 0o600 });
        renameSync(staged, path(rootId));
      } catch (error) {
        throw fileError('cannot write', staged, error);
      }
    },
  };
}

const EMPTY: StatCache = { count: 0, find: () => undefined };

function readCache(path: string): StatCache | undefined {
  try {
    return StatTable.decode(readFileSync(path));
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** Numbers of one new row: dev, ino, size, mtime, ctime, mode, bytes of its path. */
const ROW_NUMBERS = 7;
const SHA256_BYTES = 32;
const FIRST_ROWS = 1024;
const PATH_BYTES_EXPECTED = 32;

/**
 * What the next cache will hold: rows of the last one by their numbers, and new ones as numbers and bytes in a row, which is
 * a fifth of what objects would take.
 */
class Builder implements StatCacheBuilder {
  readonly #sweepStartNs: bigint;
  readonly #last: StatTable | undefined;
  /** 1 for each row of the last cache that was seen again. */
  readonly #again: Uint8Array;
  #againCount = 0;
  #count = 0;
  #numbers = new BigInt64Array(FIRST_ROWS * ROW_NUMBERS);
  #sums = new Uint8Array(FIRST_ROWS * SHA256_BYTES);
  #paths: Buffer = Buffer.alloc(FIRST_ROWS * PATH_BYTES_EXPECTED);
  #pathBytes = 0;

  constructor(sweepStartedAtMs: TimeMs, last?: StatCache) {
    this.#sweepStartNs = BigInt(Math.floor(sweepStartedAtMs)) * 1_000_000n;
    this.#last = last instanceof StatTable ? last : undefined;
    this.#again = new Uint8Array(this.#last?.count ?? 0);
  }

  get count(): number {
    return this.#againCount + this.#count;
  }

  /** True when it holds what the last cache held. */
  get isLast(): boolean {
    return this.#last !== undefined && this.#count === 0 && this.#againCount === this.#again.length;
  }

  add(path: ByteString, stat: FileStat, sha256: Uint8Array): void {
    const row = this.#last?.rowOf(path, stat);
    if (row !== undefined) {
      if (this.#again[row] === 0) this.#againCount++;
      this.#again[row] = 1;
    } else if (this.#settled(stat)) this.#append(path, stat, sha256);
  }

  #append(path: ByteString, { dev, ino, size, mtimeNs, ctimeNs, mode }: FileStat, sha256: Uint8Array): void {
    const i = this.#count++;
    this.#numbers = withRoom(this.#numbers, this.#count * ROW_NUMBERS, (length) => new BigInt64Array(length));
    this.#sums = withRoom(this.#sums, this.#count * SHA256_BYTES, (length) => new Uint8Array(length));
    this.#paths = withRoom(this.#paths, this.#pathBytes + path.length, (length) => Buffer.alloc(length));
    this.#numbers.set([dev, ino, size, mtimeNs, ctimeNs, mode, BigInt(path.length)], i * ROW_NUMBERS);
    this.#sums.set(sha256.subarray(0, SHA256_BYTES), i * SHA256_BYTES);
    this.#pathBytes += this.#paths.write(path, this.#pathBytes, 'latin1');
  }

  /** git's "racy" rule: a file that changed as late as the sweep may change again without a new time stamp. */
  #settled(stat: FileStat): boolean {
    const latest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
    const coarse = stat.mtimeNs % SECOND_NS === 0n && stat.ctimeNs % SECOND_NS === 0n;
    return latest < this.#sweepStartNs - (coarse ? COARSE_NS : CLOCK_TICK_NS);
  }

  encode(): Buffer {
    let pathBytes = this.#pathBytes;
    for (const { path } of this.#rowsAgain()) pathBytes += path.length;
    return StatTable.encode(this.#rows(), this.count, pathBytes);
  }

  *#rows(): Generator<StatRow> {
    yield* this.#rowsAgain();
    const numbers = this.#numbers;
    for (let i = 0, begin = 0; i < this.#count; i++) {
      const [dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n, mode = 0n, length = 0n] = numbers.subarray(
        i * ROW_NUMBERS,
        (i + 1) * ROW_NUMBERS,
      );
      const path = this.#paths.subarray(begin, begin + Number(length));
      begin += path.length;
      // Inode and device numbers have 64 bits and no sign.
      const stat = { dev: BigInt.asUintN(64, dev), ino: BigInt.asUintN(64, ino), size, mtimeNs, ctimeNs, mode };
      yield { path, stat, sha256: this.#sums.subarray(i * SHA256_BYTES, (i + 1) * SHA256_BYTES) };
    }
  }

  *#rowsAgain(): Generator<StatRow> {
    for (const [i, isSeen] of this.#again.entries())
      if (isSeen === 1 && this.#last !== undefined) yield this.#last.row(i);
  }
}

/** An array of at least a length, with what the first one held; longer by a third when it has to be another one. */
function withRoom<T extends BigInt64Array | Uint8Array>(array: T, length: number, make: (length: number) => T): T {
  if (array.length >= length) return array;
  const larger = make(Math.ceil(1.33 * Math.max(length, array.length)));
  // Both are arrays of the same kind: `make` gives what `array` is.
  (larger as Uint8Array).set(array as Uint8Array);
  return larger;
}
