import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareLeaks, takeLeakSnapshot } from '../../tests/support/leaks.ts';
import { bridgeNetwork } from './bridge.ts';
import {
  containersMissing,
  isolateNetwork,
  openWorld,
  settleNetworks,
  outcomeOf,
  type World,
} from './runtime.fixture.ts';
import type { DetachedContainer, LogOptions, RunSpec } from './types.ts';

const skip = containersMissing('conmon');
if (containersMissing('ip') === false) isolateNetwork();

interface Made extends AsyncDisposable {
  readonly container: DetachedContainer;
  readonly stateDir: string;
}

async function make(world: World, args: readonly string[], more: Partial<RunSpec> = {}): Promise<Made> {
  const spec = world.spec(args, more);
  const stateDir = `${world.folder}/state-${spec.id}`;
  mkdirSync(stateDir);
  const container = await world.runtime.create(spec, { stateDir });
  return { container, stateDir, [Symbol.asyncDispose]: () => container.remove({ force: true }) };
}

async function logOf(container: DetachedContainer, options: LogOptions = {}): Promise<string> {
  let text = '';
  for await (const line of container.logs(options)) text += `${line.stream[3]}:${Buffer.from(line.bytes).toString()}`;
  return text;
}

test(
  'a detached container goes through created, running and exited, with its log and exit code',
  { skip },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    {
      await using made = await make(world, ['sh', '-c', 'echo one; sleep 0.3; echo two >&2; printf end; exit 7']);
      const { container, stateDir } = made;
      assert.equal(container.state().kind, 'created');
      await container.start();
      const running = container.state();
      assert.ok(running.kind === 'running' && !running.paused);
      // Everything is in files: another view sees the same.
      assert.deepEqual(world.runtime.open(container.id, stateDir).state(), running);
      const followed = await logOf(container, { follow: true });
      const end = await container.wait();
      assert.deepEqual({ kind: end.kind, code: end.kind === 'exited' ? end.code : -1 }, { kind: 'exited', code: 7 });
      for (const piece of ['o:one\n', 'e:two\n', 'o:end']) assert.ok(followed.includes(piece), followed);
      assert.equal(await logOf(container, { streams: ['stderr'] }), 'e:two\n');
      assert.ok(container.traces.created.length > 0);
      assert.deepEqual(world.runtime.open(container.id, stateDir).traces, container.traces);
    }
    await settleNetworks(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
    assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
  },
);

test('runc is asked to create only; another runtime to start and delete too', { skip }, async () => {
  const asked: string[] = [];
  for (const name of ['runc', 'runner']) {
    const folder = mkdtempSync(`${tmpdir()}/shale-asked-`);
    const log = `${folder}/log`;
    // Its first words are options with a value each, in one word or two; the command is what is left.
    const script = `#!/bin/sh\nfor w; do case $w in create|start|delete) echo $w >>${log};; esac; done\nexec runc "$@"\n`;
    writeFileSync(`${folder}/${name}`, script, { mode: 0o755 });
    using world = openWorld({ command: `${folder}/${name}` });
    const before = takeLeakSnapshot(world.marker, { network: true });
    const { container } = await make(world, ['sh', '-c', 'echo started; sleep 60']);
    await container.start();
    assert.equal(container.state().kind, 'running');
    while ((await logOf(container)) !== 'o:started\n') await sleep(10);
    await container.remove({ force: true });
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
    assert.deepEqual(readdirSync(`${world.runRoot}/runc`), []);
    asked.push(`${name}: ${readFileSync(log, 'latin1').trim().split('\n').join(' ')}`);
    rmSync(folder, { recursive: true });
  }
  assert.deepEqual(asked, ['runc: create', 'runner: create start delete']);
});

test('a container whose first process was killed before its start cannot be started', { skip }, async () => {
  using world = openWorld();
  await using made = await make(world, ['sleep', '60']);
  const state = made.container.state();
  assert.ok(state.kind === 'created');
  process.kill(state.pid, 'SIGKILL');
  await assert.rejects(made.container.start(), { code: 'START_FAILED' });
});

