import { chmodSync, chownSync, existsSync, lstatSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fromText, isShaleError, makeFolders, ShaleError } from '../../base/index.ts';
import { openStackTree, resolveIn } from '../../build/index.ts';
import type { Stack } from '../../layers/index.ts';
import type { MountedRootfs, MountHost } from '../../mounts/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import type { RunRequest } from '../types.ts';
import type { AnonymousVolume, BindMount, MountPoint, NamedVolume, TmpfsMount, VolumeMount } from '../volume-types.ts';
import { ensureVolume, inspectVolume, removeVolume } from '../volumes.ts';
import { parseSetup } from './record.ts';
import { tmpfsMount } from './tmpfs.ts';

export interface PreparedVolumes {
  readonly mounts: readonly MountSpec[];
  /** As `inspect` shows them. */
  readonly points: readonly MountPoint[];
  /** Names of all volumes in use, and of those that go with the container. */
  readonly names: readonly string[];
  readonly anonymous: readonly string[];
  /** New volumes that the image's files at their targets go into. */
  readonly toFill: readonly { readonly directory: string; readonly target: string }[];
}

/** One thing that is mounted. */
interface Placed {
  readonly mount: MountSpec;
  /** Absent for what docker does not list: `--tmpfs`. */
  readonly point?: MountPoint;
  readonly anonymous?: boolean;
  /** The directory of a volume that may have to be filled. */
  readonly fill?: string;
}

/**
 * Makes the volumes of a container: named ones that do not exist yet, and an anonymous one for every VOLUME of the image
 * that nothing else is mounted at. What is asked for comes before what `--volumes-from` brings.
 * @throws VOLUME_SOURCE_NOT_FOUND, MOUNT_DUPLICATE, OPTION_UNSUPPORTED, CONTAINER_NOT_FOUND, VOLUME_OPTION_INVALID
 */
export async function prepareVolumes(
  context: EngineContext,
  request: Pick<RunRequest, 'volumes' | 'volumesFrom'>,
  declared: readonly string[],
): Promise<PreparedVolumes> {
  const asked = request.volumes.map((volume) => ({ ...volume, target: posix.resolve('/', volume.target) }));
  const taken = new Set<string>();
  for (const { target } of asked) {
    if (taken.has(target)) throw new ShaleError('MOUNT_DUPLICATE', `two mounts at ${target}`, { data: { target } });
    taken.add(target);
  }
  const placed: Placed[] = [];
  try {
    for (const volume of asked) placed.push(await place(context, volume));
    for (const inherited of await inheritedFrom(context, request.volumesFrom ?? [], taken)) {
      taken.add(inherited.mount.target);
      placed.push(inherited);
    }
    for (const target of declared.map((one) => posix.resolve('/', one))) {
      if (taken.has(target)) continue;
      taken.add(target);
      placed.push(await placeVolume(context, { kind: 'anonymous', target, readOnly: false, noCopy: false }));
    }
  } catch (error) {
    await removeVolumes(context, anonymousOf(placed));
    throw error;
  }
  return {
    mounts: placed.map(({ mount }) => mount),
    points: placed.flatMap(({ point }) => point ?? []),
    names: [...new Set(placed.flatMap(({ point }) => point?.Name ?? []))],
    anonymous: anonymousOf(placed),
    toFill: placed.flatMap(({ fill, mount }) => (fill === undefined ? [] : { directory: fill, target: mount.target })),
  };
}

function anonymousOf(placed: readonly Placed[]): string[] {
  return placed.flatMap(({ anonymous, point }) => (anonymous === true ? (point?.Name ?? []) : []));
}

async function place(context: EngineContext, volume: VolumeMount): Promise<Placed> {
  switch (volume.kind) {
    case 'bind':
      return placeBind(volume);
    case 'tmpfs':
      return placeTmpfs(volume);
    case 'volume':
    case 'anonymous':
      return placeVolume(context, volume);
  }
}

/** docker makes a missing source of -v a directory; a file that is there is mounted as a file. */
function placeBind(volume: BindMount): Placed {
  const { source, target, readOnly } = volume;
  if (!existsSync(source)) makeSource(volume);
  const propagation = volume.propagation ?? 'rprivate';
  if (propagation.endsWith('shared')) {
    throw new ShaleError('OPTION_UNSUPPORTED', `${source} cannot be mounted ${propagation}`, {
      hint: 'nothing that a container mounts reaches this machine; rslave lets the machine’s mounts through',
    });
  }
  return {
    mount: {
      kind: 'bind',
      source,
      target,
      readonly: readOnly,
      propagation,
      ...(volume.nonRecursive === true && { recursive: false }),
      ...(volume.writableBelow === true && { writableBelow: true }),
    },
    point: {
      Type: 'bind',
      Source: source,
      Destination: target,
      Mode: volume.mode ?? '',
      RW: !readOnly,
      Propagation: propagation,
    },
  };
}

function makeSource({ source, mustExist }: BindMount): void {
  const missing = (cause?: unknown): ShaleError =>
    new ShaleError(
      'VOLUME_SOURCE_NOT_FOUND',
      `${source} cannot be mounted: it does not exist${mustExist === true ? '' : ' and cannot be made'}`,
      { data: { source }, cause },
    );
  if (mustExist === true) throw missing();
  try {
    makeFolders(source);
  } catch (cause) {
    throw missing(cause);
  }
}

function placeTmpfs(volume: TmpfsMount): Placed {
  return {
    mount: tmpfsMount(volume),
    ...(volume.flag === 'mount' && {
      point: {
        Type: 'tmpfs',
        Source: '',
        Destination: volume.target,
        Mode: '',
        RW: !volume.readOnly,
        Propagation: '',
      },
    }),
  };
}

