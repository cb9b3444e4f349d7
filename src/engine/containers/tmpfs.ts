import { ShaleError } from '../../base/index.ts';
import type { MountFlag, MountSpec } from '../../runtime/index.ts';
import type { TmpfsMount } from '../volume-types.ts';

const FLAGS: ReadonlySet<string> = new Set<MountFlag>([
  'nosuid',
  'nodev',
  'noexec',
  'exec',
  'suid',
  'dev',
  'noatime',
  'atime',
  'nodiratime',
  'diratime',
  'relatime',
  'norelatime',
  'strictatime',
  'sync',
  'async',
]);
/** tmpfs(5). */
const DATA = /^(size|mode|uid|gid|nr_inodes|nr_blocks|mpol)=[\w%:,.+-]+$/;
/** docker's, in front of what is asked for. */
const USUAL: readonly MountFlag[] = ['noexec', 'nosuid', 'nodev'];

/**
 * A tmpfs as the runtime mounts it.
 * @throws MOUNT_OPTION_INVALID for an option that tmpfs does not have
 */
export function tmpfsMount(volume: TmpfsMount): MountSpec {
  const flags: MountFlag[] = [...USUAL];
  const data: string[] = [];
  let readonly = volume.readOnly;
  let mode = volume.permissions;
  for (const word of (volume.options ?? '').split(',').filter((one) => one !== '')) {
    if (word === 'ro' || word === 'rw') readonly = word === 'ro';
    else if (isFlag(word)) flags.push(word);
    else if (/^mode=[0-7]{1,4}$/.test(word)) mode = Number.parseInt(word.slice('mode='.length), 8);
    else if (DATA.test(word) && !word.startsWith('mode=')) data.push(word);
    else {
      throw new ShaleError('MOUNT_OPTION_INVALID', `a tmpfs has no option ${JSON.stringify(word)}`, {
        data: { target: volume.target, option: word },
      });
    }
  }
  return {
    kind: 'tmpfs',
    target: volume.target,
    readonly,
    flags,
    ...(mode !== undefined && { mode }),
    ...(volume.sizeBytes !== undefined && { sizeBytes: volume.sizeBytes }),
    ...(data.length > 0 && { data }),
  };
}

function isFlag(word: string): word is MountFlag {
  return FLAGS.has(word);
}