test('F-249: stop asks first and then kills a container that ignores it', { skip }, async () => {
  using world = openWorld();
  await using polite = await make(world, ['sh', '-c', 'trap "exit 3" TERM; echo r; while :; do sleep 0.02; done']);
  await polite.container.start();
  while ((await logOf(polite.container)) === '') await sleep(10);
  const asked = await polite.container.stop({ graceMs: 10_000 });
  assert.equal(asked.kind === 'exited' && asked.code, 3);
  await using deaf = await make(world, ['sh', '-c', 'trap "" TERM; echo r; while :; do sleep 0.02; done']);
  await deaf.container.start();
  while ((await logOf(deaf.container)) === '') await sleep(10);
  const killed = await deaf.container.stop({ graceMs: 150 });
  assert.equal(killed.kind === 'exited' && killed.code, 137);
  assert.deepEqual(await deaf.container.stop({ graceMs: 0 }), killed);
  assert.equal(await deaf.container.kill('TERM'), false);
});

test('F-254: a container that runs, is paused, or was never started can be removed with force', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  const running = await make(world, ['sleep', '60']);
  await running.container.start();
  await assert.rejects(running.container.remove({ force: false }), { code: 'CONTAINER_RUNNING' });
  await running.container.remove({ force: true });
  const paused = await make(world, ['sleep', '60']);
  await paused.container.start();
  await paused.container.pause();
  const state = paused.container.state();
  assert.ok(state.kind === 'running' && state.paused);
  await paused.container.remove({ force: true });
  const created = await make(world, ['sleep', '60']);
  await created.container.remove({ force: true });
  await created.container.remove({ force: true });
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  assert.deepEqual(readdirSync(`${world.runRoot}/runc`), []);
});

test('F-247: what cannot be started is told with docker’s exit code, and leaves nothing', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  for (const [program, exitCode] of [
    ['no-such', 127],
    ['/etc/passwd', 126],
  ] as const) {
    await assert.rejects(make(world, [program]), (error) => {
      assert.ok(error instanceof Error && 'code' in error && 'data' in error);
      assert.equal(error.code, 'START_FAILED');
      assert.equal((error.data as { exitCode: number }).exitCode, exitCode); // START_FAILED has it
      return true;
    });
  }
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
});

test('F-247: a detached container that runs out of memory says so, also after a sweep', { skip }, async () => {
  using world = openWorld();
  const resources = { memoryBytes: 16 << 20, memorySwapBytes: 16 << 20 };
  await using made = await make(world, ['sh', '-c', 'x=a; while :; do x=$x$x; done'], { resources });
  await made.container.start();
  const end = await made.container.wait();
  assert.ok(end.kind === 'exited' && end.oomKilled && end.code === 137, JSON.stringify(end));
  assert.ok(existsSync(`${made.stateDir}/oom`) && !existsSync('oom'), 'conmon says so in the state folder');
  // conmon lives on for a moment when it has written the status.
  const swept: string[] = [];
  for (const deadline = Date.now() + 10_000; swept.length === 0 && Date.now() < deadline;) {
    const report = await world.runtime.sweep();
    assert.deepEqual(report.left, []);
    swept.push(...report.folders);
  }
  assert.deepEqual(swept, [made.container.id]);
  assert.deepEqual(made.container.state(), end);
});

test('exec runs in a detached container, from any view of it', { skip }, async () => {
  using world = openWorld();
  await using made = await make(world, ['sleep', '60'], { env: ['A=1'] });
  const io = { kind: 'pipes' } as const;
  await assert.rejects(made.container.exec({ io, args: ['true'] }), { code: 'CONTAINER_NOT_RUNNING' });
  await made.container.start();
  const view = world.runtime.open(made.container.id, made.stateDir);
  const outcome = await outcomeOf(await view.exec({ io, args: ['sh', '-c', 'echo $A; id -u; exit 6'], user: 'root' }));
  assert.deepEqual(outcome, { exit: { kind: 'exited', code: 6, oomKilled: false }, stdout: '1\n0\n', stderr: '' });
});

test(
  'F-279: a command that has ended is not signalled any more, whoever has its process number now',
  { skip },
  async (t) => {
    using world = openWorld();
    await using made = await make(world, ['sleep', '60']);
    await made.container.start();
    const handle = await made.container.exec({ io: { kind: 'pipes' }, args: ['true'] });
    const { pid } = handle;
    await handle.exit;
    // The kernel gives the number again when it is told which was the last; others may take it first.
    for (let tries = 0; tries < 50; tries++) {
      if (!isWritten('/proc/sys/kernel/ns_last_pid', String(pid - 1)))
        return t.skip('process numbers cannot be chosen');
      const other = spawn('sleep', ['60'], { stdio: 'ignore' });
      const ended = once(other, 'exit');
      const isSame = other.pid === pid;
      if (isSame) assert.equal(handle.kill('KILL'), false);
      if (isSame) await handle[Symbol.asyncDispose]();
      other.kill('SIGTERM');
      const [, signal] = (await ended) as [number | null, string | null]; // As Node documents it.
      assert.equal(signal, 'SIGTERM');
      if (isSame) return;
    }
    t.skip('others have taken the process number each time');
  },
);

