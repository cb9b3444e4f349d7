import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isSystemError, ShaleError } from '../../base/index.ts';

export interface LocalFile {
  /** Absolute. */
  readonly path: string;
  /** How errors call it: `the Dockerfile`. */
  readonly what: string;
  readonly maxBytes: number;
  /** The context: a file in it that is a link must not lead out of it. */
  readonly within: string | undefined;
}

/**
 * Reads a small regular file that steers a build; undefined when there is none. Pipes, devices and folders are refused
 * without waiting for them, and a link of the context that leads out of it is not followed (CVE-2022-4122).
 * @throws CONTEXT_FILE_INVALID, LIMIT_EXCEEDED
 */
export function readLocalFile(file: LocalFile): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(realPath(file), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (!isSystemError(error, 'ELOOP', 'ENXIO', 'ENAMETOOLONG')) throw error;
    throw invalid(file, 'it cannot be opened', error);
  }
  try {
    return readAll(fd, file);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, file: LocalFile): Buffer {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw invalid(file, `it is a ${stat.isDirectory() ? 'folder' : 'pipe, socket or device'}`);
  if (stat.size > file.maxBytes)
    throw new ShaleError('LIMIT_EXCEEDED', `${file.what} ${file.path} is longer than ${file.maxBytes} bytes`, {
      data: { path: file.path, maxBytes: file.maxBytes },
    });
  const bytes = Buffer.alloc(stat.size);
  let got = 0;
  for (let more = -1; more !== 0 && got < bytes.length; got += more)
    more = readSync(fd, bytes, got, bytes.length - got, null);
  return bytes.subarray(0, got);
}

/** Where the file really is. @throws CONTEXT_FILE_INVALID when a link leads out of the context */
function realPath({ path, what, within }: LocalFile): string {
  const real = realpathSync(path);
  if (within === undefined || !isBelow(path, within)) return real;
  if (isBelow(real, realpathSync(within))) return real;
  throw new ShaleError('CONTEXT_FILE_INVALID', `${what} ${path} is a link that leads out of the build context`, {
    data: { path, target: real },
    hint: 'copy it into the context, or name the file itself with -f',
  });
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function invalid({ what, path }: LocalFile, why: string, cause?: unknown): ShaleError {
  return new ShaleError('CONTEXT_FILE_INVALID', `${what} ${path} is no regular file: ${why}`, {
    data: { path },
    ...(cause !== undefined && { cause }),
  });
}
