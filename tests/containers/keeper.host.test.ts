import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { ContainerLab, isRunning, SHALE, until } from './container-lab.ts';

const skip = BUSYBOX.missing || cannotRun;

describe('the keeper', { skip }, () => {
  let world: ContainerLab;
  before(async () => {
    world = await ContainerLab.open();
  });
  after(() => world[Symbol.asyncDispose]());

  const exists = async (id: string): Promise<boolean> => (await world.lab.store.containers.find(id)) !== undefined;

  /** Starts a keeper of ours in place of the one that is there. */
  async function becomeKeeper(): Promise<{ child: ChildProcess; stderr: () => string }> {
    for (;;) {
      const other = world.keeper();
      if (other !== undefined) process.kill(other, 'SIGTERM');
      await until(() => other === undefined || !isRunning(other), 'the other one is gone');
      const child = spawn(SHALE, ['keeper'], { env: world.env, stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      // It ends when another one was faster.
      await until(() => child.exitCode !== null || world.keeper() === child.pid, 'it is the keeper, or none');
      if (child.exitCode === null) return { child, stderr: () => stderr };
    }
  }

  test('removes a detached container with --rm at its end, and ends with the last container', async () => {
    const id = await world.run('sleep 0.3', { removeWhenDone: true });
    await until(async () => !(await exists(id)), 'it is removed');
    await until(() => world.keeper() === undefined, 'the keeper ends');
  });

  test('does not take the end that a restart makes for the end of a container with --rm', async () => {
    const id = await world.run('sleep 600', { removeWhenDone: true });
    await until(() => world.keeper() !== undefined, 'a keeper runs');
    const signal = AbortSignal.timeout(60_000);
    for (let times = 0; times < 5; times++) await world.lab.engine.restart(id, { seconds: 0 }, { signal });
    assert.equal((await world.state(id))['Running'], true);
    await world.lab.engine.stop(id, { seconds: 0 }, { signal });
    await until(async () => !(await exists(id)), 'it is removed');
  });

  test('starts a container again that fails, as often as its policy says', async () => {
    const id = await world.run('echo x; exit 4', { restart: { kind: 'on-failure', retriesMax: 2 } });
    await until(async () => (await world.state(id))['Status'] === 'exited', 'it rests');
    assert.equal(await world.logs(id), 'x\nx\nx\n');
    assert.equal((await world.lab.engine.inspect(id))['RestartCount'], 2);
  });

  test('lets a container rest that somebody stopped', async () => {
    const id = await world.run('sleep 600', { restart: { kind: 'always' }, stopSeconds: 0 });
    await world.lab.engine.stop(id, {}, { signal: AbortSignal.timeout(60_000) });
    assert.equal((await world.state(id))['Status'], 'exited');
    await until(() => world.keeper() === undefined, 'nothing is left to do');
    assert.equal((await world.state(id))['Status'], 'exited');
  });

  test('F-289: is started again by the next command when it was killed, and goes on where it was', async () => {
    // It fails only when the keeper is gone, however long that takes.
    const script = '[ -e /second ] && sleep 600; touch /second; until [ -e /go ]; do sleep 0.1; done; exit 1';
    const id = await world.run(script, { restart: { kind: 'on-failure', retriesMax: 0 } });
    await until(() => world.keeper() !== undefined, 'a keeper runs');
    process.kill(world.keeper() ?? 0, 'SIGKILL');
    await until(() => world.keeper() === undefined, 'it is gone');
    assert.equal(world.exec(id, 'touch /go').status, 0);
    // Each look finds none, and knows of the one that the first has started.
    for (let look = 0; look < 5; look++) await world.lab.engine.containers({ all: true });
    assert.equal(keepersOf(world.lab.home).length, 1);
    await until(() => world.keeper() !== undefined, 'another one runs');
    await until(async () => {
      return (await world.lab.engine.inspect(id))['RestartCount'] === 1 && (await world.state(id))['Running'] === true;
    }, 'the container runs again');
    await world.lab.engine.removeContainer(id, { force: true, volumes: true });
  });

  test('F-281: ends well at a signal; its containers go on, and the next command starts another', async () => {
    const id = await world.run('sleep 600', { restart: { kind: 'always' }, stopSeconds: 0 });
    await until(() => world.keeper() !== undefined, 'a keeper runs');
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      const { child, stderr } = await becomeKeeper();
      const ended = once(child, 'close');
      child.kill(signal);
      const [status] = (await ended) as [number | null]; // As Node documents it.
      assert.deepEqual([status, stderr()], [0, ''], signal);
    }
    assert.equal((await world.state(id))['Running'], true);
    assert.equal(world.shale(['ps']).status, 0);
    await until(() => world.keeper() !== undefined, 'another keeper runs');
    await world.lab.engine.removeContainer(id, { force: true, volumes: true });
  });

  test('checks health: starting, unhealthy after failures in a row, healthy again', async () => {
    const id = await world.run('sleep 600', {
      health: { disabled: false, command: 'test -e /well', intervalMs: 100, retries: 2 },
    });
    const health = async (): Promise<unknown> => ((await world.state(id))['Health'] as { Status: string }).Status;
    await until(async () => (await health()) === 'unhealthy', 'it is unhealthy');
    assert.equal(world.exec(id, 'touch /well').status, 0);
    await until(async () => (await health()) === 'healthy', 'it is healthy');
    await world.lab.engine.removeContainer(id, { force: true, volumes: true });
  });

  test('F-252: a log keeps its size and number of files, whoever runs; logs reads them in order', async () => {
    const script = 'i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); [ $((i % 500)) = 0 ] && sleep 0.3; done';
    const log = { driver: 'json-file', bytesMax: 10_000, filesMax: 3 } as const;
    const id = await world.run(script, { log });
    await until(async () => (await world.state(id))['Status'] === 'exited', 'it has ended');
    const folder = world.lab.store.containers.folder(id);
    // It may have ended right after a rotation: the names are moved up all the same, and then the keeper ends.
    await until(() => world.keeper() === undefined, 'the keeper ends');
    const files = readdirSync(folder).filter((name) => name.startsWith('container.log'));
    const inodes = new Set(files.map((name) => statSync(join(folder, name)).ino));
    assert.ok(inodes.size <= 3, files.join(' '));
    for (const name of files) assert.ok(statSync(join(folder, name)).size <= 2 * log.bytesMax);
    const numbers = [...(await world.logs(id)).matchAll(/line (\d+)/g)].map(([, number]) => Number(number));
    assert.equal(numbers.at(-1), 3999);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  });

  test('no log is kept with the driver none', async () => {
    const id = await world.run('echo x', { log: { driver: 'none' } });
    await until(async () => (await world.state(id))['Status'] === 'exited', 'it has ended');
    await assert.rejects(world.logs(id), { code: 'LOG_UNAVAILABLE' });
  });
});

/** Processes that are a keeper of a store, or are about to be: it is started with the store in its environment. */
function keepersOf(home: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
      return words.at(-1) === 'keeper' && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`SHALE_HOME=${home}\0`);
    } catch {
      return false; // No process, or it has ended.
    }
  });
}
