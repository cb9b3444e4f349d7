import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { collect, isShaleError, ownerOf } from '../base/index.ts';
import {
  type HostProcess,
  joinMountHost,
  type MountHost,
  type MountHostOptions,
  openMountHost,
  type SpawnRequest,
} from './index.ts';
import { mountsWith, Sandbox, skipMounts } from './mounts.fixture.ts';

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const SHARED = process.env['SHALE_SHARED'] ?? join(import.meta.dirname, '../../../shared');
const ROOTFS = join(SHARED, 'fixtures/busybox-rootfs.tar.gz');

async function run(host: MountHost, script: string, more: Partial<SpawnRequest> = {}): Promise<string> {
  const child = await start(host, script, more);
  const text = (await collect(child.output(1), 100_000, 'output')).toString().trim();
  assert.deepEqual(await child.ended, { code: 0, signal: undefined });
  return text;
}

async function start(host: MountHost, script: string, more: Partial<SpawnRequest> = {}): Promise<HostProcess> {
  const lifetime = more.lifetime ?? 'step';
  return await host.spawn({
    command: 'sh',
    args: ['-c', script],
    env,
    stdio: ['ignore', 'pipe', 2],
    ...more,
    lifetime,
  });
}

type Thread = NonNullable<MountHostOptions['thread']>;

async function openBare(box: Sandbox, thread?: Thread): Promise<MountHost> {
  return await openMountHost({ mountDir: box.path('mnt'), driver: 'erofs', ...(thread !== undefined && { thread }) });
}

/** Processes that have `text` in their command line. */
function processesWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text) && ownerOf(Number(pid)) !== undefined;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** True when `holds` becomes true within a second. */
async function within1s(holds: () => boolean): Promise<boolean> {
  for (const end = Date.now() + 1000; Date.now() < end; await sleep(5)) if (holds()) return true;
  return holds();
}

/** A shale of its own to be killed: `script` has `host` and `box`, and calls `say` when it is ready. */
async function victim(
  box: Sandbox,
  script: string,
  thread: Thread = 'caller',
): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const file = box.path('victim.ts');
  const face = JSON.stringify(new URL('./index.ts', import.meta.url).href);
  writeFileSync(
    file,
    `import { openMountHost } from ${face};
     const dir = ${JSON.stringify(box.dir)};
     const say = (text: string): void => console.log(text);
     const host = await openMountHost({ mountDir: dir + '/mnt-victim', driver: 'erofs', thread: '${thread}' });
     ${script}`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the victim ended by itself'))),
  ]);
  return { child, said: String(said) };
}

