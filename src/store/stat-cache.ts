import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isSystemError, type ByteString } from '../base/index.ts';
import { requireWritable, type StoreContext } from './context.ts';
import { fileError } from './files.ts';
import { stagingPath } from './staging.ts';
import type { FileStat, StatCache, StatCacheBuilder, StatCaches, TimeMs } from './types.ts';

/*
 * One file per context root, in columns so that loading is one read and a few views (docs/formats/store.md):
 * header, then dev, ino, size, mtime, ctime (8 bytes each), sha256 (32), mode (4), end of path (4), then the paths.
 */
const MAGIC = 'SHSTAT1\n';
const HEADER_BYTES = 24;
const ENTRY_BYTES = 5 * 8 + 32 + 4 + 4;
const SHA256_BYTES = 32;

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
    next: (sweepStartedAtMs) => new Builder(sweepStartedAtMs),
    save: async (rootId, next) => {
      requireWritable(context);
      const staged = stagingPath(context);
      try {
        writeFileSync(staged, next instanceof Builder ? next.encode() : new Builder(0).encode(), { mode: 0o600 });
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
    return decode(readFileSync(path));
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

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

function decode(read: Buffer): StatCache | undefined {
  if (read.length < HEADER_BYTES || read.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const count = read.readUInt32LE(8);
  const pathBytes = read.readUInt32LE(12);
  const body = read.subarray(HEADER_BYTES);
  if (body.length !== count * ENTRY_BYTES + pathBytes || crc32(body) !== read.readUInt32LE(16)) return undefined;
  const file = read.byteOffset % 8 === 0 ? read : aligned(read);
  const table = columns(file.buffer, file.byteOffset + HEADER_BYTES, count);
  return cacheOf(table, body.toString('latin1', count * ENTRY_BYTES), count);
}

function aligned(bytes: Buffer): Buffer {
  const copy = Buffer.from(new ArrayBuffer(bytes.length));
  bytes.copy(copy);
  return copy;
}

function cacheOf(table: Columns, paths: string, count: number): StatCache {
  const places = new Map<ByteString, number>();
  for (let i = 0, start = 0; i < count; i++) {
    const end = table.pathEnd[i] ?? 0;
    places.set(paths.slice(start, end), i);
    start = end;
  }
  return {
    count,
    find: (path, stat) => {
      const i = places.get(path);
      if (i === undefined || !same(table, i, stat)) return undefined;
      return table.sha256.subarray(i * SHA256_BYTES, (i + 1) * SHA256_BYTES);
    },
  };
}

function same(table: Columns, i: number, stat: FileStat): boolean {
  return (
    table.mtimeNs[i] === stat.mtimeNs &&
    table.ctimeNs[i] === stat.ctimeNs &&
    table.size[i] === stat.size &&
    table.ino[i] === stat.ino &&
    table.dev[i] === stat.dev &&
    table.mode[i] === Number(stat.mode)
  );
}

class Builder implements StatCacheBuilder {
  readonly #sweepStartNs: bigint;
  readonly #paths: ByteString[] = [];
  readonly #stats: FileStat[] = [];
  readonly #sums: Uint8Array[] = [];

  constructor(sweepStartedAtMs: TimeMs) {
    this.#sweepStartNs = BigInt(Math.floor(sweepStartedAtMs)) * 1_000_000n;
  }

  get count(): number {
    return this.#paths.length;
  }

  add(path: ByteString, stat: FileStat, sha256: Uint8Array): void {
    if (!this.#settled(stat)) return;
    this.#paths.push(path);
    this.#stats.push(stat);
    this.#sums.push(sha256);
  }

  /** git's "racy" rule: a file that changed as late as the sweep may change again without a new time stamp. */
  #settled(stat: FileStat): boolean {
    const latest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
    const coarse = stat.mtimeNs % SECOND_NS === 0n && stat.ctimeNs % SECOND_NS === 0n;
    return latest < this.#sweepStartNs - (coarse ? COARSE_NS : CLOCK_TICK_NS);
  }

  encode(): Buffer {
    const count = this.count;
    const joined = Buffer.from(this.#paths.join(''), 'latin1');
    const file = Buffer.from(new ArrayBuffer(HEADER_BYTES + count * ENTRY_BYTES + joined.length));
    fill(columns(file.buffer, HEADER_BYTES, count), this.#paths, this.#stats, this.#sums);
    joined.copy(file, HEADER_BYTES + count * ENTRY_BYTES);
    file.write(MAGIC, 'latin1');
    file.writeUInt32LE(count, 8);
    file.writeUInt32LE(joined.length, 12);
    file.writeUInt32LE(crc32(file.subarray(HEADER_BYTES)), 16);
    return file;
  }
}

function fill(table: Columns, paths: readonly string[], stats: readonly FileStat[], sums: readonly Uint8Array[]): void {
  let end = 0;
  for (const [i, stat] of stats.entries()) {
    end += paths[i]?.length ?? 0;
    table.dev[i] = stat.dev;
    table.ino[i] = stat.ino;
    table.size[i] = stat.size;
    table.mtimeNs[i] = stat.mtimeNs;
    table.ctimeNs[i] = stat.ctimeNs;
    table.mode[i] = Number(stat.mode);
    table.pathEnd[i] = end;
    const sum = sums[i];
    if (sum !== undefined) table.sha256.set(sum.subarray(0, SHA256_BYTES), i * SHA256_BYTES);
  }
}
