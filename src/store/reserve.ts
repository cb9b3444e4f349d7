import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { isSystemError } from '../base/index.ts';

/** Enough for the log pages of any one removal. */
const RESERVE_BYTES = 1 << 20;

/** Puts the reserve in place where it is missing and there is room for it. */
export function ensureReserve(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (isSystemError(error)) return;
    throw error;
  }
  let written = 0;
  try {
    const bytes = Buffer.alloc(RESERVE_BYTES, 'shale');
    while (written < bytes.length) written += writeSync(fd, bytes, written);
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
