import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';
import { formatLockFile, LOCK_FILE_MAX_BYTES, parseLockFile, type LockFile } from '../../lock/index.ts';

/** A lock file that was read. */
export interface FoundLock {
  readonly lock: LockFile;
  /** Absolute. */
  readonly path: string;
  /** `Dockerfile.lock`, for messages. */
  readonly name: string;
}

/** The lock of a Dockerfile. @throws LOCK_PLACE where the Dockerfile is in no folder of this machine */
export function lockPathOf(dockerfile: { readonly path: string | undefined }): string {
  if (dockerfile.path !== undefined) return `${dockerfile.path}.lock`;
  throw new ShaleError(
    'LOCK_PLACE',
    'a lock file lies beside its Dockerfile, and this one is in no folder of this machine',
    {
      hint: 'name a Dockerfile with -f FILE',
    },
  );
}

/** Undefined where there is none. @throws LOCK_INVALID, LOCK_TOO_NEW, LOCK_PLACE */
export function readLock(path: string): FoundLock | undefined {
  const name = basename(path);
  let bytes: Buffer;
  try {
    const { size } = statSync(path);
    if (size > LOCK_FILE_MAX_BYTES)
      throw new ShaleError('LOCK_INVALID', `${name} has ${size} bytes, more than ${LOCK_FILE_MAX_BYTES}`);
    bytes = readFileSync(path);
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return undefined;
    if (cause instanceof ShaleError) throw cause;
    throw new ShaleError('LOCK_PLACE', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
  return { lock: parseLockFile(bytes, name), path, name };
}

/** @throws LOCK_NOT_FOUND, and what `readLock` throws */
export function requireLock(path: string): FoundLock {
  const found = readLock(path);
  if (found !== undefined) return found;
  throw new ShaleError('LOCK_NOT_FOUND', `there is no lock file ${path}`, {
    data: { path },
    hint: 'shale lock writes one',
  });
}

/** Replaces the file as a whole, durably. @throws LOCK_PLACE */
export function writeLock(path: string, lock: LockFile): void {
  const draft = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    const fd = openSync(draft, 'wx', 0o644);
    try {
      writeFileSync(fd, formatLockFile(lock));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new ShaleError('LOCK_PLACE', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}