async function killHard(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

spawnContract('caller');
spawnContract('own');

function spawnContract(thread: Thread): void {
  describe(
    `MountHost.spawn(), mounts on the thread of ${thread === 'own' ? 'the host' : 'the caller'}`,
    { skip: skipMounts },
    () => {
      test('passes arguments, environment, folder, descriptors and exit status', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        for (const lifetime of ['own', 'child', 'step'] as const) {
          assert.equal(
            await run(host, 'echo "$PWD $WORD $#"', { lifetime, cwd: '/usr', env: { ...env, WORD: 'a b' } }),
            '/usr a b 0',
          );
          const child = await start(host, 'cat; exit 7', { lifetime, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
          await child.write(Buffer.from('through '));
          await child.write(Buffer.from('a pipe'));
          child.end();
          assert.equal((await collect(child.output(1), 100, 'output')).toString(), 'through a pipe');
          for (const fd of [2, 3]) assert.equal((await collect(child.output(fd), 100, 'output')).length, 0);
          assert.deepEqual(await child.ended, { code: 7, signal: undefined });
          assert.equal(child.kill('SIGTERM'), false);
        }
      });

      test('gives a program nothing but the descriptors it was promised', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        await using rootfs = await host.mountRootfs({ layers: [box.layer([])] });
        void rootfs;
        for (const lifetime of ['own', 'child', 'step'] as const) {
          // ls itself has the directory open.
          assert.equal(await run(host, 'exec ls /proc/self/fd', { lifetime }), '0\n1\n2\n3');
        }
      });

      test('a step is process 1 of its own pid namespace, with a /proc that shows it', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        assert.equal(
          await run(host, 'echo $$ $(readlink /proc/self/../1/exe) $(ls -d /proc/[0-9]* | head -1)'),
          `1 ${await run(host, 'readlink -f $(command -v sh)')} /proc/1`,
        );
        const theirs = await run(host, 'echo $$', { lifetime: 'child' });
        assert.notEqual(theirs, '1');
      });

      test('a step ends with all that it started; a child leaves them alone', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        const mark = `9${process.pid}`;
        await run(host, `sleep ${mark}.1 > /dev/null & sleep 0.05`);
        assert.equal(await within1s(() => processesWith(`${mark}.1`).length === 0), true);
        await run(host, `sleep ${mark}.2 > /dev/null & sleep 0.05`, { lifetime: 'child' });
        const [left] = processesWith(`${mark}.2`);
        assert.ok(left !== undefined);
        process.kill(left);
      });

      test('kill() reaches the program itself, and its signal is told', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        const child = await start(host, 'exec sleep 100', { lifetime: 'child' });
        assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), /sleep|setpriv/);
        assert.equal(child.kill('SIGTERM'), true);
        assert.deepEqual(await child.ended, { code: undefined, signal: 'SIGTERM' });
      });

      test('a program that is not there is ENOENT, one that may not be run EACCES, whatever its lifetime', async () => {
        using box = new Sandbox();
        writeFileSync(box.path('plain'), '');
        await using host = await openBare(box, thread);
        for (const lifetime of ['own', 'child', 'step'] as const) {
          for (const [command, code] of [
            ['no-such-program', 'ENOENT'],
            [box.path('no'), 'ENOENT'],
            [box.path('plain'), 'EACCES'],
          ] as const) {
            await assert.rejects(
              host.spawn({ command, args: [], env, stdio: [], lifetime }),
              (error) => isShaleError(error, code) && error.message.includes(command),
            );
          }
        }
        assert.equal(await run(host, 'echo still here'), 'still here');
      });

      test('starts a program in the network namespace that is asked for, and no other one', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        const holder = spawn('unshare', ['--net', 'sleep', '100'], { stdio: 'ignore' });
        try {
          const path = `/proc/${holder.pid}/ns/net`;
          const own = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim();
          await within1s(() => execFileSync('readlink', [path], { encoding: 'utf8' }).trim() !== own);
          const theirs = execFileSync('readlink', [path], { encoding: 'utf8' }).trim();
          for (const lifetime of ['own', 'child', 'step'] as const) {
            assert.equal(await run(host, 'readlink /proc/self/ns/net', { lifetime, networkNamespace: path }), theirs);
            assert.equal(await run(host, 'readlink /proc/self/ns/net', { lifetime }), own);
          }
        } finally {
          holder.kill('SIGKILL');
        }
      });

      test('closing the host ends what is bound to it, at once and without leaving zombies', async () => {
        using box = new Sandbox();
        const host = await openBare(box, thread);
        const step = await start(host, 'sleep 100 & sleep 100', { stdio: ['ignore', 'ignore', 'ignore'] });
        const child = await start(host, 'exec sleep 100', { lifetime: 'child', stdio: ['ignore', 'ignore', 'ignore'] });
        await host[Symbol.asyncDispose]();
        assert.equal((await step.ended).signal, 'SIGKILL');
        assert.equal((await child.ended).signal, 'SIGKILL');
        assert.deepEqual([existsSync(`/proc/${step.pid}`), existsSync(`/proc/${child.pid}`)], [false, false]);
        await assert.rejects(start(host, 'true'), (error) => isShaleError(error, 'MOUNT_HOST_CLOSED'));
      });

      test('a rootfs that is kept lives with the program, and joinMountHost() sees it until the program ends', async () => {
        using box = new Sandbox();
        const layer = box.layer([{ path: 'file', content: 'kept' }]);
        let [path, pid] = ['', 0];
        {
          await using host = await openBare(box, thread);
          await using rootfs = await host.mountRootfs({ layers: [layer], upper: box.upper('u') });
          const keeper = await start(host, 'exec sleep 100', {
            lifetime: 'own',
            stdio: ['ignore', 'ignore', 'ignore'],
          });
          await rootfs.keep();
          [path, pid] = [rootfs.path, keeper.pid];
        }
        try {
          assert.equal(existsSync(`${path}/file`), false);
          const owner = ownerOf(pid);
          assert.ok(owner !== undefined);
          {
            await using joined = await joinMountHost(owner);
            assert.equal(await run(joined, `cat ${path}/file`, { lifetime: 'child' }), 'kept');
            assert.equal(await run(joined, `cat ${path}/file`), 'kept');
            await assert.rejects(joined.mountRootfs({ layers: [] }), (error) =>
              isShaleError(error, 'MOUNT_JOINED', 'MOUNT_NO_TREES'),
            );
          }
          await assert.rejects(joinMountHost({ ...owner, startTime: '1' }), (error) => isShaleError(error, 'ESRCH'));
        } finally {
          process.kill(pid, 'SIGKILL');
        }
        assert.equal(await within1s(() => ownerOf(pid) === undefined), true);
        assert.deepEqual(mountsWith(box.dir), []);
      });

      test('an unmount reaches the namespaces of running steps, so that the upper is free', async () => {
        using box = new Sandbox();
        await using host = await openBare(box, thread);
        const rootfs = await host.mountRootfs({ layers: [box.layer([])], upper: box.upper('u') });
        const step = await start(host, 'sleep 100', { stdio: ['ignore', 'ignore', 'ignore'] });
        assert.equal(await within1s(() => seenBy(step.pid, rootfs.path)), true);
        await rootfs[Symbol.asyncDispose]();
        assert.equal(seenBy(step.pid, rootfs.path), false);
        step.kill('SIGKILL');
        await step.ended;
      });
    },
  );
}

