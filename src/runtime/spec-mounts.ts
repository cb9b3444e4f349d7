import { toOutside } from '../privilege/index.ts';
import type { HostFacts } from './facts.ts';
import type { MountSpec, NetworkAttachment, RunSpec } from './types.ts';

/** An entry of `mounts` in config.json. */
export interface MountConfig {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface MountsInput {
  readonly spec: RunSpec;
  readonly network: NetworkAttachment;
  readonly facts: HostFacts;
}

const SHM_BYTES = 64 * 1024 * 1024;
/** `tty`, on every distribution. */
const TTY_GROUP = 5;

/** What the runtime itself mounts. */
export function runtimeMounts({ spec, network, facts }: MountsInput, privileged: boolean): MountConfig[] {
  const writable = privileged ? 'rw' : 'ro';
  const shm = spec.shmSizeBytes ?? SHM_BYTES;
  const asked = new Set((spec.mounts ?? []).map((mount) => mount.target));
  const mounts: MountConfig[] = [
    procMount(spec, facts),
    special('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    special('/dev/pts', 'devpts', [
      'nosuid',
      'noexec',
      'newinstance',
      'ptmxmode=0666',
      'mode=0620',
      ...ttyGroup(facts),
    ]),
    sysMount(writable, network, facts),
    ...(spec.cgroupMount === false
      ? []
      : [special('/sys/fs/cgroup', 'cgroup', [writable, 'nosuid', 'noexec', 'nodev'])]),
    special('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    ...(shm === 0 ? [] : [special('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shm}`])]),
  ];
  // What the user mounts at the same place comes instead (docker); below a replaced /sys nothing of ours belongs.
  return mounts.filter(
    (mount) => !asked.has(mount.destination) && !(asked.has('/sys') && mount.destination.startsWith('/sys/')),
  );
}

/** The group of terminals, where this namespace has it. */
function ttyGroup({ ids }: HostFacts): string[] {
  return ids === undefined || toOutside(ids.gids, TTY_GROUP) !== undefined ? [`gid=${TTY_GROUP}`] : [];
}

/** A proc file system shows a pid namespace, and only who owns that may mount it. */
function procMount(spec: RunSpec, { ids }: HostFacts): MountConfig {
  const options = ['nosuid', 'noexec', 'nodev'];
  if (ids === undefined || spec.pid?.kind !== 'host') return special('/proc', 'proc', options);
  return { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind', ...options] };
}

/** sysfs shows a network namespace, and only who owns that may mount it: the machine's is no user namespace's. */
function sysMount(writable: string, network: NetworkAttachment, { ids }: HostFacts): MountConfig {
  const options = ['nosuid', 'noexec', 'nodev', writable];
  if (ids === undefined || network.namespace.kind !== 'host') return special('/sys', 'sysfs', options);
  return { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', ...options] };
}

function special(destination: string, type: string, options: readonly string[]): MountConfig {
  const source = type === 'tmpfs' && destination === '/dev/shm' ? 'shm' : type;
  return { destination, type, source, options };
}

/** Since Linux 5.12 a mount can be made read-only with all that is mounted below it. */
const KERNEL_OF_MOUNT_SETATTR: readonly [number, number] = [5, 12];

/** A mount of the spec, in the words of the runtime specification. */
export function userMount(mount: MountSpec, facts: HostFacts): MountConfig {
  const access = mount.readonly === true ? 'ro' : 'rw';
  const destination = mount.target;
  switch (mount.kind) {
    case 'bind': {
      const recursive = mount.recursive !== false;
      const [major, minor] = KERNEL_OF_MOUNT_SETATTR;
      const deep = facts.kernel[0] > major || (facts.kernel[0] === major && facts.kernel[1] >= minor);
      const options = [
        recursive ? 'rbind' : 'bind',
        mount.propagation ?? 'rprivate',
        access,
        ...(recursive && access === 'ro' && mount.writableBelow !== true && deep ? ['rro'] : []),
        ...(mount.flags ?? []),
      ];
      return { destination, type: 'bind', source: mount.source, options };
    }
    case 'filesystem':
      return { destination, type: mount.type, source: mount.device, options: [access, ...mount.options] };
    case 'tmpfs': {
      const options = [
        ...(mount.flags ?? ['nosuid', 'nodev', 'noexec']),
        access,
        ...(mount.mode === undefined ? [] : [`mode=${mount.mode.toString(8)}`]),
        ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
        ...(mount.uid === undefined ? [] : [`uid=${mount.uid}`]),
        ...(mount.gid === undefined ? [] : [`gid=${mount.gid}`]),
        ...(mount.data ?? []),
      ];
      return { destination, type: 'tmpfs', source: 'tmpfs', options };
    }
  }
}

/** The runtime makes everything private otherwise, and then nothing of the host's can come through. */
export function rootfsPropagation(mounts: readonly MountSpec[]): { readonly rootfsPropagation?: string } {
  const asked = mounts.map((mount) => (mount.kind === 'bind' ? (mount.propagation ?? '') : ''));
  if (asked.some((word) => word.endsWith('shared'))) return { rootfsPropagation: 'shared' };
  return asked.some((word) => word.endsWith('slave')) ? { rootfsPropagation: 'rslave' } : {};
}
