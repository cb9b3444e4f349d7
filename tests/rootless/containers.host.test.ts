import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { until } from '../containers/container-lab.ts';
import { BUSYBOX } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';
import { cannotReach, cannotVisit, OrdinaryUser } from '../support/ordinary-user.ts';
import { tarOf } from '../support/tar-of.ts';

const skip = cannotVisit() || BUSYBOX.missing;

/** Calls with a user that has busybox; nothing of theirs may be left afterwards. */
async function visit(work: (user: OrdinaryUser) => Promise<void>): Promise<void> {
  using user = new OrdinaryUser();
  const before = takeLeakSnapshot(user.folder);
  await user.withBusybox();
  await work(user);
  await user.done('system', 'reset', '--force');
  await until(() => user.processes().length === 0, `nothing runs any more: ${user.processes().join('; ')}`);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(user.folder)), []);
}

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const NONE = ['--network', 'none'];

describe('containers without root', { skip }, () => {
  test('are kept by conmon, entered by exec, stopped, started again and removed by later commands', async () => {
    await visit(async (user) => {
      await user.done('run', '-d', ...NONE, '--name', 'kept', 'busybox', 'sh', '-c', 'echo began; sleep 1000');
      assert.equal(await user.done('logs', 'kept'), 'began');
      const ids = await user.done('exec', 'kept', 'sh', '-c', 'id -u; cat /proc/self/uid_map');
      assert.match(ids, new RegExp(String.raw`^0\n\s+0\s+${user.uid}\s+1\n\s+1\s+${user.firstSubordinate}\s+65536$`));
      assert.match(await user.done('ps', '--format', '{{.Names}} {{.Status}}'), /^kept Up /);
      assert.match(await user.done('top', 'kept', '-eo', 'pid,args'), /sleep 1000/);
      assert.match(await user.done('stats', '--no-stream', '--format', '{{.PIDs}}', 'kept'), /^1$/);
      await user.done('stop', '-t', '0', 'kept');
      assert.equal(await user.done('inspect', '--format', '{{.State.ExitCode}}', 'kept'), '137');
      await user.done('start', 'kept');
      assert.equal((await user.done('logs', 'kept')).split('\n').length, 2);
      await user.done('rm', '-f', 'kept');
      assert.equal(await user.done('ps', '-aq'), '');
    });
  });

  test('stand still while they are paused or committed, though they have no cgroup', async () => {
    await visit(async (user) => {
      await user.done('run', '-d', ...NONE, '--name', 'busy', 'busybox', 'sh', '-c', 'while true; do echo >> /n; done');
      await user.done('pause', 'busy');
      assert.equal(await user.done('inspect', '--format', '{{.State.Status}}', 'busy'), 'paused');
      const [upper] = [join(user.store, 'containers', await user.done('ps', '-q', '--no-trunc'), 'upper/n')];
      const size = readFileSync(upper).length;
      await user.done('ps');
      assert.equal(readFileSync(upper).length, size);
      await user.done('unpause', 'busy');
      await until(() => readFileSync(upper).length > size, 'it goes on');
      // Files that grow while they are read would be refused.
      await user.done('commit', 'busy', 'changed');
      assert.match(await user.done('run', '--rm', ...NONE, 'changed', 'ls', '-ln', '/n'), / 0 +0 +\d+/);
      await user.done('rm', '-f', 'busy');
    });
  });

  test('give and take files with the owners that they see, in themselves and in volumes', async () => {
    await visit(async (user) => {
      await user.done('volume', 'create', 'data');
      const script = 'mkdir /d; echo a > /d/a; chown -R 5:6 /d; chmod 700 /d; cp -a /d /v/; rm /bin/vi';
      assert.equal(
        (await user.shale('run', ...NONE, '--name', 'maker', '-v', 'data:/v', 'busybox', 'sh', '-c', script)).status,
        0,
      );
      assert.match(await user.done('diff', 'maker'), /A \/d\nA \/d\/a\n?/);
      assert.match(
        await user.done('run', '--rm', ...NONE, '-v', 'data:/v', 'busybox', 'ls', '-ln', '/v'),
        /drwx------ +2 5 +6 /,
      );
      const { status, stdout } = await user.shale('cp', 'maker:/d', '-');
      assert.equal(status, 0);
      const listed = spawnSync('tar', ['-tvf', '-'], { input: Buffer.from(stdout, 'latin1'), encoding: 'utf8' });
      assert.match(listed.stdout, /^drwx------ 5\/6 .* d\/\n-rw-r--r-- 5\/6 .* d\/a\n$/);
      const file = join(user.folder, 'given');
      writeFileSync(file, 'given');
      await user.done('cp', file, 'maker:/d/given');
      await user.done('start', 'maker');
      const committed = await user.done('commit', 'maker');
      assert.match(await user.done('run', '--rm', ...NONE, committed, 'cat', '/d/given'), /^given$/);
      await user.done('rm', '-v', 'maker');
      await user.done('volume', 'rm', 'data');
      assert.equal(await user.done('unshare', 'ls', join(user.store, 'volumes')), '');
    });
  });

  test('lack device nodes and trusted xattrs of their image, and that is said', async () => {
    await visit(async (user) => {
      const context = user.context({
        Dockerfile: 'FROM busybox\nADD files.tar /\n',
        'files.tar': tarOf([
          { path: 'null', kind: 'character', deviceMajor: 1, deviceMinor: 3 },
          { path: 'noted', xattrs: { 'trusted.note': Buffer.from('x') } },
        ]),
      });
      await user.done('build', '-q', '-t', 'special', context);
      const { stderr, stdout } = await user.shale('run', '--rm', ...NONE, 'special', 'ls', '/');
      assert.match(stderr, /lack what layer .* holds: noted \(xattr trusted\.note\), null \(character device 1:3\)/);
      assert.doesNotMatch(stdout, /^null$/m);
    });
  });

  test('see what the machine has where a namespace of their own is not wanted; limits are left out with a warning', async () => {
    await visit(async (user) => {
      assert.match(await user.done('run', '--rm', '--network', 'host', 'busybox', 'ls', '/sys/class/net'), /^lo$/m);
      assert.notEqual(await user.done('run', '--rm', ...NONE, '--pid', 'host', 'busybox', 'sh', '-c', 'echo $$'), '1');
      const limited = await user.shale('run', '--rm', ...NONE, '-m', '64m', 'busybox', 'true');
      assert.equal(limited.status, 0);
      assert.match(limited.stderr, /memory: the limit is not set/);
      const script = 'mkdir /m && mount -t tmpfs t /m';
      const privileged = await user.shale('run', '--rm', ...NONE, '--privileged', 'busybox', 'sh', '-c', script);
      assert.equal(privileged.status, 0, privileged.stderr);
      const network = await user.shale('network', 'create', 'shared');
      assert.equal(network.status, 1);
      assert.match(network.stderr, /need root/);
    });
  });

  test('cannot be traced, which only root of the machine is told', async () => {
    await visit(async (user) => {
      const trace = join(user.home, 'trace');
      const { status, stderr } = await user.shale('run', '--rm', ...NONE, '--trace-files', trace, 'busybox', 'true');
      assert.equal(status, 125);
      assert.match(stderr, /nobody but root/);
      assert.ok(!existsSync(trace));
    });
  });

  test('kill -9 of shale ends a container that belongs to it, and leaves a kept one alone', async () => {
    await visit(async (user) => {
      await user.done('run', '-d', ...NONE, '--name', 'kept', 'busybox', 'sleep', '1000');
      const [command, ...args] = user.command([
        OrdinaryUser.program,
        'run',
        '--rm',
        ...NONE,
        'busybox',
        'sleep',
        '2000',
      ]);
      const child = spawn(command, args, { stdio: 'ignore' });
      const runs = (what: string): boolean =>
        user.processes().some((line) => line.includes(what) && !line.includes('run --rm'));
      await until(() => runs('sleep 2000'), 'it runs');
      child.kill('SIGKILL');
      await until(() => !runs('sleep 2000'), 'it has ended');
      assert.equal(runs('sleep 1000'), true);
      await user.done('rm', '-f', 'kept');
    });
  });
});