test(
  'F-130: kill -9 of shale ends steps and children and leaves no mount, 20 times of 20',
  { skip: skipMounts },
  async () => {
    using box = new Sandbox();
    const mark = `8${process.pid}`;
    for (let i = 0; i < 20; i++) {
      const { child } = await victim(
        box,
        `await host.mountRootfs({ layers: [], upper: { upperDir: dir + '/up${i}', workDir: dir + '/work${i}' } });
       for (const lifetime of ['step', 'child'] as const) {
         const args = ['-c', 'sleep ${mark} & exec sleep ${mark}'].slice(0);
         if (lifetime === 'child') args[1] = 'exec sleep ${mark}';
         await host.spawn({ command: 'sh', args, env: {}, stdio: [], lifetime });
       }
       say('ready');`,
        i % 2 === 0 ? 'own' : 'caller',
      );
      assert.equal(await within1s(() => processesWith(mark).length >= 3), true);
      await killHard(child);
      assert.equal(await within1s(() => processesWith(mark).length === 0), true, `round ${i}`);
      assert.deepEqual(mountsWith(box.dir), []);
      // Nothing holds the upper any more.
      rmSync(box.path(`up${i}`), { recursive: true });
    }
  },
);

describe('a mount host on the thread of the caller', { skip: skipMounts }, () => {
  const standpoint = (): unknown => {
    const { dev, ino } = statSync('/');
    return [readlinkSync('/proc/thread-self/ns/mnt'), process.cwd(), readlinkSync('/proc/thread-self/cwd'), dev, ino];
  };

  test('visits its namespace: what the caller sees stays as it is, also when a request fails', async () => {
    using box = new Sandbox();
    const [before, umask] = [standpoint(), process.umask(0o027)];
    try {
      const host = await openBare(box, 'caller');
      const rootfs = await host.mountRootfs({ layers: [], upper: box.upper('u') });
      assert.deepEqual(standpoint(), before);
      await assert.rejects(start(host, 'true', { command: 'no-such-program' }), { code: 'ENOENT' });
      assert.deepEqual([standpoint(), process.umask()], [before, 0o027]);
      writeFileSync(`${rootfs.access}/seen`, 'x');
      for (const lifetime of ['own', 'child', 'step'] as const)
        assert.equal(await run(host, `cat ${rootfs.path}/seen; umask`, { lifetime }), 'x0022');
      assert.deepEqual(mountsWith(box.dir), []);
      const bound = await start(host, 'sleep 100', { lifetime: 'child' });
      await host[Symbol.asyncDispose]();
      assert.equal((await bound.ended).signal, 'SIGKILL');
      await assert.rejects(start(host, 'true'), { code: 'MOUNT_HOST_CLOSED' });
      await rootfs[Symbol.asyncDispose]();
      assert.deepEqual(standpoint(), before);
    } finally {
      process.umask(umask);
    }
  });

  test('goes on when its caller has started threads meanwhile, which share its root and directory', async () => {
    using box = new Sandbox();
    await using host = await openBare(box, 'caller');
    await using first = await host.mountRootfs({ layers: [], upper: box.upper('u') });
    const thread = new Worker('setInterval(() => {}, 1000)', { eval: true });
    try {
      await once(thread, 'online');
      await using second = await host.mountRootfs({ layers: [], upper: box.upper('v') });
      assert.notEqual(first.path, second.path);
    } finally {
      await thread.terminate();
    }
  });
});

