import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import type { HostFacts } from './facts.ts';
import type { ResolvedDevice } from './spec.ts';
import type { DeviceNumbers, DeviceSpec, MountSpec, RunSpec } from './types.ts';

/** Directories of devices (`/dev/snd`, `/dev`) hold at most this many. */
const DEVICES_MAX = 5000;
const DEPTH_MAX = 16;
/** What the runtime makes in every container's /dev; a privileged one does not get the host's in its place. */
const MADE_BY_RUNTIME: ReadonlySet<string> = new Set(
  'console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' '),
);

/**
 * The devices of a container as the host has them: those asked for, and with `privileged` all. A directory stands for
 * all devices below it.
 * @throws DEVICE_INVALID.
 */
export function resolveDevices(spec: RunSpec): ResolvedDevice[] {
  const asked = (spec.devices ?? []).flatMap(resolveDevice);
  const taken = new Set(asked.map(({ path }) => path));
  const all = spec.capabilities?.kind === 'privileged' ? hostDevices() : [];
  return [...asked, ...all.filter(({ path }) => !taken.has(path))];
}

/** @throws DEVICE_INVALID. */
function resolveDevice(device: DeviceSpec): ResolvedDevice[] {
  const bad = (why: string): ShaleError =>
    new ShaleError('DEVICE_INVALID', `cannot give the device ${device.source}: ${why}`, { data: { ...device } });
  const access = device.access ?? 'rwm';
  if (!device.source.startsWith('/') || !device.target.startsWith('/')) throw bad('it must be an absolute path');
  if (!/^[rwm]{1,3}$/.test(access)) throw bad(`its access ${access} is not made of r, w and m`);
  const stat = statSync(device.source, { throwIfNoEntry: false });
  if (stat === undefined) throw bad('it does not exist');
  if (isDevice(stat)) return [describe(stat, device, access)];
  if (!stat.isDirectory()) throw bad('it is not a device');
  const found = devicesBelow(device.source, device.target, access);
  if (found.length === 0) throw bad('there is no device in this directory');
  return found;
}

/**
 * Devices that are to be mounted: in a user namespace nobody makes nodes, and the runtime then mounts the one that has the
 * same name on this machine, so that those with another name are left to us.
 */
export function mountedDevices(devices: readonly ResolvedDevice[], { ids }: HostFacts): readonly MountSpec[] {
  if (ids === undefined) return [];
  return devices
    .filter(({ source, path }) => source !== path)
    .map(({ source, path, access }) => {
      const readonly = !access.includes('w');
      return { kind: 'bind', source, sourceKind: 'file', target: path, readonly };
    });
}

function hostDevices(): ResolvedDevice[] {
  return devicesBelow('/dev', '/dev', 'rwm').filter(({ path }) => !MADE_BY_RUNTIME.has(path.split('/')[2] ?? ''));
}

/** Links are passed over: what they lead to is listed in its own place. */
function devicesBelow(source: string, target: string, access: string): ResolvedDevice[] {
  const found: ResolvedDevice[] = [];
  for (const path of pathsBelow(source, DEPTH_MAX)) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && isDevice(stat))
      found.push(describe(stat, { source: path, target: target + path.slice(source.length) }, access));
    if (found.length > DEVICES_MAX) {
      throw new ShaleError(
        'DEVICE_INVALID',
        `cannot give the devices of ${source}: there are more than ${DEVICES_MAX}`,
      );
    }
  }
  return found;
}

/** Node's own recursion goes through links: /dev/fd leads to whatever this process has open. */
function* pathsBelow(folder: string, depth: number): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) yield path;
    else if (depth > 0) yield* pathsBelow(path, depth - 1);
  }
}

function isDevice(stat: Stats): boolean {
  return stat.isCharacterDevice() || stat.isBlockDevice();
}

function describe(
  stat: Stats,
  { source, target }: { readonly source: string; readonly target: string },
  access: string,
): ResolvedDevice {
  return {
    source,
    path: target,
    type: stat.isBlockDevice() ? 'b' : 'c',
    ...deviceNumbers(stat.rdev),
    mode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
    access,
  };
}

/** The numbers of a block device, for limits of its own. @throws DEVICE_INVALID. */
export function blockDevice(path: string): DeviceNumbers {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isBlockDevice() === true) return deviceNumbers(stat.rdev);
  throw new ShaleError('DEVICE_INVALID', `${path} is no disk of this machine`, { data: { path } });
}

/** makedev(3), the Linux layout of 64 bits; the parts that pass 32 bits are not used by real devices. */
function deviceNumbers(rdev: number): DeviceNumbers {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
