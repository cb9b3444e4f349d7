import { accessSync, constants } from 'node:fs';
import { basename } from 'node:path';
import { debianToolFolder } from './debian-tools.ts';

/** What tests compare with or look through, and where it is in Debian. */
const PEERS: readonly (readonly [program: string, packageName: string])[] = [
  ['usr/bin/bsdtar', 'libarchive-tools'],
  ['usr/bin/bzip2', 'bzip2'],
  ['usr/bin/gpgv', 'gpgv'],
  ['usr/bin/mmdebstrap', 'mmdebstrap'],
  ['usr/bin/pigz', 'pigz'],
  ['usr/bin/python3', 'python3'],
  ['usr/bin/strace', 'strace'],
  ['usr/bin/xz', 'xz-utils'],
  ['usr/bin/zstd', 'zstd'],
  ['usr/sbin/ip', 'iproute2'],
  ['usr/sbin/mkfs.ext4', 'e2fsprogs'],
];
const RELEASE = 'trixie';

/**
 * PATH with a folder at its end that has those of the peers which this machine lacks. They are fetched into a cache of
 * the checkout and installed nowhere. Where that cannot be done PATH is returned as it is, and tests skip.
 */
export function pathWithPeers(path: string): string {
  const missing = PEERS.filter(([program]) => !isIn(path, basename(program)));
  if (missing.length === 0) return path;
  console.error(`test: fetching what tests compare with: ${missing.map(([program]) => basename(program)).join(', ')}`);
  const folder = debianToolFolder(RELEASE, missing);
  if (folder === undefined) console.error('test: that failed; tests that need them are skipped');
  return folder === undefined ? path : `${path}:${folder}`;
}

function isIn(path: string, name: string): boolean {
  return path.split(':').some((folder) => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