function isWritten(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}

test('F-276: what commands that were killed have left in the run folder goes with the next one', { skip }, async () => {
  using world = openWorld();
  await using made = await make(world, ['sleep', '60']);
  await made.container.start();
  const folder = `${world.folder}/run/containers/${made.container.id}`;
  const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('exec-'));
  const dead = spawnSync('true').pid;
  for (const end of ['json', 'log']) writeFileSync(`${folder}/exec-${dead}-1-abcdef.${end}`, '');
  const first = await made.container.exec({ io: { kind: 'pipes' }, args: ['sleep', '60'] });
  assert.deepEqual(
    left().filter((name) => name.includes(`-${dead}-1-`)),
    [],
  );
  assert.ok(left().length > 0, 'those of a command that runs stay');
  first.kill('KILL');
  await first.exit;
  assert.deepEqual(left(), []);
});

test('F-132: after a reboot a container is lost, not running, and can be made again', { skip }, async () => {
  using world = openWorld();
  const made = await make(world, ['sleep', '60']);
  await made.container.start();
  // What a reboot does: no process, no run folder, the state folder as it was.
  const state = made.container.state();
  assert.ok(state.kind === 'running');
  await made.container.kill('KILL');
  await made.container.wait();
  await made.container.remove({ force: true });
  rmSync(`${made.stateDir}/exit`, { recursive: true });
  rmSync(world.runRoot, { recursive: true });
  assert.deepEqual(made.container.state(), { kind: 'lost' });
  assert.deepEqual(await made.container.wait(), { kind: 'lost' });
  using again = openWorld();
  const container = await again.runtime.create(again.spec(['sh', '-c', 'exit 4']), { stateDir: made.stateDir });
  await container.start();
  const end = await container.wait();
  assert.equal(end.kind === 'exited' && end.code, 4);
  await container.remove({ force: false });
});

test(
  'a detached container keeps its network until it is removed',
  { skip: skip || containersMissing('netavark', 'iptables', 'ip') },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    const network = bridgeNetwork({
      folder: `${world.runRoot}/networks`,
      bridge: `s${world.marker}`,
    });
    {
      await using made = await make(world, ['sleep', '60'], { network });
      await made.container.start();
      const io = { kind: 'pipes' } as const;
      const addresses = await outcomeOf(
        await made.container.exec({ io, args: ['ip', '-o', '-4', 'addr', 'show', 'eth0'] }),
      );
      assert.match(addresses.stdout, /inet 10\./);
      assert.deepEqual((await world.runtime.sweep()).networks, []);
    }
    assert.ok(!existsSync(`${world.runRoot}/networks/s${world.marker}.json`));
    await settleNetworks(world);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
  },
);

test('F-252: a log stays within its size, whatever a container prints', { skip }, async () => {
  using world = openWorld();
  const spec = world.spec(['sh', '-c', 'yes 0123456789012345678901234567890123456789 | head -c 3000000; echo last']);
  const stateDir = `${world.folder}/state`;
  mkdirSync(stateDir);
  const container = await world.runtime.create(spec, { stateDir, log: { kind: 'file', bytesMax: 200_000 } });
  await container.start();
  assert.equal((await container.wait()).kind, 'exited');
  assert.ok(statSync(`${stateDir}/container.log`).size <= 400_000);
  assert.match(await logOf(container, { tail: 1 }), /last/);
  await container.remove({ force: true });
});

test('F-289: a container whose keeper is killed goes on, ends as lost and can be removed', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  await using made = await make(world, ['sleep', '60']);
  await made.container.start();
  process.kill(Number(readFileSync(`${made.stateDir}/conmon.pid`, 'latin1')), 'SIGKILL');
  await sleep(50);
  assert.equal(made.container.state().kind, 'running');
  await world.runtime.sweep();
  assert.equal(made.container.state().kind, 'running');
  await made.container.kill('KILL');
  assert.deepEqual(await made.container.wait(), { kind: 'lost' });
  await made.container.remove({ force: true });
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
});