/** True when a process has a mount at `path`. */
function seenBy(pid: number, path: string): boolean {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${path} `);
}

const skipRunc = skipMounts || (canRun('runc') ? (existsSync(ROOTFS) ? false : `needs ${ROOTFS}`) : 'needs runc');

function canRun(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A bundle for real runc, over the busybox root file system. */
function bundle(box: Sandbox, name: string, id: string, rootfs: string, args: readonly string[]): string {
  const dir = box.path(name);
  mkdirSync(dir, { recursive: true });
  rmSync(join(dir, 'config.json'), { force: true });
  execFileSync('runc', ['spec'], { cwd: dir });
  const file = join(dir, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  Object.assign(config.process, { terminal: false, args });
  Object.assign(config.root, { path: rootfs, readonly: false });
  config.linux.cgroupsPath = `/${id}`;
  writeFileSync(file, JSON.stringify(config));
  return dir;
}

function unpackRootfs(box: Sandbox): string {
  const dir = box.path('busybox');
  mkdirSync(dir);
  execFileSync('tar', ['-xzf', ROOTFS, '-C', dir]);
  return dir;
}

/** The cgroups of a container: path → processes in it. */
function cgroupsOf(id: string): Record<string, string> {
  const root = '/sys/fs/cgroup';
  const paths = ['.', ...readdirSync(root)].map((name) => `${root}/${name}/${id}`).filter((path) => existsSync(path));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(`${path}/cgroup.procs`, 'utf8')]));
}

describe('runc in a mount host', { skip: skipRunc }, () => {
  test('30 containers run one after the other as steps, and leave nothing', async (t) => {
    using box = new Sandbox();
    const rootfs = unpackRootfs(box);
    const id = `shale-test-${process.pid}`;
    await using host = await openBare(box);
    const dir = bundle(box, 'bundle', id, rootfs, ['/bin/sh', '-c', 'echo $$ && test -d /proc/1']);
    const started = performance.now();
    for (let i = 0; i < 30; i++) {
      const child = await host.spawn({
        command: 'runc',
        args: ['--root', box.path('runc'), 'run', '--bundle', dir, `${id}-${i}`],
        env,
        stdio: ['ignore', 'pipe', 2],
        lifetime: 'step',
      });
      assert.equal((await collect(child.output(1), 100, 'output')).toString(), '1\n');
      assert.deepEqual(await child.ended, { code: 0, signal: undefined });
    }
    t.diagnostic(`30 runs: ${Math.round(performance.now() - started)} ms`);
    assert.deepEqual(readdirSync(box.path('runc')), []);
    assert.deepEqual(cgroupsOf(id), {});
  });

  test('F-130: kill -9 of shale ends a container within a second, 20 times of 20; its cgroups are left empty', async () => {
    using box = new Sandbox();
    const layer = unpackRootfs(box);
    const mark = `7${process.pid}`;
    for (let i = 0; i < 20; i++) {
      const id = `shale-test-${process.pid}-k${i}`;
      const dir = bundle(box, 'bundle', id, `${box.dir}/mnt-victim/0`, ['/bin/sleep', mark]);
      const { child } = await victim(
        box,
        `await using rootfs = await host.mountRootfs({ layers: [], upper: { upperDir: ${JSON.stringify(layer)}, workDir: dir + '/w${i}' }, volatile: true });
         const args = ['--root', dir + '/runc', 'run', '--bundle', ${JSON.stringify(dir)}, '${id}'];
         const runc = await host.spawn({ command: 'runc', args, env: ${JSON.stringify(env)}, stdio: ['ignore', 'ignore', 2], lifetime: 'step' });
         say('ready');
         await runc.ended;
         console.error('runc ended by itself');`,
      );
      try {
        assert.equal(await within1s(() => processesWith(mark).length > 0), true, 'the container runs');
      } finally {
        await killHard(child);
      }
      assert.equal(
        await within1s(() => processesWith(mark).length === 0 && processesWith(id).length === 0),
        true,
        `round ${i}`,
      );
      assert.deepEqual(mountsWith(box.dir), []);
      const isEmpty = (): boolean => Object.values(cgroupsOf(id)).every((processes) => processes === '');
      assert.equal(await within1s(isEmpty), true, `cgroups of round ${i}`);
      for (const path of Object.keys(cgroupsOf(id))) rmdirSync(path);
      rmSync(box.path('runc'), { recursive: true, force: true });
    }
  });
});
