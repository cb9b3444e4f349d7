import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compareLeaks, type LeakSnapshot, takeLeakSnapshot } from '../../tests/support/leaks.ts';
import { containersMissing, isolateNetwork, openWorld, type World } from './runtime.fixture.ts';

const skip = containersMissing();
if (containersMissing('ip') === false) isolateNetwork();
const rounds = process.env['SHALE_TEST_LONG'] === undefined ? 20 : 500;
const victim = fileURLToPath(new URL('crash.fixture.ts', import.meta.url));
const GONE_WITHIN_MS = 1000;

/** Starts the victim, kills it after `afterMs` from its first container on. */
async function killVictim(world: World, prefix: string, kind: string, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [victim, world.runRoot, world.rootfs, prefix, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

async function eventually(check: () => readonly unknown[], withinMs: number): Promise<readonly unknown[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = check();
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(20);
  }
}

const processesOf = (world: World): readonly string[] => takeLeakSnapshot(world.marker, { network: true }).processes;

/** What a leak check looks at after a sweep. */
function leaks(before: LeakSnapshot, world: World): readonly string[] {
  return compareLeaks(before, takeLeakSnapshot(world.marker, { network: true }));
}

test(
  `F-130: kill -9 of shale ${rounds} times during a run: no process after a second, nothing after the sweep`,
  { skip },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    for (let round = 0; round < rounds; round++) {
      await killVictim(world, `${world.marker}-${round}`, 'attached', Math.random() * 250);
      const alive = await eventually(() => processesOf(world), GONE_WITHIN_MS);
      assert.deepEqual(alive, [], `round ${round}`);
      const report = await world.runtime.sweep();
      assert.deepEqual(report.left, [], `round ${round}`);
      // The pipe from a process that was killed is closed a moment later.
      assert.deepEqual(await eventually(() => leaks(before, world), GONE_WITHIN_MS), [], `round ${round}`);
    }
    assert.deepEqual(readdirSync(`${world.runRoot}/containers`), []);
    assert.deepEqual(readdirSync(`${world.runRoot}/runc`), []);
  },
);

test(
  'F-130: kill -9 of shale with a bridge: interfaces, rules and addresses are gone after the sweep',
  { skip: containersMissing('netavark', 'iptables', 'ip') },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    for (let round = 0; round < 4; round++) {
      await killVictim(world, `${world.marker}-${round}`, 'bridge', Math.random() * 400);
      // netavark and its children are let finish.
      assert.deepEqual(await eventually(() => processesOf(world), GONE_WITHIN_MS), [], `round ${round}`);
      const report = await world.runtime.sweep();
      assert.deepEqual(report.left, [], `round ${round}`);
      assert.deepEqual(await eventually(() => leaks(before, world), GONE_WITHIN_MS), [], `round ${round}`);
    }
  },
);

test(
  'F-129: kill -9 of shale leaves detached containers running; half-made ones are swept',
  { skip: containersMissing('conmon') },
  async () => {
    using world = openWorld();
    const before = takeLeakSnapshot(world.marker, { network: true });
    await killVictim(world, `${world.marker}-d`, 'detached', 150 + Math.random() * 200);
    await sleep(100);
    await world.runtime.sweep();
    const ids = readdirSync(`${world.runRoot}/containers`);
    assert.ok(ids.includes(`${world.marker}-d-0`));
    for (const id of ids) {
      const container = world.runtime.open(id, `${world.folder}/state-${id}`);
      const state = container.state();
      assert.ok(state.kind === 'running' || state.kind === 'created', state.kind);
      await container.remove({ force: true });
    }
    assert.deepEqual(await eventually(() => leaks(before, world), GONE_WITHIN_MS), []);
  },
);

test('F-285: the sweep lets be what belongs to a living process', { skip }, async () => {
  using world = openWorld();
  await using handle = await world.runtime.run(world.spec(['sleep', '60']), { kind: 'pipes' });
  const report = await world.runtime.sweep();
  assert.deepEqual(report, { runtimeStates: [], cgroups: [], networks: [], folders: [], left: [] });
  assert.equal(await Promise.race([handle.exit, sleep(100, 'running')]), 'running');
});
