import { chmodSync, closeSync, constants, fstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { isShaleError, ShaleError, toBytes, toText, type ByteString } from '../base/index.ts';
import {
  AT,
  attachMount,
  changeOwnerAt,
  cloneMount,
  MOUNT_ATTR,
  mountDetached,
  O_PATH,
  openAt2,
  RESOLVE,
  type FsParameter,
} from '../sys/index.ts';
import { openDirectory } from './overlay.ts';
import type { PrivateFile } from './protocol.ts';

/** A mount of one file or directory at a path of this host; the descriptor names the mount. */
export interface Place {
  readonly fd: number;
  readonly isDirectory: boolean;
}

/**
 * Mounts at `target` what `path` leads to below `directory`, as a process in a chroot there would find it: links and `..`
 * stay inside. What is mounted was found through descriptors, so nobody who can write below `directory` can put another
 * thing in its place afterwards (CVE-2024-11218).
 * @throws MOUNT_SOURCE_MISSING, MOUNT_SOURCE_KIND
 */
export function mountInside(directory: string, path: ByteString, target: string): Place {
  const root = openDirectory(directory);
  try {
    const found = openInside(root, path);
    try {
      const stat = fstatSync(found);
      if (!stat.isDirectory() && !stat.isFile()) {
        throw new ShaleError('MOUNT_SOURCE_KIND', `cannot mount /${toText(path)}: it is no file and no directory`);
      }
      makeTarget(target, stat.isDirectory());
      const fd = cloneMount(found);
      try {
        attachMount(fd, target);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return { fd, isDirectory: stat.isDirectory() };
    } finally {
      closeSync(found);
    }
  } finally {
    closeSync(root);
  }
}

function openInside(root: number, path: ByteString): number {
  try {
    const name = path === '' ? '.' : toBytes(path);
    return openAt2(root, name, { flags: O_PATH, resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS });
  } catch (cause) {
    if (!isShaleError(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw cause;
    throw new ShaleError('MOUNT_SOURCE_MISSING', `/${toText(path)} is not there`, {
      cause,
      data: { path: toText(path) },
    });
  }
}

function makeTarget(target: string, isDirectory: boolean): void {
  if (isDirectory) mkdirSync(target);
  else writeFileSync(target, '', { flag: 'wx' });
}

const PAGE_BYTES = 4096;

/**
 * Mounts a file system of its own in memory at `target`, with these files in it. It exists in this namespace only, and
 * where the kernel can promise that (Linux ≥ 6.4) its pages are never written to swap.
 */
export function mountFiles(files: readonly PrivateFile[], target: string): Place {
  mkdirSync(target);
  const pages = files.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / PAGE_BYTES), 1 + files.length);
  const parameters: FsParameter[] = [
    ['source', 'shale'],
    ['size', String(pages * PAGE_BYTES)],
    ['mode', '0755'],
  ];
  const fd = mountInMemory(parameters);
  try {
    attachMount(fd, target);
    for (const { name, bytes, mode, uid, gid } of files) {
      const path = `${target}/${name}`;
      writeFileSync(path, bytes, { flag: 'wx', mode: constants.S_IRUSR });
      changeOwnerAt(AT.FDCWD, path, uid, gid);
      chmodSync(path, mode);
    }
    return { fd, isDirectory: true };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function mountInMemory(parameters: readonly FsParameter[]): number {
  const attributes = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
  try {
    return mountDetached('tmpfs', [...parameters, ['noswap']], attributes);
  } catch (error) {
    if (!isShaleError(error, 'EINVAL')) throw error;
    return mountDetached('tmpfs', parameters, attributes);
  }
}
