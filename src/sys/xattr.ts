import type { ByteString } from '../base/index.ts';
import { bytePath, cPath, errnoName, failure, lastErrno, native, shown, type SysPath } from './native.ts';

/** What has xattrs: a path, of which a symlink at the end is not followed, or an open descriptor. */
export type XattrTarget = SysPath | number;

// XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel, in bytes. One buffer a thread: every call here is synchronous.
const XATTR_MAX_BYTES = 65536;
let buffer: Buffer | undefined;

const NONE: readonly ByteString[] = [];

/** The names of all xattrs, in the kernel's order; none where the file system has no xattrs. */
export function listXattrs(target: XattrTarget): readonly ByteString[] {
  buffer ??= Buffer.allocUnsafeSlow(XATTR_MAX_BYTES);
  const length = Number(
    typeof target === 'number'
      ? native('int64_t flistxattr(int fd, void *list, size_t size)')(target, buffer, XATTR_MAX_BYTES)
      : native('int64_t llistxattr(const char *path, void *list, size_t size)')(cPath(target), buffer, XATTR_MAX_BYTES),
  );
  if (length === 0) return NONE;
  if (length > 0) return buffer.toString('latin1', 0, length - 1).split('\0');
  const errno = lastErrno();
  if (errnoName(errno) === 'ENOTSUP') return NONE;
  throw failure('llistxattr', `list the xattrs of ${named(target)}`, errno);
}

/** The value of one xattr; undefined when the file has none of that name. */
export function getXattr(target: XattrTarget, name: ByteString): Buffer | undefined {
  buffer ??= Buffer.allocUnsafeSlow(XATTR_MAX_BYTES);
  const cName = cPath(bytePath(name));
  const length = Number(
    typeof target === 'number'
      ? native('int64_t fgetxattr(int fd, const char *name, void *value, size_t size)')(
          target,
          cName,
          buffer,
          XATTR_MAX_BYTES,
        )
      : native('int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)')(
          cPath(target),
          cName,
          buffer,
          XATTR_MAX_BYTES,
        ),
  );
  if (length >= 0) return Buffer.from(buffer.subarray(0, length));
  const errno = lastErrno();
  const code = errnoName(errno);
  if (code === 'ENODATA' || code === 'ENOTSUP') return undefined;
  throw failure('lgetxattr', `get the xattr ${name} of ${named(target)}`, errno);
}

/** Sets an xattr, made new or replaced. */
export function setXattr(target: XattrTarget, name: ByteString, value: Uint8Array): void {
  const cName = cPath(bytePath(name));
  const result =
    typeof target === 'number'
      ? native('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')(
          target,
          cName,
          value,
          value.byteLength,
          0,
        )
      : native('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)')(
          cPath(target),
          cName,
          value,
          value.byteLength,
          0,
        );
  if (result !== 0) throw failure('lsetxattr', `set the xattr ${name} of ${named(target)}`);
}

/** Removes an xattr; false when there was none of that name. */
export function removeXattr(target: XattrTarget, name: ByteString): boolean {
  const cName = cPath(bytePath(name));
  const result =
    typeof target === 'number'
      ? native('int fremovexattr(int fd, const char *name)')(target, cName)
      : native('int lremovexattr(const char *path, const char *name)')(cPath(target), cName);
  if (result === 0) return true;
  const errno = lastErrno();
  if (errnoName(errno) === 'ENODATA') return false;
  throw failure('lremovexattr', `remove the xattr ${name} of ${named(target)}`, errno);
}

/** All xattrs with their values, ordered by name. */
export function readXattrs(target: XattrTarget): ReadonlyMap<ByteString, Uint8Array> {
  const names = listXattrs(target);
  const all = new Map<ByteString, Uint8Array>();
  for (const name of names.length > 1 ? names.toSorted() : names) {
    const value = getXattr(target, name);
    if (value !== undefined) all.set(name, value);
  }
  return all;
}

function named(target: XattrTarget): string {
  return typeof target === 'number' ? `descriptor ${target}` : shown(target);
}
