import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { preflight, rootfsUserDatabase, type TargetRequest } from './preflight.ts';
import { containersMissing, openWorld, runIn, type World } from './runtime.fixture.ts';
import { resolveUser } from './users.ts';

const skip = containersMissing();

function target(path: string, kind: 'file' | 'directory' = 'file'): TargetRequest {
  return { target: path, kind, traceless: true };
}

function check(world: World, ...targets: readonly TargetRequest[]): ReturnType<typeof preflight> {
  return preflight({ rootfs: { path: world.rootfs, access: world.rootfs }, targets, cwd: '/' });
}

/** Names, modes, owners, times and contents of a tree. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    const stat = lstatSync(path, { bigint: true });
    hash.update(JSON.stringify([path, `${stat.mode}`, `${stat.uid}`, `${stat.gid}`, `${stat.mtimeNs}`]));
    if (stat.isDirectory()) for (const name of readdirSync(path).toSorted()) visit(`${path}/${name}`);
    else if (stat.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stat.isFile()) hash.update(readFileSync(path));
  };
  visit(folder);
  return hash.digest('hex');
}

test(
  'F-239: a rootfs whose /dev, /proc or /sys is a link or a file is refused, and the host keeps its files',
  { skip },
  async () => {
    using world = openWorld();
    const canary = `${world.folder}/canary`;
    mkdirSync(`${canary}/etc`, { recursive: true });
    for (const name of ['null', 'ptmx', 'console', 'etc/hosts']) writeFileSync(`${canary}/${name}`, 'host');
    const before = fingerprint(canary);
    for (const name of ['dev', 'proc', 'sys']) {
      for (const link of [canary, `../canary`, '/proc/self/root', '/proc/1/root/tmp', 'bin']) {
        rmSync(`${world.rootfs}/${name}`, { recursive: true, force: true });
        symlinkSync(link, `${world.rootfs}/${name}`);
        await assert.rejects(runIn(world, ['true']), { code: 'ROOTFS_UNSAFE' });
      }
      rmSync(`${world.rootfs}/${name}`);
      writeFileSync(`${world.rootfs}/${name}`, '');
      await assert.rejects(runIn(world, ['true']), { code: 'ROOTFS_UNSAFE' });
      rmSync(`${world.rootfs}/${name}`);
    }
    assert.equal(fingerprint(canary), before);
    assert.equal((await runIn(world, ['true'])).exit.code, 0);
    assert.equal(fingerprint(canary), before);
  },
);

test('F-239: /etc and the files in it as links stay inside the rootfs', { skip }, async () => {
  using world = openWorld();
  const canary = `${world.folder}/canary`;
  mkdirSync(canary);
  writeFileSync(`${canary}/hosts`, 'host');
  const before = fingerprint(canary);
  for (const name of ['resolv.conf', 'hosts', 'hostname']) rmSync(`${world.rootfs}/etc/${name}`, { force: true });
  symlinkSync(`${canary}/hosts`, `${world.rootfs}/etc/hosts`);
  symlinkSync('../run/systemd/resolve/stub-resolv.conf', `${world.rootfs}/etc/resolv.conf`);
  const outcome = await runIn(world, ['sh', '-c', 'cat /etc/hosts; cat /run/systemd/resolve/stub-resolv.conf']);
  assert.equal(outcome.exit.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /127\.0\.1\.1\tshale/);
  rmSync(`${world.rootfs}/etc`, { recursive: true });
  symlinkSync(canary, `${world.rootfs}/etc`);
  assert.equal((await runIn(world, ['true'])).exit.code, 0);
  assert.equal(fingerprint(canary), before);
});

test(
  'F-245: preflight() resolves a target inside the rootfs and refuses /, /proc, /sys and relative ones',
  { skip },
  () => {
    using world = openWorld();
    symlinkSync('/', `${world.rootfs}/mnt`);
    symlinkSync('../../../../../etc', `${world.rootfs}/up`);
    symlinkSync('/proc', `${world.rootfs}/p`);
    symlinkSync('loop', `${world.rootfs}/loop`);
    for (const bad of [
      '/mnt',
      '/',
      '/..',
      '/proc',
      '/proc/self',
      '/sys',
      '/sys/fs',
      '/p',
      '/p/1',
      '/dev',
      'relative',
      '',
    ]) {
      assert.throws(() => check(world, target(bad, 'directory')), { code: 'MOUNT_TARGET_INVALID' }, bad);
    }
    assert.throws(() => check(world, target('/loop/x')), { code: 'ROOTFS_UNSAFE' });
    assert.throws(() => check(world, target('/etc/passwd/x')), { code: 'ROOTFS_UNSAFE' });
    assert.throws(() => check(world, target('/etc', 'file')), { code: 'MOUNT_TARGET_INVALID' });
    const found = check(world, target('/up/x'), target('/../../a/./b//c', 'directory'), target('/dev/fuse'));
    assert.deepEqual(found.targets, ['/etc/x', '/a/b/c', '/dev/fuse']);
    assert.deepEqual(found.traces.created.slice(-4), [
      { path: 'etc/x', kind: 'file' },
      { path: 'a', kind: 'directory' },
      { path: 'a/b', kind: 'directory' },
      { path: 'a/b/c', kind: 'directory' },
    ]);
    assert.deepEqual(check(world, { ...target('/sys', 'directory'), allowSys: true }).targets, ['/sys']);
  },
);

test('preflight() leaves directories with the times that they had', { skip }, () => {
  using world = openWorld();
  const before = lstatSync(`${world.rootfs}/etc`, { bigint: true }).mtimeNs;
  const { traces } = check(world, target('/etc/new/file'));
  assert.equal(lstatSync(`${world.rootfs}/etc`, { bigint: true }).mtimeNs, before);
  assert.deepEqual(
    traces.touched.find((one) => one.path === 'etc'),
    { path: 'etc', mtimeNs: before },
  );
  assert.deepEqual(check(world, target('/etc/new/file')).traces.created, []);
});

test('F-245: a working directory below /proc is refused, also through a link', { skip }, async () => {
  using world = openWorld();
  symlinkSync('/proc/self/fd/7', `${world.rootfs}/linked`);
  for (const cwd of ['/proc/self/fd/7', '/linked', '/linked/../x', 'relative']) {
    await assert.rejects(runIn(world, ['true'], { cwd }), /working directory|ROOTFS_UNSAFE/, cwd);
  }
  assert.equal((await runIn(world, ['pwd'], { cwd: '/new/dir' })).stdout, '/new/dir\n');
});

test(
  'F-244: a user database that is huge, a fifo, a device or a link outwards is refused or contained',
  { skip },
  async () => {
    using world = openWorld();
    const passwd = `${world.rootfs}/etc/passwd`;
    const read = rootfsUserDatabase({ path: world.rootfs, access: world.rootfs });
    const resolve = (user: string): Promise<unknown> => resolveUser(user, [], read);
    writeFileSync(passwd, '');
    execFileSync('truncate', ['-s', '11M', passwd]);
    await assert.rejects(resolve('app'), { code: 'ROOTFS_UNSAFE' });
    rmSync(passwd);
    execFileSync('mkfifo', [passwd]);
    await assert.rejects(resolve('app'), { code: 'ROOTFS_UNSAFE' });
    rmSync(passwd);
    mkdirSync(passwd);
    await assert.rejects(resolve('app'), { code: 'ROOTFS_UNSAFE' });
    rmSync(passwd, { recursive: true });
    symlinkSync('/proc/self/environ', passwd);
    await assert.rejects(resolve('app'), { code: 'USER_UNKNOWN' });
    rmSync(passwd);
    writeFileSync(`${world.folder}/outside`, 'app:x:9:9::/:/bin/sh\n');
    symlinkSync(`${world.folder}/outside`, passwd);
    await assert.rejects(resolve('app'), { code: 'USER_UNKNOWN' });
    rmSync(passwd);
    writeFileSync(`${world.rootfs}/etc/real`, 'app:x:8:9::/home:/bin/sh\n');
    symlinkSync('/etc/real', passwd);
    assert.deepEqual(await resolve('app'), { uid: 8, gid: 9, groups: [9], home: '/home' });
  },
);
