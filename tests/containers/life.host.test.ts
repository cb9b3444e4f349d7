import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import type { RunRequest } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, SHALE, until, watch } from './container-lab.ts';

const skip = BUSYBOX.missing || cannotRun;
const hasPs = spawnSync('ps', ['--version']).error === undefined;
const LISTENS = 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done';

describe('the life of a container', { skip }, () => {
  let world: ContainerLab;
  before(async () => {
    world = await ContainerLab.open();
  });
  after(() => world[Symbol.asyncDispose]());

  test('create makes it, start runs it, and start runs it again on what it has written', async () => {
    const id = await world.create('echo x >> /count; wc -l < /count; exit 3');
    assert.equal((await world.state(id))['Status'], 'created');
    assert.equal(await world.runToEnd(id), 3);
    assert.equal(await world.runToEnd(id), 3);
    assert.equal(await world.logs(id), '1\n2\n');
    assert.deepEqual(await world.changes(id), ['added /count'], 'what mounting needed twice is nobody’s change');
    const { Status, ExitCode, StartedAt, FinishedAt } = await world.state(id);
    assert.deepEqual([Status, ExitCode], ['exited', 3]);
    assert.ok(String(StartedAt) <= String(FinishedAt));
  });

  test('stop, start, restart, pause, unpause and kill change its state as docker says', async () => {
    const { engine } = world.lab;
    const id = await world.run(LISTENS, { name: 'states' });
    assert.equal((await world.state(id))['Status'], 'running');
    // The first process of a container is not ended by a signal that it does not listen for yet.
    await until(async () => (await world.logs(id)) === 'ready\n', 'it listens');
    await world.start('states');
    await engine.pause('states');
    const paused = await world.state(id);
    assert.deepEqual([paused['Status'], paused['Running'], paused['Paused']], ['paused', true, true]);
    await assert.rejects(engine.pause('states'), { code: 'CONTAINER_PAUSED' });
    await assert.rejects(world.start('states'), { code: 'CONTAINER_PAUSED' });
    await engine.unpause('states');
    await assert.rejects(engine.unpause('states'), { code: 'CONTAINER_NOT_PAUSED' });
    await engine.stop('states', {}, watch());
    assert.deepEqual(await engine.wait('states', watch()), 5);
    await engine.stop('states', {}, watch());
    await assert.rejects(engine.kill('states', { signal: 'KILL' }), { code: 'CONTAINER_NOT_RUNNING' });
    await engine.restart('states', {}, watch());
    assert.equal((await world.state(id))['Status'], 'running');
    await engine.kill('states', { signal: '9' });
    assert.equal(await engine.wait('states', watch()), 137);
  });

  test('F-249: stop sends the signal that it was made with, and kills what ignores it', async () => {
    const { engine } = world.lab;
    const script = 'trap "exit 7" USR1; echo ready; while :; do sleep 0.05; done';
    const usr = await world.run(script, { stopSignal: 'SIGUSR1' });
    await until(async () => (await world.logs(usr)) === 'ready\n', 'it takes the signal');
    await engine.stop(usr, {}, watch());
    assert.equal(await engine.wait(usr, watch()), 7);
    const deaf = await world.run('trap "" TERM; echo ready; while :; do sleep 0.05; done', { stopSeconds: 0 });
    await until(async () => (await world.logs(deaf)) === 'ready\n', 'it ignores the signal');
    await engine.stop(deaf, {}, watch());
    assert.equal(await engine.wait(deaf, watch()), 137);
  });

  test('rename gives it another name, and refuses names that are taken or none', async () => {
    const { engine } = world.lab;
    await world.create('true', { name: 'first' });
    await world.create('true', { name: 'second' });
    await engine.rename('first', 'third');
    await assert.rejects(engine.rename('third', 'second'), { code: 'CONTAINER_EXISTS' });
    await assert.rejects(engine.rename('third', 'a/b'), { code: 'CONTAINER_NAME_INVALID' });
    assert.equal((await engine.inspect('third', 'container'))['Name'], '/third');
  });

  test('F-247: a start that fails says why with 126 or 127, and leaves a container that can be looked at', async () => {
    for (const [command, code] of [
      ['/nosuch', 127],
      ['/etc', 126],
    ] as const) {
      const request = world.request('', { command: [command], name: `bad${code}` });
      await assert.rejects(world.lab.engine.run(request, watch()), (error: { data: { exitCode: number } }) => {
        assert.equal(error.data.exitCode, code);
        return true;
      });
      const state = await world.state(`bad${code}`);
      assert.deepEqual([state['Status'], state['ExitCode']], ['created', code]);
      assert.match(String(state['Error']), /\/nosuch|\/etc/);
    }
  });

  test('exec, top and stats see a container that runs attached to another command', async () => {
    const started = await world.lab.engine.run(
      world.request('sleep 60', { removeWhenDone: true, detach: false, name: 'attached' }),
      watch(),
    );
    await until(async () => (await world.state('attached'))['Pid'] !== 0, 'it has a process');
    assert.equal(world.exec('attached', 'echo inside; exit 4').status, 4);
    if (hasPs) {
      const { processes } = await world.lab.engine.processes('attached', ['-o', 'pid,args']);
      assert.deepEqual(
        processes.map(([, args]) => args),
        ['sleep 60'],
      );
    } else
      await assert.rejects(world.lab.engine.processes('attached', []), (error: unknown) => {
        return isShaleError(error, 'PS_FAILED') && /procps/.test(error.hint ?? '');
      });
    const [stats] = await world.lab.engine.stats(['attached'], { overMs: 10, all: false });
    assert.equal(stats?.processes, 1);
    assert.ok((stats?.memoryBytes ?? 0) > 0);
    await world.lab.engine.removeContainer('attached', { force: true, volumes: true });
    assert.equal(await started.exit, 137);
    await assert.rejects(world.state('attached'), { code: 'CONTAINER_NOT_FOUND' });
  });

  test('devices by the names of specifications bring nodes, variables, mounts and groups', async () => {
    const folder = world.lab.newFolder();
    const containerEdits = {
      env: ['GPU=zero'],
      deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/full' }],
      mounts: [{ hostPath: folder, containerPath: '/opt/driver', options: ['ro', 'bind'] }],
      additionalGids: [44],
    };
    const spec = { cdiVersion: '0.6.0', kind: 'nvidia.com/gpu', devices: [{ name: '0', containerEdits }] };
    writeFileSync(join(folder, 'gpu.json'), JSON.stringify(spec));
    const lab = await world.lab.again({ deviceFolders: [folder] });
    const gpus = { Driver: '', Count: 1, DeviceIDs: null, Capabilities: [['gpu']], Options: {} };
    const script = 'ls /opt/driver; echo $GPU; id -G; echo x 2>&1 >/dev/gpu0';
    const request = (more: typeof gpus): RunRequest =>
      world.request(script, { hostConfig: { DeviceRequests: [more] } });
    try {
      const { containerId } = await lab.engine.run(request(gpus), watch());
      assert.equal(await world.lab.engine.wait(containerId, watch()), 1);
      assert.equal(await world.logs(containerId), 'gpu.json\nzero\n0 44\nsh: write error: No space left on device\n');
      await assert.rejects(lab.engine.run(request({ ...gpus, Count: 2 }), watch()), { code: 'DEVICE_NOT_FOUND' });
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  });

  test('in a chroot containers start and are changed as elsewhere; entering one would lead out of it, and is refused', () => {
    const root = world.lab.newFolder();
    const marker = join(world.lab.folder, 'entered');
    const script = `
      S=${SHALE}
      $S run --rm --network none busybox echo attached
      $S run -d --name rooted --network none busybox sleep 1000 >/dev/null
      $S update --pids-limit 100 rooted
      $S exec rooted touch ${marker} 2>&1
      $S rm -f rooted`;
    const enter = 'mount --make-rprivate / && mount --rbind / "$0" && exec chroot "$0" sh -c "$1"';
    const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', enter, root, script], {
      env: world.env,
      encoding: 'utf8',
    });
    assert.match(
      stdout,
      /^attached\nrooted\nshale: cannot enter the container .*: it was started below a chroot\ntry: .*\nrooted\n$/,
    );
    assert.ok(!existsSync(marker));
  });

  test('F-285: after a reboot it is shown as exited, and starts again on its files', async () => {
    const { engine } = world.lab;
    const id = await world.run('echo up >> /ups; wc -l < /ups; sleep 600', { name: 'rebooted' });
    await until(async () => (await world.logs(id)) === '1\n', 'it has written');
    const folder = world.lab.store.containers.folder(id);
    const { init, keeper } = JSON.parse(readFileSync(join(folder, 'container.json'), 'utf8')) as {
      init: { pid: number };
      keeper: { pid: number };
    };
    // As a power cut: nobody writes anything down.
    process.kill(keeper.pid, 'SIGKILL');
    process.kill(init.pid, 'SIGKILL');
    const env = { SHALE_BOOT_ID: 'another-boot' };
    const shown = world.shale(['ps', '-a', '--filter', 'name=rebooted', '--format', '{{.Status}}'], { env });
    assert.match(shown.stdout, /^Exited \(255\) /);
    const again = world.shale(['start', 'rebooted'], { env });
    assert.deepEqual([again.status, again.stdout], [0, 'rebooted\n'], again.stderr);
    assert.equal(world.shale(['logs', 'rebooted'], { env }).stdout, '1\n2\n');
    assert.equal(world.shale(['rm', '-f', 'rebooted'], { env }).status, 0);
    assert.equal(await engine.containers({ all: true }).then((rows) => rows.some((row) => row.id === id)), false);
  });

  test('events tell the life of a container in order, once each', async () => {
    const id = await world.create('exit 6', { name: 'told' });
    await world.runToEnd(id);
    await world.lab.engine.rename('told', 'told2');
    await world.lab.engine.removeContainer(id, { force: false, volumes: false });
    const actions: string[] = [];
    for await (const event of world.lab.engine.events({ sinceMs: 0, untilMs: Date.now() }, watch()))
      if (event.id === id) actions.push(`${event.action} ${event.attributes['exitCode'] ?? ''}`.trim());
    assert.deepEqual(actions, ['create', 'start', 'die 6', 'rename', 'destroy']);
  });
});
