import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import koffi from 'koffi';
import { compareBytes, fromBytes, toBytes, type ByteString } from '../../src/base/index.ts';

const libc = koffi.load('libc.so.6');
const llistxattr = libc.func('long llistxattr(const uint8_t *path, uint8_t *list, size_t size)');
const lgetxattr = libc.func('long lgetxattr(const uint8_t *path, const char *name, uint8_t *value, size_t size)');
const lsetxattr = libc.func(
  'int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)',
);

/** What `snapshot` tells of one path. Fields that do not apply are empty. */
export interface SnapshotOptions {
  /** Link counts of directories, which overlayfs does not keep. Default true. */
  readonly directoryLinks?: boolean;
}

/**
 * The tree below a folder as one line per path, in the order of the bytes: kind, mode, owner, time in ns, size, device,
 * link count and group of hard links, target, sha256 of the content, extended attributes. Needs root to see it all.
 */
export function snapshot(root: string, options: SnapshotOptions = {}): string[] {
  const lines: string[] = [];
  const firstNames = new Map<bigint, ByteString>();
  const pending: ByteString[] = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const full = Buffer.concat([Buffer.from(`${root}/`), toBytes(path)]);
    const stat = lstatSync(full, { bigint: true });
    const first = firstNames.get(stat.ino) ?? path;
    firstNames.set(stat.ino, first);
    const links = stat.isDirectory() && options.directoryLinks === false ? '' : stat.nlink;
    lines.push([path, describe(full, stat), links, stat.isDirectory() ? '' : first, xattrsOf(full)].join('|'));
    if (!stat.isDirectory()) continue;
    const names = readdirSync(full, { encoding: 'buffer' }).map((name) => fromBytes(name));
    for (const name of names.toSorted(compareBytes).toReversed()) pending.push(path === '' ? name : `${path}/${name}`);
  }
  return lines;
}

function describe(path: Buffer, stat: BigIntStats): string {
  const kind = Number(stat.mode >> 12n);
  const size = stat.isDirectory() ? '' : stat.size;
  const device = stat.isCharacterDevice() || stat.isBlockDevice() ? stat.rdev : '';
  const content = stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16) : '';
  const target = stat.isSymbolicLink() ? fromBytes(readlinkSync(path, { encoding: 'buffer' })) : '';
  return [
    kind,
    (stat.mode & 0o7777n).toString(8),
    stat.uid,
    stat.gid,
    stat.mtimeNs,
    size,
    device,
    content,
    target,
  ].join('|');
}

export function setXattr(path: string, name: string, value: Buffer): void {
  if (lsetxattr(cString(path), name, value, value.length, 0) !== 0) throw new Error(`cannot set ${name} on ${path}`);
}

function xattrsOf(path: Buffer): string {
  const list = Buffer.alloc(65_536);
  const size = Number(llistxattr(cString(path), list, list.length));
  if (size <= 0) return '';
  const names = list
    .toString('latin1', 0, size - 1)
    .split('\0')
    .toSorted();
  return names.map((name) => `${name}=${valueOf(path, name)}`).join(',');
}

function valueOf(path: Buffer, name: string): string {
  const value = Buffer.alloc(65_536);
  const size = Number(lgetxattr(cString(path), name, value, value.length));
  return size < 0 ? 'unreadable' : value.toString('hex', 0, size);
}

function cString(path: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(path), Buffer.alloc(1)]);
}