describe('forty lives of a container without root', { skip: skip || (isLong ? false : 'with --long only') }, () => {
  test('leave nothing, with a command killed in each', async () => {
    await visit(async (user) => {
      for (let cycle = 0; cycle < 40; cycle++) {
        await user.done('run', '-d', ...NONE, '--name', 'one', 'busybox', 'sleep', '1000');
        await user.done('exec', 'one', 'sh', '-c', 'echo made > /made');
        const [command, ...args] = user.command([OrdinaryUser.program, 'commit', 'one', 'kept']);
        const child = spawn(command, args, { stdio: 'ignore' });
        const timer = setTimeout(() => child.kill('SIGKILL'), 40 * cycle);
        await new Promise((resolve) => child.once('exit', resolve));
        clearTimeout(timer);
        // A container that was halted for a commit that never ended goes on when it is told to, or is removed.
        await user.shale('unpause', 'one');
        await user.done('rm', '-f', 'one');
      }
    });
  });
});

describe('networks of containers without root', { skip: skip || cannotReach() }, () => {
  test('pasta gives each container a network, publishes its ports, and ends with it', async () => {
    await visit(async (user) => {
      const port = await freePort();
      const serve = 'while true; do echo hello | nc -l -p 80; done';
      await user.done('run', '-d', '-p', `127.0.0.1:${port}:80`, '--name', 'web', 'busybox', 'sh', '-c', serve);
      assert.equal(await user.done('port', 'web'), `80/tcp -> 127.0.0.1:${port}`);
      await until(async () => (await answerOf(port)) === 'hello\n', 'the published port answers');
      const address = await user.done('inspect', '--format', '{{.NetworkSettings.IPAddress}}', 'web');
      assert.match(await user.done('exec', 'web', 'ip', 'addr', 'show', 'eth0'), new RegExp(`inet ${address}/`));
      assert.match(
        await user.done('run', '--rm', '--network', 'container:web', 'busybox', 'ip', 'addr'),
        new RegExp(address),
      );
      const again = await user.shale('run', '--rm', '-p', `${port}:80`, 'busybox', 'true');
      assert.match(again.stderr, /cannot publish on/);
      const low = await user.shale('run', '--rm', '-p', '1:80', 'busybox', 'true');
      assert.match(low.stderr, /low ports belong to root|a program listens/);
      await user.done('kill', 'web');
      await until(() => !user.processes().some((line) => line.includes('pasta')), 'pasta has ended with its container');
      await user.done('start', 'web');
      await until(async () => (await answerOf(port)) === 'hello\n', 'it answers again');
      await user.done('rm', '-f', 'web');
      assert.equal(existsSync(join(user.runRoot, 'networks/pasta')), true);
    });
  });

  test('build steps share networks, and those end with the build', async () => {
    await visit(async (user) => {
      const step = 'RUN ip addr show eth0 | grep -q "inet " && cat /etc/hosts';
      const context = user.context({ Dockerfile: `FROM busybox\n${step}\n${step} | wc -l\n` });
      const { status, stderr } = await user.shale('build', context);
      assert.equal(status, 0, stderr);
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What a server says when it is connected to; empty when there is none. */
async function answerOf(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  } catch {
    return '';
  } finally {
    socket.destroy();
  }
}
