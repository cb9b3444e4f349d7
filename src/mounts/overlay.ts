import { closeSync, constants, symlinkSync, unlinkSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import {
  AT,
  attachMount,
  changeDirectory,
  type FsParameter,
  mount,
  mountDetached,
  O_PATH,
  openAt,
} from '../sys/index.ts';
import type { UpperDirectories } from './protocol.ts';

/** overlay's own limit (OVL_MAX_STACK). */
export const OVERLAY_LAYERS_MAX = 500;

export interface OverlayOptions {
  /** Descriptors of the lower directories, lowest first; at least one, and two where there is no upper. */
  readonly lowers: readonly number[];
  readonly upper: UpperDirectories | undefined;
  readonly volatile: boolean;
  readonly userXattrs: boolean;
}

/** Spelled out at every mount: the defaults are the distribution's and the module's. */
const ALWAYS: readonly (readonly [string, string])[] = [
  ['redirect_dir', 'nofollow'],
  ['metacopy', 'off'],
  ['index', 'off'],
  ['xino', 'off'],
];

/**
 * Mounts an overlay at `target` and returns a descriptor of the mount. Layers are passed as descriptors, so nothing but
 * the overlay itself has a place (Linux ≥ 6.13; see `canMountByDescriptor`).
 */
export function mountOverlay(options: OverlayOptions, target: string): number {
  assertLayerCount(options.lowers.length);
  const parameters: FsParameter[] = [['source', 'shale']];
  for (const fd of options.lowers.toReversed()) parameters.push(['lowerdir+', { fd }]);
  const opened: number[] = [];
  try {
    if (options.upper !== undefined) {
      opened.push(openDirectory(options.upper.upperDir), openDirectory(options.upper.workDir));
      opened.forEach((fd, index) => parameters.push([index === 0 ? 'upperdir' : 'workdir', { fd }]));
    }
    parameters.push(...ALWAYS, ...flagsOf(options).map((name): FsParameter => [name]));
    return attachOrClose(mountDetached('overlay', parameters), target);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/**
 * The same through mount(2), for kernels whose overlay takes no descriptors; the layers must have a place. All options
 * must fit into 4,096 bytes, so every directory gets a name of one to three characters in `namesDir` (in the host's
 * private tmpfs), which is the working directory during the call: 500 layers take 1.9 kB.
 */
export function mountOverlayByName(options: OverlayOptions, target: string, namesDir: string): number {
  assertLayerCount(options.lowers.length);
  const made: string[] = [];
  const give = (name: string, path: string): string => {
    symlinkSync(path, `${namesDir}/${name}`);
    made.push(`${namesDir}/${name}`);
    return name;
  };
  try {
    const lowers = options.lowers.map((fd, index) => give(String(index), `/proc/self/fd/${fd}`)).toReversed();
    const settings = [`lowerdir=${lowers.join(':')}`];
    if (options.upper !== undefined) {
      settings.push(`upperdir=${give('u', options.upper.upperDir)}`, `workdir=${give('w', options.upper.workDir)}`);
    }
    settings.push(...ALWAYS.map(([key, value]) => `${key}=${value}`), ...flagsOf(options));
    changeDirectory(namesDir);
    mount('shale', target, 'overlay', 0, settings.join(','));
    return openDirectory(target);
  } finally {
    changeDirectory('/');
    for (const path of made) unlinkSync(path);
  }
}

/** A descriptor of a directory, for passing it on and not for reading it. */
export function openDirectory(directory: string): number {
  return openAt(AT.FDCWD, directory, O_PATH | constants.O_DIRECTORY);
}

/** Gives a detached mount its place; without one it is gone. */
export function attachOrClose(fd: number, target: string): number {
  try {
    attachMount(fd, target);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * True when overlay takes detached mounts by descriptor here. Tried with two empty tmpfs in well under a millisecond;
 * the kernel's version says little about it.
 */
export function canMountByDescriptor(): boolean {
  const made: number[] = [];
  try {
    for (let i = 0; i < 2; i++) made.push(mountDetached('tmpfs', [['size', '4k']]));
    const lowers = made.map((fd): FsParameter => ['lowerdir+', { fd }]);
    made.push(mountDetached('overlay', lowers));
    return true;
  } catch {
    return false;
  } finally {
    for (const fd of made) closeSync(fd);
  }
}

function flagsOf(options: OverlayOptions): readonly string[] {
  return [...(options.volatile ? ['volatile'] : []), ...(options.userXattrs ? ['userxattr'] : [])];
}

function assertLayerCount(count: number): void {
  if (count <= OVERLAY_LAYERS_MAX) return;
  throw new ShaleError(
    'MOUNT_LAYERS_MAX',
    `a rootfs of ${count} layers cannot be mounted: overlay takes ${OVERLAY_LAYERS_MAX}`,
    { data: { count, max: OVERLAY_LAYERS_MAX }, hint: 'join some of its layers into one (squash)' },
  );
}
