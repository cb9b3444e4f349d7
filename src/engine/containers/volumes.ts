import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fromText, ShaleError } from '../../base/index.ts';
import { openStackTree, resolveIn } from '../../build/index.ts';
import type { Stack } from '../../layers/index.ts';
import type { MountedRootfs, MountHost } from '../../mounts/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import type { EngineContext } from '../context.ts';
import type { VolumeMount } from '../types.ts';

export interface PreparedVolumes {
  readonly mounts: readonly MountSpec[];
  /** Names of all volumes in use, and of those that go with the container. */
  readonly names: readonly string[];
  readonly anonymous: readonly string[];
  /** New volumes that the image's files at their targets go into. */
  readonly toFill: readonly { readonly directory: string; readonly target: string }[];
}

/**
 * Makes the volumes of a container: named ones that do not exist yet, and an anonymous one for every VOLUME of the image
 * that nothing else is mounted at.
 * @throws VOLUME_SOURCE_NOT_FOUND
 */
export async function prepareVolumes(
  context: EngineContext,
  asked: readonly VolumeMount[],
  declared: readonly string[],
): Promise<PreparedVolumes> {
  const taken = new Set(asked.map((volume) => volume.target));
  const implied = declared
    .filter((target) => !taken.has(target))
    .map((target): VolumeMount => ({ kind: 'anonymous', target, readOnly: false, noCopy: false }));
  const root = await context.store.folder('volumes');
  const mounts: MountSpec[] = [];
  const names: string[] = [];
  const anonymous: string[] = [];
  const toFill: { directory: string; target: string }[] = [];
  for (const volume of [...asked, ...implied]) {
    if (volume.kind === 'bind') {
      mounts.push(bindMount(volume.source, volume.target, volume.readOnly));
      continue;
    }
    const name = volume.kind === 'volume' ? volume.name : randomBytes(32).toString('hex');
    const directory = join(root, name, '_data');
    const isNew = !existsSync(directory);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    names.push(name);
    if (volume.kind === 'anonymous') anonymous.push(name);
    if (!volume.noCopy && (isNew || readdirSync(directory).length === 0))
      toFill.push({ directory, target: volume.target });
    mounts.push({ kind: 'bind', source: directory, target: volume.target, readonly: volume.readOnly });
  }
  return { mounts, names, anonymous, toFill };
}

/** docker makes a missing source of -v a directory; a file that is there is mounted as a file. */
function bindMount(source: string, target: string, readonly: boolean): MountSpec {
  if (!existsSync(source)) {
    try {
      mkdirSync(source, { recursive: true });
    } catch (cause) {
      throw new ShaleError(
        'VOLUME_SOURCE_NOT_FOUND',
        `${source} cannot be mounted: it does not exist and cannot be made`,
        { cause },
      );
    }
  }
  return { kind: 'bind', source, target, readonly };
}

/**
 * Copies what the image has at a volume's target into the new volume. The target is resolved through the index first, so
 * that a link in the image cannot lead to files of the host (CVE-2022-23648).
 */
export async function fillVolumes(
  volumes: PreparedVolumes,
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

/** Removes volumes by name. */
export async function removeVolumes(context: EngineContext, names: readonly string[]): Promise<void> {
  const root = await context.store.folder('volumes');
  for (const name of names)
    if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) rmSync(join(root, name), { recursive: true, force: true });
}
