import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isShaleError, isSystemError } from '../base/index.ts';
import { asDiffId } from '../oci/index.ts';
import { command, has, isRoot, mounted, runProcess, validate } from './host.fixture.ts';
import { publishImage, scratch, scratchStore, storeImage } from './store.fixture.ts';
import { openStore } from './open.ts';
import type { Store } from './types.ts';

const needsMounts = { skip: !isRoot && 'needs root, to mount' };
const needsStrace = { skip: !has('strace') && 'needs strace' };

/** Read commands answer, write commands say EROFS at once. */
async function assertReadable(root: string, tag: string): Promise<void> {
  await using store = await openStore({ root });
  assert.equal(store.readOnly, true);
  const { target } = await store.tags.get(tag);
  assert.ok((await store.images.list()).length > 0);
  assert.ok((await store.blobs.read(target.digest, 1 << 20)).length > 0);
  assert.deepEqual((await store.check({ full: true })).problems, []);
  await store.usage();
  const before = performance.now();
  for (const write of [
    () => store.blobs.put(Buffer.from('new bytes')),
    () => store.tags.remove(tag, 'rmi'),
    () => store.collect(),
  ]) {
    await assert.rejects(
      write,
      (error: unknown) => isShaleError(error, 'STORE_READ_ONLY') && /read-only file system/.test(error.message),
    );
  }
  assert.ok(performance.now() - before < 10_000, 'it waits for nothing');
}

test('F-115: read commands work on a read-only mount, write commands fail at once', needsMounts, async () => {
  using folder = scratch();
  using _mount = mounted(join(folder.path, 'm'), '-t', 'tmpfs', 'tmpfs');
  const root = join(folder.path, 'm', 'store');
  {
    await using store = await openStore({ root });
    await publishImage(store, 'a', ['x']);
  }
  command('mount', '-o', 'remount,ro', join(folder.path, 'm'));
  await assertReadable(root, 'a');
});

test('F-115: also with a log that a killed process left, and without its shared memory', needsMounts, async () => {
  using folder = scratch();
  using _mount = mounted(join(folder.path, 'm'), '-t', 'tmpfs', 'tmpfs');
  const root = join(folder.path, 'm', 'store');
  await runProcess(root, ['publish', '3', 'p'], {
    onLine: (line, child) => {
      if (line.startsWith('tag p 1')) child.kill('SIGKILL');
    },
  });
  assert.ok(existsSync(join(root, 'shale.db-wal')));
  command('mount', '-o', 'remount,ro', join(folder.path, 'm'));
  await assertReadable(root, 'p 1');
  command('mount', '-o', 'remount,rw', join(folder.path, 'm'));
  rmSync(join(root, 'shale.db-shm'), { force: true });
  command('mount', '-o', 'remount,ro', join(folder.path, 'm'));
  await assertReadable(root, 'p 1');
});

test('F-115: an immutable blob is reported by collect(), and does not stop it', needsMounts, async (t) => {
  await using fixture = await scratchStore();
  const maker = await fixture.again();
  const stuck = await maker.blobs.put(Buffer.from('stuck'));
  await maker.blobs.put(Buffer.from('free'));
  await maker[Symbol.asyncDispose]();
  const path = fixture.store.blobs.path(stuck);
  if (spawnSync('chattr', ['+i', path]).status !== 0) return t.skip('this file system has no immutable files');
  try {
    const report = await fixture.store.collect();
    assert.deepEqual([report.deletedBlobs, report.failures.map((failure) => failure.path)], [1, [path]]);
  } finally {
    command('chattr', '-i', path);
  }
  assert.equal((await fixture.store.collect()).deletedBlobs, 1);
});

