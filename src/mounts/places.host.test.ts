import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { collect, isShaleError } from '../base/index.ts';
import { openMountHost, type MountHost } from './index.ts';
import { mountsWith, Sandbox, skipMounts } from './mounts.fixture.ts';

async function sees(host: MountHost, script: string): Promise<string> {
  const shell = await host.spawn({
    command: 'sh',
    args: ['-c', `${script} 2>&1`],
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'ignore'],
    lifetime: 'step',
  });
  const output = (await collect(shell.output(1), 100_000, 'output')).toString();
  await shell.ended;
  return output;
}

describe('mountInside()', { skip: skipMounts }, () => {
  test('F-217: follows links and ".." as in a chroot, and never out of the directory', async () => {
    using box = new Sandbox();
    mkdirSync(box.path('root', 'real'), { recursive: true });
    writeFileSync(box.path('root', 'real', 'file'), 'inside');
    writeFileSync(box.path('outside'), 'outside');
    symlinkSync('/real', box.path('root', 'absolute'));
    symlinkSync('../../../..', box.path('root', 'up'));
    symlinkSync(box.path('outside'), box.path('root', 'out'));
    symlinkSync('/proc/self/root', box.path('root', 'magic'));
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'unpack', trees: box.trees() });
    for (const [path, shown] of [
      ['absolute', 'file'],
      ['/absolute/../../real', 'file'],
      ['up/real', 'file'],
    ] as const) {
      await using place = await host.mountInside(box.path('root'), path);
      assert.ok(place.isDirectory);
      assert.equal(await sees(host, `ls ${place.path}`), `${shown}\n`);
    }
    await using file = await host.mountInside(box.path('root'), 'absolute/file');
    assert.ok(!file.isDirectory);
    assert.equal(readFileSync(file.access, 'utf8'), 'inside');
    for (const path of ['out', 'magic', 'none', 'real/file/none'])
      await assert.rejects(host.mountInside(box.path('root'), path), (error) =>
        isShaleError(error, 'MOUNT_SOURCE_MISSING'),
      );
    assert.deepEqual(mountsWith(box.dir), [], 'the mounts of this machine');
  });

  test('F-217: what was found stays mounted when something else is put in its place', async () => {
    using box = new Sandbox();
    mkdirSync(box.path('root', 'cache'), { recursive: true });
    writeFileSync(box.path('root', 'cache', 'mine'), '');
    writeFileSync(box.path('secret'), '');
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'unpack', trees: box.trees() });
    {
      await using place = await host.mountInside(box.path('root'), 'cache');
      renameSync(box.path('root', 'cache'), box.path('root', 'away'));
      symlinkSync(box.dir, box.path('root', 'cache'));
      assert.equal(await sees(host, `ls ${place.path}`), 'mine\n');
      assert.ok(existsSync(place.access));
    }
    rmSync(box.path('root'), { recursive: true });
    assert.equal(await sees(host, `ls ${box.path('mnt')} | grep -v '^[a-z]'`), '');
  });
});

describe('mountFiles()', { skip: skipMounts }, () => {
  test('F-221: gives files in memory that only programs of the host see', async () => {
    using box = new Sandbox();
    await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'unpack', trees: box.trees() });
    const bytes = Buffer.alloc(500 * 1024, 'k');
    let path: string;
    {
      await using place = await host.mountFiles([
        { name: 'a', bytes: Buffer.from('one'), mode: 0o440, uid: 5, gid: 6 },
        { name: 'b', bytes, mode: 0o400, uid: 0, gid: 0 },
      ]);
      ({ path } = place);
      assert.equal(
        await sees(host, `cd ${path} && stat -c '%n %a %u:%g %s' a b && cat a && stat -f -c ' %T' .`),
        `a 440 5:6 3\nb 400 0:0 ${bytes.length}\none tmpfs\n`,
      );
      assert.ok(!existsSync(`${path}/a`), 'not in the namespace of this process');
    }
    assert.match(await sees(host, `ls ${path}`), /No such file/);
  });
});
