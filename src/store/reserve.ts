import { closeSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../base/index.ts';

/** Enough for the log pages of any one removal. */
const RESERVE_BYTES = 1 << 20;

/** Puts the reserve in place where it is missing or small, and there is room for it. */
export function ensureReserve(path: string): void {
  let fd: number;
  let written: number;
  try {
    written = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (written >= RESERVE_BYTES) return;
    fd = openSync(path, 'a', 0o600);
  } catch (error) {
    if (isSystemError(error)) return;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(RESERVE_BYTES, 'shale');
    while (written < bytes.length) written += writeSync(fd, bytes, 0, bytes.length - written);
  } catch (error) {
    // On a disk that is nearly full a smaller one will do.
    if (!isSystemError(error)) throw error;
    if (written === 0) giveUpReserve(path);
  } finally {
    closeSync(fd);
  }
}

/** Frees the reserve; false when there was none. */
export function giveUpReserve(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}

/** Removes what is read again when it is missing, and has no record: stat caches and downloaded packages. False when there is none. */
export function giveUpCaches(sources: string): boolean {
  let gone = 0;
  for (const [folder, isCache] of [
    [sources, /^stat-/] as const,
    [join(sources, 'packages'), /^[0-9a-f]{64}$/] as const,
  ]) {
    for (const name of namesOrNone(folder)) if (isCache.test(name) && giveUpReserve(join(folder, name))) gone++;
  }
  return gone > 0;
}

function namesOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}
