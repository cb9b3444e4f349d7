import { type ByteString, toBytes } from '../../base/index.ts';
import { setFolderTimes } from '../rootfs/folder-times.ts';
import { clampShadowFiles, rewriteFile } from '../rootfs/rewrite-file.ts';
import { plainInode, type Tree } from '../rootfs/tree.ts';
import { CONFIGURE_SCRIPT } from './configure.ts';
import { findField } from './paragraph.ts';
import type { UnpackedPackage } from './unpack.ts';

/** Folders that stay, while what is in them belongs to a running machine or is a cache. */
const EMPTIED: readonly ByteString[] = [
  'dev',
  'proc',
  'sys',
  'tmp',
  'run/mount',
  'var/cache/apt',
  'var/lib/apt/lists',
  'var/tmp',
];

const REMOVED: readonly ByteString[] = [
  CONFIGURE_SCRIPT,
  'var/cache/debconf/config.dat-old',
  'var/cache/debconf/templates.dat-old',
  'var/cache/ldconfig/aux-cache',
  'var/lib/dpkg/diversions-old',
  'var/lib/dpkg/lock',
  'var/lib/dpkg/lock-frontend',
  'var/lib/dpkg/statoverride-old',
  'var/lib/dpkg/status-old',
  'var/lib/dpkg/triggers/Lock',
  'var/lib/systemd/catalog/database',
  'var/log/alternatives.log',
  'var/log/apt/eipp.log.xz',
  'var/log/apt/history.log',
  'var/log/apt/term.log',
  'var/log/bootstrap.log',
  'var/log/dpkg.log',
];

export interface NormaliseOptions {
  readonly epochSeconds: number;
  readonly architecture: string;
  readonly packages: readonly UnpackedPackage[];
}

/**
 * Takes out of a configured system what the machine or the hour put in, so that the same packages give the same bytes:
 * logs, caches, locks and backups, the machine id, today's date in the password files, times of folders. Every package counts as
 * installed automatically, so that apt-mark shows only what the user adds.
 */
export function normalise(tree: Tree, options: NormaliseOptions): void {
  for (const folder of EMPTIED) if (tree.find(folder)?.kind === 'directory') tree.deleteBelow(folder);
  for (const path of REMOVED) tree.delete(path);
  rewriteFile(tree, 'etc/machine-id', () => '');
  clampShadowFiles(tree, options.epochSeconds);
  const mtimeNs = BigInt(options.epochSeconds) * 1_000_000_000n;
  setFolderTimes(tree, mtimeNs);
  const states = plainInode('file', 0o644, mtimeNs);
  tree.set('var/lib/apt/extended_states', {
    ...states,
    content: { kind: 'memory', bytes: toBytes(extendedStates(options)) },
  });
}

/** apt's record of what was installed automatically; it files packages for all architectures under the native one. */
function extendedStates(options: NormaliseOptions): string {
  const names = options.packages.map((each) => findField(each.control, 'Package') ?? '').toSorted();
  return names.map((name) => `Package: ${name}\nArchitecture: ${options.architecture}\nAuto-Installed: 1\n\n`).join('');
}
