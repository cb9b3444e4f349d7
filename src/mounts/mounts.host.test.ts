import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { MNT, mount, unmount } from '../sys/index.ts';
import { openMountHost } from './index.ts';
import { mountContract } from './mounts.contract.ts';
import { mountsWith, Sandbox, skipMounts } from './mounts.fixture.ts';

mountContract('erofs');
mountContract('erofs', { byName: true });
mountContract('erofs', { thread: 'own' });
mountContract('unpack');
mountContract('unpack', { thread: 'own' });

describe('openMountHost()', { skip: skipMounts }, () => {
  test('finds the driver by one mount, remembers it until the next boot, and leaves nothing behind', async () => {
    using box = new Sandbox();
    for (const name of ['store', 'run']) mkdirSync(box.path(name));
    const options = { mountDir: box.path('mnt'), probeDir: box.path('store'), stateDir: box.path('run') };
    {
      await using host = await openMountHost(options);
      assert.match(host.driver, /^(erofs|unpack)$/);
      assert.equal(host.driverReason === undefined, host.driver === 'erofs');
    }
    assert.deepEqual(readdirSync(box.path('store')), []);
    const file = box.path('run', 'mount-drivers.json');
    const state = JSON.parse(readFileSync(file, 'utf8'));
    for (const key of Object.keys(state.drivers)) state.drivers[key] = { driver: 'unpack', reason: 'as remembered' };
    writeFileSync(file, JSON.stringify(state));
    {
      await using host = await openMountHost(options);
      assert.deepEqual([host.driver, host.driverReason], ['unpack', 'as remembered']);
    }
    for (const damaged of [JSON.stringify({ ...state, bootId: 'another' }), '{', '[]', '{"bootId":1}']) {
      writeFileSync(file, damaged);
      await using host = await openMountHost(options);
      assert.notEqual(host.driverReason, 'as remembered');
    }
  });

  test('a store on tmpfs gets the unpacking driver, and it is said why', async () => {
    using box = new Sandbox();
    mkdirSync(box.path('store'));
    mount('shale-test', box.path('store'), 'tmpfs', 0, 'size=1m');
    try {
      await using host = await openMountHost({ mountDir: box.path('mnt'), probeDir: box.path('store') });
      if (host.driver === 'unpack') assert.match(host.driverReason ?? '', /erofs|overlay/);
    } finally {
      unmount(box.path('store'));
    }
  });

  test('F-136: a full disk while unpacking leaves no tree behind; with room the same works', async () => {
    using box = new Sandbox();
    const layer = box.layer([{ path: 'file', content: 'x'.repeat(300_000) }]);
    mkdirSync(box.path('trees'));
    mount('shale-test', box.path('trees'), 'tmpfs', 0, 'size=128k');
    try {
      await using host = await openMountHost({ mountDir: box.path('mnt'), driver: 'unpack', trees: box.trees() });
      await assert.rejects(
        host.mountRootfs({ layers: [layer] }),
        (error) => isShaleError(error, 'ENOSPC') && /no space/.test(error.message),
      );
      assert.deepEqual(readdirSync(box.path('trees')), []);
      mount('shale-test', box.path('trees'), 'tmpfs', 32, 'size=1m');
      await using rootfs = await host.mountRootfs({ layers: [layer] });
      assert.equal(readFileSync(`${rootfs.access}/file`).length, 300_000);
    } finally {
      unmount(box.path('trees'), MNT.DETACH);
    }
  });

  test('in a user namespace layers are unpacked, and what cannot be made there is listed or refused', () => {
    using box = new Sandbox();
    const lower = box.layer([
      { path: 'dir', kind: 'directory' },
      { path: 'dir/old', content: '' },
      { path: 'gone', content: '' },
      { path: 'null', kind: 'character', device: [1, 3] },
      { path: 'marked', content: '', xattrs: { 'trusted.x': 'y' } },
    ]);
    const upper = box.layer([
      { path: '.wh.gone' },
      { path: 'dir', kind: 'directory' },
      { path: 'dir/.wh..wh..opq' },
      { path: 'dir/new', content: 'new' },
    ]);
    const foreign = box.layer([{ path: 'theirs', content: '', uid: 4000 }]);
    const script = box.path('inside.ts');
    const face = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    writeFileSync(
      script,
      `import { openMountHost } from ${face('./index.ts')};
       import { Sandbox } from ${face('./mounts.fixture.ts')};
       import { execFileSync } from 'node:child_process';
       import { readdirSync, rmSync, mkdirSync } from 'node:fs';
       using box = new Sandbox();
       const lost: unknown[] = [];
       await using host = await openMountHost({
         mountDir: box.path('mnt'), probeDir: box.dir, trees: box.trees(), onLost: (entries) => lost.push(entries.entries),
       });
       const [lower, upper, foreign] = JSON.parse(process.argv[2] ?? '');
       await using rootfs = await host.mountRootfs({ layers: [lower, upper], upper: box.upper('u') });
       const before = [readdirSync(rootfs.access), readdirSync(rootfs.access + '/dir')];
       rmSync(rootfs.access + '/dir', { recursive: true });
       mkdirSync(rootfs.access + '/dir');
       const refused = await host.mountRootfs({ layers: [foreign] }).then(() => 'mounted', (error) => error.code);
       const child = await host.spawn({ command: 'ls', args: [rootfs.path], env: { PATH: '/bin:/usr/bin' }, stdio: [], lifetime: 'child' });
       const { code } = await child.ended;
       console.log(JSON.stringify({ driver: host.driver, lost, before, after: readdirSync(rootfs.access + '/dir'), refused, code }));`,
    );
    const args = [
      '--user',
      '--map-root-user',
      '--mount',
      process.execPath,
      script,
      JSON.stringify([lower, upper, foreign]),
    ];
    const out = execFileSync('unshare', args, { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(out), {
      driver: 'unpack',
      lost: [
        [
          { path: 'marked', what: 'xattr trusted.x' },
          { path: 'null', what: 'character device 1:3' },
        ],
      ],
      before: [['dir', 'marked'], ['new']],
      after: [],
      refused: 'UNPACK_UNSUPPORTED',
      code: 0,
    });
    assert.deepEqual(mountsWith(box.dir), []);
    assert.equal(existsSync(box.path('mnt')), false);
  });
});
