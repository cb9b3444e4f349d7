import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type ByteString, isSystemError, ShaleError, toText } from '../base/index.ts';
import { bytePath, type FileStatus, openAt2, RESOLVE, statAt } from '../sys/index.ts';

const READ_BYTES = 1 << 20;

/** The content of a file of an upper. Dispose closes it. */
export interface UpperFile extends Disposable {
  readonly fd: number;
  /** Call after reading. @throws UPPER_CHANGED when the file is not as it was when the walk saw it. */
  verify(): void;
}

/** What the walk saw of a file. */
export interface SeenFile {
  readonly path: ByteString;
  readonly stat: FileStatus;
}

/**
 * Opens a file of an upper, below it and through no link, whatever was done to its folders meanwhile.
 * @throws UPPER_CHANGED when it is not the file that the walk saw
 */
export function openUpperFile(upperDir: string, seen: SeenFile): UpperFile {
  const root = openSync(upperDir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const resolve = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;
    const fd = openAt2(root, bytePath(seen.path), { flags: constants.O_RDONLY | constants.O_NONBLOCK, resolve });
    const file = { fd, verify: () => assertUnchanged(fd, seen), [Symbol.dispose]: () => closeSync(fd) };
    try {
      file.verify();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return file;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EXDEV')) throw upperChanged(seen.path, error);
    throw error;
  } finally {
    closeSync(root);
  }
}

function assertUnchanged(fd: number, { stat, path }: SeenFile): void {
  const now = statAt(fd, '');
  const sameFile = now.inode === stat.inode && now.devMajor === stat.devMajor && now.devMinor === stat.devMinor;
  const sameTimes = now.mtimeNs === stat.mtimeNs && now.ctimeNs === stat.ctimeNs;
  if (!sameFile || !sameTimes || now.sizeBytes !== stat.sizeBytes) throw upperChanged(path);
}

/** The sha256 of a file; closes it. @throws UPPER_CHANGED */
export function hashUpperFile(file: UpperFile): Uint8Array {
  using open = file;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let got = readSync(open.fd, buffer); got > 0; got = readSync(open.fd, buffer))
    hash.update(buffer.subarray(0, got));
  open.verify();
  return hash.digest();
}

/** Something was written while the upper was read. */
export function upperChanged(path: ByteString, cause?: unknown): ShaleError {
  return new ShaleError('UPPER_CHANGED', `${toText(path)} was changed while it was read`, { cause, data: { path } });
}
