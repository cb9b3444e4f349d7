import {
  chmodSync,
  constants,
  createReadStream,
  lstatSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';

const READ_BYTES = 1 << 20;

/** lstat, or undefined when there is nothing. */
export function statOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Microseconds since 1970: what fits a database number and still tells one write from another. */
export function mtimeUs(stat: BigIntStats): number {
  return Number(stat.mtimeNs / 1000n);
}

/** sha256 (64 hex digits) of a file's bytes; symbolic links are not followed. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fileStream(path)) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}

/** What a file holds, in chunks of at most 1 MiB; symbolic links are not followed. */
export async function* fileStream(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    // A buffer for each read: large ones for small files would keep the garbage collector busy.
    const highWaterMark = Math.min(READ_BYTES, Math.max(size, 1));
    const stream = createReadStream('', { fd: handle, highWaterMark, autoClose: false, start: 0 });
    for await (const chunk of stream) yield chunk as Uint8Array; // No encoding is set, so chunks are bytes.
  } finally {
    await handle.close();
  }
}

/** Entries that are removed before others in this process have their turn. */
const REMOVED_AT_ONCE = 256;

/**
 * Removes a file or a whole tree; names are bytes. Not being there is no error. Never follows a link. With synchronous
 * calls: each takes microseconds, and handing it to another thread takes more.
 */
export async function removeTree(path: string | Buffer): Promise<void> {
  let count = 0;
  for (const _removed of removals(path)) if (++count % REMOVED_AT_ONCE === 0) await nextTurn();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Goes on with each entry that was removed. */
function* removals(path: string | Buffer): Generator<void> {
  try {
    unlinkSync(path);
    yield;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    if (!isSystemError(error, 'EISDIR', 'EPERM')) throw error;
    yield* folderRemovals(path, error);
  }
}

/** Another process may be sweeping the same tree. */
function* folderRemovals(path: string | Buffer, reason: unknown): Generator<void> {
  try {
    if (!lstatSync(path).isDirectory()) throw reason;
    const prefix = Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.from('/')]);
    for (const name of namesIn(path)) yield* removals(Buffer.concat([prefix, name]));
    rmdirSync(path);
    yield;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

function namesIn(path: string | Buffer): readonly Buffer[] {
  try {
    // A layer may hold folders that their own owner cannot read or change.
    chmodSync(path, 0o700);
  } catch (error) {
    if (!isSystemError(error, 'EPERM')) throw error;
  }
  return readdirSync(path, { encoding: 'buffer' });
}

/** Bytes that a tree takes on disk, hard links counted once. What vanishes while it is counted does not count. */
export async function diskUsage(path: string): Promise<number> {
  const seen = new Set<string>();
  return await usageOf(Buffer.from(path), seen);
}

async function usageOf(path: Buffer, seen: Set<string>): Promise<number> {
  try {
    const stat = await lstat(path);
    const id = `${stat.dev}:${stat.ino}`;
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(id)) return 0;
      seen.add(id);
    }
    let total = stat.blocks * 512;
    if (!stat.isDirectory()) return total;
    const prefix = Buffer.concat([path, Buffer.from('/')]);
    for (const name of await readdir(path, { encoding: 'buffer' })) {
      total += await usageOf(Buffer.concat([prefix, name]), seen);
    }
    return total;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return 0;
    throw error;
  }
}

/** A file error as the store reports it: what was tried on what, with NO_SPACE and STORE_READ_ONLY told apart. */
export function fileError(what: string, path: string, error: unknown, data: Record<string, unknown> = {}): ShaleError {
  if (error instanceof ShaleError) return error;
  const details = { data: { path, ...data }, cause: error };
  if (isSystemError(error, 'ENOSPC', 'EDQUOT')) {
    return new ShaleError('NO_SPACE', `no space left on device: ${what} ${path}`, {
      ...details,
      hint: 'free some with "shale system prune"',
    });
  }
  if (isSystemError(error, 'EROFS', 'EACCES', 'EPERM')) {
    return new ShaleError('STORE_READ_ONLY', `${what} ${path}: ${messageOf(error)}`, details);
  }
  return new ShaleError('STORE_IO', `${what} ${path}: ${messageOf(error)}`, details);
}
