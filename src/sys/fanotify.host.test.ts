import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, messageOf } from '../base/index.ts';
import { markFileSystem, openFanotify, readOpened } from './index.ts';
import { MNT, mount, unmount } from './mount.ts';
import { native } from './native.ts';

const skip = cannotListen();
const RLIMIT_NOFILE = 7;
/** More than max_queued_events, as kernels have it. */
const MANY = 17_000;

/** Root in a container may lack the right. */
function cannotListen(): string | false {
  try {
    closeSync(openFanotify());
    return false;
  } catch (error) {
    return `files that are opened cannot be listened to: ${messageOf(error)}`;
  }
}

function openedOf(group: number): string[] {
  const paths: string[] = [];
  for (let file = readOpened(group); file !== undefined; file = readOpened(group)) paths.push(file.path);
  return paths;
}

function groups(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.includes('fanotify')).length;
}

describe('fanotify', { skip }, () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'shale-fanotify-'));
    mount('shale', dir, 'tmpfs', 0, 'size=8m,nr_inodes=64k');
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(dir, name));
    for (const name of ['a', 'b', 'c']) writeFileSync(join(dir, 'lower', name), name);
    const options = ['lowerdir=lower', 'upperdir=upper', 'workdir=work'].map((one) => one.replace('=', `=${dir}/`));
    mount('shale', join(dir, 'merged'), 'overlay', 0, options.join(','));
  });
  after(() => {
    unmount(join(dir, 'merged'), MNT.DETACH);
    unmount(dir, MNT.DETACH);
    rmSync(dir, { recursive: true });
  });

  test('a group hears of the regular files of an overlay that any process opens, and of nothing else', () => {
    const merged = join(dir, 'merged');
    const group = openFanotify();
    try {
      const root = openSync(merged, 'r');
      markFileSystem(group, root);
      closeSync(root);
      assert.equal(readOpened(group), undefined);
      readFileSync(join(merged, 'a'));
      readdirSync(merged);
      readFileSync(join(dir, 'lower/b'));
      const first = readOpened(group);
      assert.deepEqual(first, { path: join(merged, 'a'), pid: process.pid });
      execFileSync('sh', ['-c', 'cat b; echo x > c; rm c; echo new > d'], { cwd: merged });
      const paths = ['b', 'c (deleted)', 'd'].map((name) => join(merged, name));
      assert.deepEqual(openedOf(group), paths);
    } finally {
      closeSync(group);
    }
    assert.equal(groups(), 0);
  });

  test('nothing is left out of more than the kernel keeps for who does not ask for more', () => {
    const folder = join(dir, 'merged/many');
    mkdirSync(folder);
    const names = Array.from({ length: MANY }, (_, i) => join(folder, String(i).padStart(5, '0')));
    for (const name of names) closeSync(openSync(name, 'w'));
    const group = openFanotify();
    try {
      const root = openSync(folder, 'r');
      markFileSystem(group, root);
      closeSync(root);
      for (const name of names) closeSync(openSync(name, 'r'));
      assert.deepEqual(openedOf(group), names);
    } finally {
      closeSync(group);
    }
  });

  test('what cannot be told, since there is no descriptor for it, is an error and not left out', () => {
    const merged = join(dir, 'merged');
    const group = openFanotify();
    const limits = Buffer.alloc(16);
    native('int getrlimit(int resource, void *limits)')(RLIMIT_NOFILE, limits);
    const lower = Buffer.from(limits);
    lower.writeBigUInt64LE(0n, 0);
    try {
      const root = openSync(merged, 'r');
      markFileSystem(group, root);
      closeSync(root);
      readFileSync(join(merged, 'a'));
      const setLimits = native('int setrlimit(int resource, const void *limits)');
      setLimits(RLIMIT_NOFILE, lower);
      try {
        assert.throws(
          () => readOpened(group),
          (error) => isShaleError(error, 'FILES_UNTOLD'),
        );
      } finally {
        setLimits(RLIMIT_NOFILE, limits);
      }
    } finally {
      closeSync(group);
    }
  });
});
