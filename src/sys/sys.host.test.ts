import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import * as sys from './index.ts';

const skip =
  process.platform === 'linux' && sys.hasCapability('sys_admin') ? false : 'needs CAP_SYS_ADMIN (run as root)';

describe('sys as root', { skip }, () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'shale-sys-host-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('mountDetached() makes a file system without a place; attachMount() puts it somewhere', () => {
    const target = join(dir, 'place');
    mkdirSync(target);
    const fd = sys.mountDetached('tmpfs', [
      ['size', '1m'],
      ['mode', '0750'],
    ]);
    writeFileSync(`/proc/self/fd/${fd}/file`, '');
    assert.deepEqual(readdirSync(target), []);
    sys.attachMount(fd, target);
    assert.deepEqual([readdirSync(target), lstatSync(target).mode & 0o7777], [['file'], 0o750]);
    sys.unmount(target, sys.MNT.DETACH);
    closeSync(fd);
    rmdirSync(target);
  });

  test('mount() and unmount() work, and a failure names type and target', () => {
    const target = join(dir, 'plain');
    mkdirSync(target);
    sys.mount('shale', target, 'tmpfs', sys.MS.NODEV, 'size=64k');
    const copy = sys.cloneMount(target);
    sys.changeMount(copy, { set: sys.MOUNT_ATTR.RDONLY });
    assert.throws(() => writeFileSync(`/proc/self/fd/${copy}/x`, ''), { code: 'EROFS' });
    closeSync(copy);
    sys.unmount(target);
    assert.throws(
      () => sys.mount('x', target, 'no-such-type', 0),
      (error) => isShaleError(error, 'ENODEV') && error.message.includes(`mount no-such-type on ${target}`),
    );
    assert.throws(
      () => sys.unmount(target),
      (error) => isShaleError(error, 'EINVAL'),
    );
  });

  test('mountDetached() passes on what the kernel wrote about a refused option', () => {
    assert.throws(
      () => sys.mountDetached('overlay', [['redirect_dir', 'sideways']]),
      (error) => isShaleError(error, 'EINVAL') && /redirect_dir/.test(error.message),
    );
  });

  test('device nodes keep their numbers and a whiteout is 0:0', () => {
    const folder = openSync(dir, constants.O_RDONLY);
    sys.makeNodeAt(folder, 'null', constants.S_IFCHR | 0o666, 1, 3);
    sys.makeNodeAt(folder, 'large', constants.S_IFBLK | 0o600, 259, 70_000);
    sys.makeNodeAt(folder, 'whiteout', constants.S_IFCHR, 0, 0);
    const rdev = (name: string): number => lstatSync(join(dir, name)).rdev;
    assert.deepEqual([rdev('null'), rdev('whiteout')], [(1 << 8) | 3, 0]);
    assert.equal(rdev('large'), (70_000 & 0xff) + 259 * 256 + Math.floor(70_000 / 256) * 2 ** 20);
    closeSync(folder);
  });

  test('security.capability round-trips and goes with a change of owner', () => {
    const path = join(dir, 'capable');
    writeFileSync(path, '');
    const value = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    sys.setXattr(path, 'security.capability', value);
    assert.deepEqual(sys.getXattr(path, 'security.capability'), value);
    sys.changeOwnerAt(sys.AT.FDCWD, path, 1, 1);
    assert.equal(sys.getXattr(path, 'security.capability'), undefined);
  });
});
