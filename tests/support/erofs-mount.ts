import { mkdirSync } from 'node:fs';
import koffi from 'koffi';

/** mount(2) and umount2(2) for tests of formats; shale's own mounting lives elsewhere and is tested there. */
const libc = koffi.load('libc.so.6');
const mount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const umount2 = libc.func('int umount2(const char *target, int flags)');

const MS_RDONLY = 1;
const MS_NODEV = 4;
const MNT_DETACH = 2;

/** A mount of a test. It goes away, busy or not, when it is disposed of. */
export interface TestMount extends Disposable {
  readonly path: string;
}

/** Why tests that mount cannot run here; false when they can. */
export const cannotMount: string | false =
  process.platform !== 'linux' ? 'needs Linux' : process.getuid?.() === 0 ? false : 'needs root to mount';

/** Mounts an index with its data files; the kernel reads the files themselves, without loop devices (Linux 6.12). */
export function mountErofs(image: string, devices: readonly string[], at: string): TestMount {
  return mountAt(image, at, 'erofs', devices.map((device) => `device=${device}`).join(','));
}

/** Mounts a read-only overlay; `lowers` has the topmost layer first and needs at least two. */
export function mountOverlay(lowers: readonly string[], at: string): TestMount {
  return mountAt('overlay', at, 'overlay', `lowerdir=${lowers.join(':')},redirect_dir=nofollow,metacopy=off,xino=off`);
}

function mountAt(source: string, at: string, type: string, options: string): TestMount {
  mkdirSync(at, { recursive: true });
  if (mount(source, at, type, MS_RDONLY | MS_NODEV, options) !== 0) {
    throw new Error(`mount of ${type} at ${at} with ${options} failed: errno ${koffi.errno()}`);
  }
  return {
    path: at,
    [Symbol.dispose]() {
      umount2(at, MNT_DETACH);
    },
  };
}