async function placeVolume(context: EngineContext, volume: NamedVolume | AnonymousVolume): Promise<Placed> {
  const name = volume.kind === 'volume' ? volume.name : undefined;
  const made = await ensureVolume(context, name, volume.settings);
  const { options } = await inspectVolume(context, made.name);
  const mount = volumeMount(made.directory, volume, options);
  const isEmpty = made.made || readdirSync(made.directory).length === 0;
  const isPlain = options['type'] === undefined && !(volume.kind === 'volume' && volume.subpath !== undefined);
  return {
    mount,
    point: {
      Type: 'volume',
      Name: made.name,
      Source: made.directory,
      Destination: volume.target,
      Driver: 'local',
      Mode: volume.mode ?? (volume.flag === 'mount' ? 'z' : ''),
      RW: !volume.readOnly,
      Propagation: '',
    },
    anonymous: volume.kind === 'anonymous',
    ...(isEmpty && isPlain && !volume.noCopy && { fill: made.directory }),
  };
}

/** A volume with a device is mounted from it, in the container alone (docker's local driver mounts it on the host). */
function volumeMount(
  directory: string,
  volume: NamedVolume | AnonymousVolume,
  options: Readonly<Record<string, string>>,
): MountSpec {
  const { target } = volume;
  const readonly = volume.readOnly;
  const { type, device = '', o = '' } = options as { type?: string; device?: string; o?: string };
  const words = o.split(',').filter((word) => word !== '');
  const subpath = volume.kind === 'volume' ? volume.subpath : undefined;
  if (type === undefined) {
    const source = subpath === undefined ? directory : folderIn(directory, subpath);
    return { kind: 'bind', source, sourceKind: kindOf(source), target, readonly };
  }
  if (subpath !== undefined) {
    throw new ShaleError('OPTION_UNSUPPORTED', 'a folder of a volume with a device cannot be mounted alone');
  }
  if (type === 'none' || words.some((word) => word === 'bind' || word === 'rbind')) {
    if (!existsSync(device)) {
      throw new ShaleError('VOLUME_SOURCE_NOT_FOUND', `${device} cannot be mounted: it does not exist`, {
        data: { source: device },
      });
    }
    return { kind: 'bind', source: device, target, readonly: readonly || words.includes('ro') };
  }
  return { kind: 'filesystem', type, device, options: words, target, readonly };
}

function kindOf(path: string): 'file' | 'directory' {
  return lstatSync(path).isDirectory() ? 'directory' : 'file';
}

/**
 * A path inside a volume, free of links: a container that has the volume could point one anywhere (CVE-2023-5528 and its
 * like).
 * @throws VOLUME_SUBPATH_INVALID
 */
function folderIn(directory: string, subpath: string): string {
  const bad = (why: string): ShaleError =>
    new ShaleError('VOLUME_SUBPATH_INVALID', `${JSON.stringify(subpath)} cannot be mounted from the volume: ${why}`, {
      data: { subpath },
    });
  const names = subpath.split('/').filter((name) => name !== '' && name !== '.');
  if (subpath.startsWith('/') || names.includes('..')) throw bad('it must be a path inside the volume');
  let path = directory;
  for (const name of names) {
    path = `${path}/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw bad('it does not exist');
    if (stat.isSymbolicLink()) throw bad(`${name} is a link`);
  }
  return path;
}

/** What `--volumes-from` brings, where nothing else is mounted: the volumes and folders of other containers. */
async function inheritedFrom(
  context: EngineContext,
  words: readonly string[],
  taken: ReadonlySet<string>,
): Promise<Placed[]> {
  const placed = new Map<string, Placed>();
  for (const word of words) {
    const [, name = '', mode] = /^(.+?)(?::(ro|rw|z|Z))?$/.exec(word) ?? [];
    const setup = parseSetup(await context.store.containers.get(name));
    for (const point of setup.mountPoints) {
      const mount = setup.mounts.find(({ target }) => target === point.Destination);
      if (mount === undefined || point.Type === 'tmpfs' || taken.has(point.Destination)) continue;
      const readonly = mode === 'ro' || !point.RW;
      placed.set(point.Destination, { mount: { ...mount, readonly }, point: { ...point, RW: !readonly } });
    }
  }
  return [...placed.values()];
}

/**
 * Copies what the image has at a volume's target into the new volume. The target is resolved through the index first, so
 * that a link in the image cannot lead to files of the host (CVE-2022-23648).
 */
export async function fillVolumes(
  volumes: Pick<PreparedVolumes, 'toFill'>,
  at: { readonly host: MountHost; readonly rootfs: MountedRootfs; readonly stack: Stack },
): Promise<void> {
  if (volumes.toFill.length === 0) return;
  const root = openStackTree(at.stack);
  for (const { directory, target } of volumes.toFill) {
    const { path, node } = resolveIn(root, fromText(target), { followLast: true });
    if (node?.kind !== 'directory') continue;
    chownSync(directory, node.uid, node.gid);
    chmodSync(directory, node.mode);
    const source = `${at.rootfs.path}/${Buffer.from(path, 'latin1').toString('utf8')}/.`;
    const copy = await at.host.spawn({
      command: '/bin/cp',
      args: ['-a', '--', source, directory],
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'ignore'],
      lifetime: 'child',
    });
    const { code } = await copy.ended;
    if (code !== 0)
      throw new ShaleError('VOLUME_FILL_FAILED', `the image's files at ${target} cannot be copied into the volume`);
  }
}

/** Removes volumes by name, but for those that another container has taken over. */
export async function removeVolumes(context: EngineContext, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await removeVolume(context, name, { force: true });
    } catch (error) {
      if (!isShaleError(error, 'VOLUME_IN_USE')) throw error;
    }
  }
}