test('F-113: another user cannot reach what is in a layer', needsMounts, async () => {
  await using fixture = await scratchStore();
  const digest = await fixture.store.blobs.put(Buffer.from('setuid'));
  // The folder around it is open, as /var/lib is.
  chmodSync(join(fixture.root, '..'), 0o755);
  const { status, stderr } = spawnSync(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', fixture.store.blobs.path(digest)],
    { encoding: 'utf8' },
  );
  assert.notEqual(status, 0);
  assert.match(stderr, /Permission denied/);
});

/** Fills a file system to the last byte; gives the file to remove. */
function fill(folder: string): string {
  const path = join(folder, 'ballast');
  const fd = openSync(path, 'w');
  for (const bytes of [1 << 16, 4096, 1]) {
    try {
      for (;;) if (writeSync(fd, Buffer.alloc(bytes, 'x')) === 0) break;
    } catch (error) {
      if (!isSystemError(error, 'ENOSPC')) throw error;
    }
  }
  closeSync(fd);
  return path;
}

for (const sizeKiB of [1400, 1600, 2000, 3000, 5000]) {
  test(
    `F-136: publishing on a disk of ${sizeKiB} KiB fails cleanly and works again with room`,
    needsMounts,
    async () => {
      using folder = scratch();
      const mount = join(folder.path, 'm');
      using _mount = mounted(mount, '-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'tmpfs');
      const root = join(mount, 'store');
      await using store = await openStore({ root });
      const done: string[] = [];
      const attempt = async (i: number): Promise<void> => {
        const { id } = await publishImage(store, `t${i}`, [`${i}`.repeat(60_000), 'shared']);
        done.push(`tag t${i} ${id}`);
      };
      let failed = 0;
      for (let i = 0; failed === 0 && i < 100; i++) {
        await attempt(i).catch((error: unknown) => {
          assert.ok(isShaleError(error, 'NO_SPACE'), String(error));
          assert.match(error.message, /no space left on device/);
          assert.ok(String(error.data['path']).startsWith(root));
          failed = i;
        });
      }
      assert.ok(failed > 0);
      assert.deepEqual(readdirSync(join(root, 'ingest')), []);
      assert.deepEqual(
        (await store.check({ full: true })).problems.filter(({ severity }) => severity === 'damage'),
        [],
      );
      command('mount', '-o', `remount,size=${sizeKiB + 3000}k`, mount);
      await attempt(failed);
      await store.leases.release();
      await validate(root, done, `${sizeKiB} KiB`);
    },
  );
}

test('F-137: on a full disk one can still look, remove and collect', needsMounts, async () => {
  using folder = scratch();
  const mount = join(folder.path, 'm');
  using _mount = mounted(mount, '-t', 'tmpfs', '-o', 'size=12m', 'tmpfs');
  const root = join(mount, 'store');
  const look = async (store: Store, count: number): Promise<void> => {
    assert.equal((await store.images.list()).length, count);
    for (const { target } of await store.tags.list()) await store.blobs.read(target.digest, 1 << 20);
    await store.containers.list();
    await store.usage();
  };
  {
    await using store = await openStore({ root });
    for (const i of [0, 1, 2]) await publishImage(store, `t${i}`, [`${i}`.repeat(2_000_000)]);
  }
  fill(mount);
  {
    // A command that begins when the disk is full already.
    await using store = await openStore({ root });
    await look(store, 3);
    const { target } = await store.tags.get('t0');
    await assert.rejects(publishImage(store, 'new', ['n'.repeat(100_000)]), { code: 'NO_SPACE' });
    await store.images.remove(target.digest);
    const report = await store.collect();
    assert.ok(report.freedBytes >= 2_000_000, `${report.freedBytes}`);
  }
  {
    await using store = await openStore({ root });
    await look(store, 2);
    await publishImage(store, 'new', ['n'.repeat(100_000)]);
  }
  fill(join(mount));
  await using store = await openStore({ root });
  const report = await store.collect({ images: 'all' });
  assert.equal(report.deletedImages.length, 3);
  assert.deepEqual(await store.blobs.list(), []);
  assert.deepEqual((await store.check({ full: true })).problems, []);
});

test('F-137: whoever eats what is given back, again and again, does not eat the reserve', needsMounts, async () => {
  using folder = scratch();
  const mount = join(folder.path, 'm');
  using _mount = mounted(mount, '-t', 'tmpfs', '-o', 'size=20m', 'tmpfs');
  const root = join(mount, 'store');
  await using store = await openStore({ root });
  const { id } = await publishImage(store, 'first', ['1'.repeat(2_000_000)]);
  const target = { kind: 'image', digest: id } as const;
  for (let i = 0; i < 20; i++)
    await store.tags.set(`a tag with a name that is long enough to count ${i}`, target, 'tag');
  for (let i = 0; i < 20; i++) {
    fill(mount);
    await assert.rejects(publishImage(store, 'new', ['n'.repeat(3_000_000)]), { code: 'NO_SPACE' });
    await store.tags.remove(`a tag with a name that is long enough to count ${i}`, 'rmi');
  }
  assert.ok(readFileSync(join(root, 'reserve')).length > 1 << 19);
  rmSync(join(mount, 'ballast'));
  await store.collect();
  assert.equal(readFileSync(join(root, 'reserve')).length, 1 << 20);
  assert.deepEqual((await store.check({ full: true })).problems, []);
});

test('F-140: when fdatasync fails nothing is published, and the bytes are not trusted again', needsStrace, async () => {
  await using fixture = await scratchStore();
  const before = await publishImage(fixture.store, 'before', ['x']);
  const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=fdatasync:error=EIO:when=1'];
  const failed = await runProcess(fixture.root, ['publish', '1', 'p'], { under });
  assert.match(failed.lines.join('\n'), /^error DURABILITY_FAILED cannot bring sha256:\w+ to disk: EIO/);
  assert.deepEqual(
    (await fixture.store.tags.list()).map(({ name }) => name),
    ['before'],
  );
  await validate(fixture.root, [`tag before ${before.id}`], 'after EIO');
  const again = await runProcess(fixture.root, ['publish', '1', 'p']);
  assert.equal(again.code, 0, again.lines.join('\n'));
  await validate(fixture.root, again.lines, 'again');
});

test('F-141: a blob that the disk cannot read is named, and the others are fine', needsStrace, async () => {
  await using fixture = await scratchStore();
  const a = await publishImage(fixture.store, 'a', ['x']);
  const b = await publishImage(fixture.store, 'b', ['y']);
  const path = fixture.store.blobs.path(a.id);
  const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', path, '-e', 'inject=read,pread64:error=EIO'];
  const read = await runProcess(fixture.root, ['read'], { under });
  assert.deepEqual(new Set(read.lines), new Set([`failed ${a.id} STORE_IO`, `read ${b.id}`]));
  const checked = await runProcess(fixture.root, ['check'], { under });
  assert.match(checked.lines[0] ?? '', new RegExp(`"BLOB_UNREADABLE".*${a.id}`));
});

test('F-143: interrupted writes are completed', needsStrace, async () => {
  await using fixture = await scratchStore();
  const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=pwrite64:error=EINTR:when=3+4'];
  const outcome = await runProcess(fixture.root, ['publish', '3', 'p'], { under });
  assert.equal(outcome.code, 0, outcome.lines.join('\n'));
  await validate(fixture.root, outcome.lines, 'EINTR');
});

const SHUTDOWN = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(fd, 0x8004587D, struct.pack('I', 2))  # FS_IOC_SHUTDOWN, no log flush
`;

for (const what of ['publish', 'tour'] as const) {
  test(
    `F-123, F-124: a power cut right after "${what}" has reported its results loses none of them`,
    needsMounts,
    async (t) => {
      if (!has('mkfs.ext4') || !has('python3')) return t.skip('needs mkfs.ext4 and python3');
      using folder = scratch();
      const image = join(folder.path, 'disk');
      command('truncate', '-s', '64M', image);
      command('mkfs.ext4', '-q', image);
      const mount = join(folder.path, 'm');
      const lines: string[] = [];
      {
        using _mount = mounted(mount, '-o', 'loop', image);
        const root = join(mount, 'store');
        const outcome = await runProcess(root, what === 'publish' ? ['publish', '3', 'p'] : ['tour'], {
          onLine: (line, child) => {
            lines.push(line);
            const last = what === 'publish' ? line.startsWith('tag p 2') : line.startsWith('tag c');
            if (!last) return;
            // The power goes at the very moment that the last result is reported.
            child.kill('SIGSTOP');
            command('python3', '-c', SHUTDOWN, mount);
            child.kill('SIGKILL');
          },
        });
        assert.equal(outcome.signal, 'SIGKILL');
      }
      // A copy: a mount namespace that somebody has made meanwhile may keep the disk that was cut off alive.
      const disk = join(folder.path, 'disk after the cut');
      command('cp', '--sparse=always', image, disk);
      using _mount = mounted(mount, '-o', 'loop', disk);
      const root = join(mount, 'store');
      const checked = await runProcess(root, ['check'], { env: { SHALE_BOOT_ID: 'the-next-boot' } });
      const problems: readonly { readonly severity: string }[] = JSON.parse(checked.lines[0] ?? '');
      assert.deepEqual(
        problems.filter(({ severity }) => severity === 'damage'),
        [],
        checked.lines.join('\n'),
      );
      const published = lines.filter((line) => line.startsWith('tag '));
      for (const line of published) assert.ok(checked.lines.includes(line), line);
      const again = await runProcess(root, ['publish', '3', 'p'], { env: { SHALE_BOOT_ID: 'the-next-boot' } });
      assert.equal(again.code, 0, again.lines.join('\n'));
    },
  );
}

test('F-123: what led to a blob is forgotten for good before the blob is taken away', needsStrace, async () => {
  await using fixture = await scratchStore();
  const layer = asDiffId(await fixture.store.blobs.put(Buffer.from('cached layer')));
  await fixture.store.cacheRecords.put({ keys: ['k'], slot: 's', result: null, diffIds: [layer] });
  await fixture.store.leases.release();
  const trace = join(fixture.root, '../trace');
  const calls = 'trace=pwrite64,fdatasync,fsync,rename,renameat,renameat2';
  const under = ['strace', '-f', '-qq', '-y', '-o', trace, '-e', calls];
  const { lines } = await runProcess(fixture.root, ['collect', '1'], { under });
  assert.match(lines.join(), /^deleted [1-9]/);
  const traced = readFileSync(trace, 'latin1').split('\n');
  const before = traced.slice(
    0,
    traced.findIndex((line) => /rename/.test(line) && line.includes('/blobs/sha256/')),
  );
  const written = before.findLastIndex((line) => /pwrite64\(\d+<[^>]*shale\.db-wal/.test(line));
  const synced = before.findLastIndex((line) => /(fdatasync|fsync)\(\d+<[^>]*shale\.db-wal/.test(line));
  assert.ok(written >= 0 && synced > written, before.join('\n'));
});

test('a torn intermediate blob of another boot is no damage, and is made anew', async () => {
  await using fixture = await scratchStore();
  const first = await runProcess(fixture.root, ['tour'], {
    env: { SHALE_BOOT_ID: 'another-boot' },
    onLine: (line, child) => {
      if (line.startsWith('container')) child.kill('SIGKILL');
    },
  });
  assert.equal(first.signal, 'SIGKILL');
  const image = await storeImage(fixture.store, 'z', ['torn']);
  const path = fixture.store.blobs.path(image.id);
  chmodSync(path, 0o600);
  writeFileSync(path, '');
  assert.equal(readFileSync(path).length, 0);
  assert.equal((await storeImage(fixture.store, 'z', ['torn'])).id, image.id);
  await fixture.store.leases.release();
  await validate(fixture.root, [], 'torn');
});
