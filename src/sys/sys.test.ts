import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import * as sys from './index.ts';

const linux = process.platform === 'linux';

describe('sys', { skip: linux ? false : 'system calls are those of Linux' }, () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'shale-sys-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('the face of sys loads no koffi', () => {
    const face = new URL('./index.ts', import.meta.url).href;
    const script = `import { isNativeLoaded, makePipe } from ${JSON.stringify(face)};
      const before = isNativeLoaded(); makePipe(); console.log(before, isNativeLoaded());`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(out.trim(), 'false true');
  });

  test('findAt2() finds as openAt2() opens, nothing where nothing is, and fails where it is not allowed to look', () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-sys-'));
    const root = openSync(folder, sys.O_PATH | constants.O_DIRECTORY);
    try {
      writeFileSync(join(folder, 'file'), 'x');
      symlinkSync('file', join(folder, 'link'));
      const how = { flags: constants.O_RDONLY, resolve: sys.RESOLVE.IN_ROOT };
      const fd = sys.findAt2(root, 'link', how) ?? assert.fail('not found');
      assert.equal(readFileSync(fd, 'utf8'), 'x');
      closeSync(fd);
      for (const name of ['absent', 'absent/below', 'file/below'])
        assert.equal(sys.findAt2(root, name, how), undefined, name);
      const strict = { flags: constants.O_RDONLY, resolve: sys.RESOLVE.NO_SYMLINKS };
      assert.throws(() => sys.findAt2(root, 'link', strict), { code: 'ELOOP' });
    } finally {
      closeSync(root);
      rmSync(folder, { recursive: true });
    }
  });

  test('openAt2() keeps links inside the root with RESOLVE_IN_ROOT and refuses them with NO_SYMLINKS', () => {
    writeFileSync(join(dir, 'passwd'), 'inside');
    symlinkSync('/passwd', join(dir, 'absolute'));
    symlinkSync('../../../../../../passwd', join(dir, 'upwards'));
    const root = openSync(dir, constants.O_RDONLY);
    try {
      for (const name of ['absolute', 'upwards']) {
        const fd = sys.openAt2(root, name, { flags: constants.O_RDONLY, resolve: sys.RESOLVE.IN_ROOT });
        const text = readFileSync(fd, 'utf8');
        closeSync(fd);
        assert.equal(text, 'inside');
        assert.throws(
          () => sys.openAt2(root, name, { flags: constants.O_RDONLY, resolve: sys.RESOLVE.NO_SYMLINKS }),
          (error) => isShaleError(error, 'ELOOP') && error.message.includes(name),
        );
      }
    } finally {
      closeSync(root);
    }
  });

  test('a failing call throws the name of its errno and what was tried on what', () => {
    assert.throws(
      () => sys.listXattrs('/nowhere/at/all'),
      (error) =>
        isShaleError(error, 'ENOENT') &&
        error.message === 'list the xattrs of /nowhere/at/all: no such file or directory',
    );
    assert.throws(
      () => sys.openProcess(2 ** 22 + 1),
      (error) => isShaleError(error, 'ESRCH', 'EINVAL'),
    );
    assert.throws(
      () => sys.listXattrs('a\0b'),
      (error) => isShaleError(error, 'EINVAL'),
    );
  });

  test('user xattrs round-trip by path, by byte path and by descriptor', (t) => {
    const path = join(dir, 'with-xattrs');
    writeFileSync(path, '');
    try {
      sys.setXattr(path, 'user.one', Buffer.from([0, 1, 255]));
    } catch (error) {
      if (!isShaleError(error, 'ENOTSUP')) throw error;
      return t.skip('the temporary folder is on a file system without user xattrs');
    }
    sys.setXattr(Buffer.from(path), 'user.empty', new Uint8Array());
    const fd = openSync(path, 'r');
    assert.deepEqual(
      [...sys.readXattrs(fd)].filter(([name]) => name.startsWith('user.')),
      [
        ['user.empty', Buffer.alloc(0)],
        ['user.one', Buffer.from([0, 1, 255])],
      ],
    );
    assert.equal(sys.getXattr(path, 'user.none'), undefined);
    assert.equal(sys.removeXattr(fd, 'user.one'), true);
    assert.equal(sys.removeXattr(fd, 'user.one'), false);
    closeSync(fd);
  });

  test('xattrs of a symlink are its own, not those of its target', () => {
    symlinkSync('with-xattrs', join(dir, 'link'));
    assert.equal(sys.getXattr(join(dir, 'link'), 'user.empty'), undefined);
  });

  test('names are bytes: a name that is not UTF-8 can be made, linked, timed and listed', () => {
    const folder = openSync(dir, constants.O_RDONLY);
    const name = sys.bytePath('caf\xe9\xff');
    sys.makeDirectoryAt(folder, name, 0o700);
    const inner = sys.openAt(folder, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    sys.symlinkAt(sys.bytePath('t\xfe'), inner, 'l');
    sys.linkAt(inner, 'l', inner, 'l2');
    sys.setTimesAt(inner, 'l2', 0n, -1_500_000_001n);
    const path = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from('caf\xe9\xff/l', 'latin1')]);
    assert.equal(readlinkSync(path, 'latin1'), 't\xfe');
    const stat = lstatSync(path, { bigint: true });
    assert.deepEqual([stat.nlink, stat.mtimeNs], [2n, -1_500_000_001n]);
    closeSync(inner);
    closeSync(folder);
  });

  test('a fifo is made with kind and mode', () => {
    const folder = openSync(dir, constants.O_RDONLY);
    sys.makeNodeAt(folder, 'fifo', constants.S_IFIFO | 0o600, 0, 0);
    assert.ok(lstatSync(join(dir, 'fifo')).isFIFO());
    closeSync(folder);
  });

  test('copyRange() copies a part of a file and stops at its end', () => {
    writeFileSync(join(dir, 'source'), '0123456789');
    const from = openSync(join(dir, 'source'), 'r');
    const to = openSync(join(dir, 'copy'), 'w');
    assert.equal(sys.copyRange(from, 2, to, 3), 3);
    assert.equal(sys.copyRange(from, 8, to, 100), 2);
    closeSync(from);
    closeSync(to);
    assert.equal(readFileSync(join(dir, 'copy'), 'utf8'), '23489');
  });

  test('renameWith() swaps two names in one step and refuses to replace', () => {
    writeFileSync(join(dir, 'a'), 'A');
    writeFileSync(join(dir, 'b'), 'B');
    sys.renameWith(join(dir, 'a'), join(dir, 'b'), 'exchange');
    assert.equal(readFileSync(join(dir, 'a'), 'utf8') + readFileSync(join(dir, 'b'), 'utf8'), 'BA');
    assert.throws(
      () => sys.renameWith(join(dir, 'a'), join(dir, 'b'), 'noreplace'),
      (error) => isShaleError(error, 'EEXIST'),
    );
  });

  test('tryLock() says false while another open file holds the lock', () => {
    const path = join(dir, 'lock');
    writeFileSync(path, '');
    const [one, two] = [openSync(path, 'r'), openSync(path, 'r')];
    assert.equal(sys.tryLock(one, 'exclusive'), true);
    assert.equal(sys.tryLock(two, 'shared'), false);
    sys.tryLock(one, 'unlock');
    assert.equal(sys.tryLock(two, 'shared'), true);
    closeSync(one);
    closeSync(two);
  });

  test('makePipe() and makeSocketPair() give descriptors that are closed on exec', () => {
    for (const [read, write] of [sys.makePipe(), sys.makeSocketPair('seqpacket')]) {
      writeSync(write, 'hello');
      const buffer = Buffer.alloc(10);
      assert.equal(buffer.toString('latin1', 0, readSync(read, buffer)), 'hello');
      const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${read}`, 'latin1'))?.[1] ?? '0';
      assert.notEqual(Number.parseInt(flags, 8) & sys.O_CLOEXEC, 0);
      closeSync(read);
      closeSync(write);
    }
  });

  test('openProcess() names a process, can signal it and take its descriptors', () => {
    const self = sys.openProcess(process.pid);
    sys.signalProcess(self, 0);
    const [read, write] = sys.makePipe();
    try {
      const copy = sys.takeDescriptor(self, write);
      writeSync(copy, '!');
      closeSync(copy);
      assert.equal(readSync(read, Buffer.alloc(2)), 1);
    } finally {
      for (const fd of [self, read, write]) closeSync(fd);
    }
  });

  test('advice and sync are taken by a plain file', () => {
    const fd = openSync(join(dir, 'synced'), 'w');
    writeSync(fd, 'x'.repeat(10_000));
    sys.advise(fd, 0, 0, 'dontneed');
    sys.syncFileSystem(fd);
    assert.equal(fstatSync(fd).size, 10_000);
    closeSync(fd);
  });

  test('hasCapability() agrees with /proc', () => {
    const line = /^CapEff:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    assert.equal(sys.hasCapability('sys_admin'), (BigInt(`0x${line}`) & (1n << 21n)) !== 0n);
  });
});
