/**
 * Whole command lines over and over, some of them killed, and their runtimes too: what a machine has afterwards is what it
 * had before. SHALE_TEST_LONG=1 does it 500 times.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../../src/base/index.ts';
import { CLONE, unshare } from '../../src/sys/index.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';
import { ContainerLab, isRunning, SHALE, until } from './container-lab.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const CYCLES = isLong ? 500 : 40;
const PLACES = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const missing = ['netavark', 'iptables', 'ip'].find((tool) => !PLACES.some((folder) => existsSync(join(folder, tool))));
const skip = BUSYBOX.missing || cannotRun || (missing === undefined ? false : `${missing} is not installed`);

/** Small and the same in each run, so that a failure can be had again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Every file that is not a database, by its path; folders too. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/(^|\/)(shale\.db.*|reserve|mount-drivers\.json|[^/]*lock|keeper|poke)$/.test(name))
    .filter((name) => !/^(blobs|index|sources|build-logs)\//.test(name))
    .toSorted();
}

/** Networks that nobody uses go a moment after the last container. */
async function settled(world: ContainerLab): Promise<void> {
  await until(() => world.keeper() === undefined, 'the keeper ends');
  world.shale(['run', '--rm', '--network', 'none', 'busybox', 'true']);
  await until(
    () => !readFileSync('/proc/thread-self/net/dev', 'utf8').includes('shale'),
    'the bridge is gone with its last container',
  );
}

/** One way a container may go; what is killed is up to chance. */
async function cycle(world: ContainerLab, name: string, kind: number, random: () => number): Promise<void> {
  const network = kind % 4 === 0 ? 'bridge' : 'none';
  const base = ['--name', name, '--network', network, 'busybox'];
  const ok = (words: readonly string[]): void => {
    const { status, stderr } = world.shale(words);
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
  };
  switch (kind % 7) {
    case 0:
      ok(['run', '-d', ...base, 'sleep', '600']);
      ok(['exec', name, 'sh', '-c', 'echo x > /x']);
      ok(['commit', name, `leak:${name}`]);
      ok(['rm', '-f', name]);
      return ok(['rmi', `leak:${name}`]);
    case 1:
      ok(['create', ...base, 'sh', '-c', 'echo x > /x']);
      ok(['start', '-a', name]);
      ok(['start', '-a', name]);
      return ok(['rm', name]);
    case 2:
      return ok(['run', '--rm', ...base, 'true']);
    case 3: {
      // conmon, the container, or both at once.
      ok(['run', '-d', ...base, 'sleep', '600']);
      const folder = join(world.lab.home, 'containers', (await world.lab.store.containers.get(name)).id);
      const { init, keeper } = JSON.parse(readFileSync(join(folder, 'container.json'), 'utf8')) as {
        init: { pid: number };
        keeper: { pid: number };
      };
      for (const { pid } of random() < 0.5 ? [keeper] : [init, keeper])
        if (isRunning(pid)) process.kill(pid, 'SIGKILL');
      return ok(['rm', '-f', name]);
    }
    case 4:
    case 5: {
      // The command itself, at any moment of its life.
      const flags = kind % 7 === 4 ? ['--rm'] : [];
      const child = spawn(SHALE, ['run', ...flags, ...base, 'sleep', '0.2'], { env: world.env, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('exit', resolve));
      await sleep(random() * 700);
      child.kill('SIGKILL');
      await ended;
      world.shale(['rm', '-f', name]);
      return;
    }
    case 6: {
      // The runtime that a command waits for, and with it the container.
      const child = spawn(SHALE, ['run', '--rm', ...base, 'sleep', '60'], { env: world.env, stdio: 'ignore' });
      const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
      await until(async () => killed(await attachedRuntime(world, name)), 'the container is started');
      assert.equal(await ended, 137);
      return;
    }
  }
}

/** False where there is no such process, or none any more. */
function killed(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    throw error;
  }
}

/**
 * The process of the runtime of a container that is attached to a command. Records of others that were killed before may still be
 * there, whose processes may be zombies that take every signal.
 */
async function attachedRuntime(world: ContainerLab, name: string): Promise<number | undefined> {
  const id = (await world.lab.store.containers.find(name))?.id;
  const file = join(world.lab.runRoot, 'containers', id ?? '', 'attached.json');
  if (id === undefined || !existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as { runtime: { pid: number } }).runtime.pid; // Written whole.
}

test(
  `nothing is left of ${CYCLES} containers, however they and their commands end`,
  { skip, timeout: 3_600_000 },
  async () => {
    unshare(CLONE.NEWNET);
    spawnSync('ip', ['link', 'set', 'lo', 'up']);
    await using world = await ContainerLab.open();
    const random = randomOf(42);
    const marker = world.lab.folder.slice(world.lab.folder.lastIndexOf('/') + 1);
    for (let kind = 0; kind < 4; kind++) await cycle(world, `warm${kind}`, kind, random);
    await settled(world);
    const before = takeLeakSnapshot(marker, { network: true });
    const cgroupsBefore = cgroupsOf();
    const files = { home: filesIn(world.lab.home), run: filesIn(world.lab.runRoot) };
    for (let number = 0; number < CYCLES; number++) await cycle(world, `c${number}`, number, random);
    const left = await world.lab.engine.containers({ all: true });
    for (const { id } of left) await world.lab.engine.removeContainer(id, { force: true, volumes: true });
    await settled(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(marker, { network: true })), []);
    assert.deepEqual(ownCgroups(world, cgroupsBefore), []);
    assert.deepEqual(filesIn(world.lab.home), files.home);
    assert.deepEqual(filesIn(world.lab.runRoot), files.run);
    assert.deepEqual(
      (await world.lab.engine.check({ full: true, repair: false }, { signal: AbortSignal.timeout(60_000) })).findings,
      [],
    );
  },
);

function cgroupsOf(): string[] {
  const root = '/sys/fs/cgroup';
  const folders = [root, ...readdirSync(root).map((name) => `${root}/${name}`)];
  return folders
    .filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true)
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.startsWith('shale-'))
        .map((name) => `${folder}/${name}`),
    );
}

/** Others work on the same machine: those of our containers are told by their ids, which the event table has. */
function ownCgroups(world: ContainerLab, before: readonly string[]): string[] {
  const { stdout } = world.shale([
    'events',
    '--since',
    '10h',
    '--until',
    '0s',
    '--filter',
    'event=create',
    '--format',
    '{{.Actor.ID}}',
  ]);
  const ids = new Set(stdout.split('\n'));
  return cgroupsOf().filter(
    (folder) => !before.includes(folder) && ids.has(folder.slice(folder.lastIndexOf('shale-') + 6)),
  );
}
