import assert from 'node:assert/strict';

import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { compareLeaks, takeLeakSnapshot } from '../../tests/support/leaks.ts';
import { openMountHost } from '../mounts/index.ts';
import type { RuntimeHost } from './host.ts';
import { openNetworkPool } from './pool.ts';
import { containersMissing, isolateNetwork, openWorld, settleNetworks, outcomeOf } from './runtime.fixture.ts';
import { openRuntime } from './runtime.ts';
import { STEP_SURROUNDINGS } from './step.ts';

const skip = containersMissing('conmon', 'netavark', 'iptables', 'ip');
if (containersMissing('ip') === false) isolateNetwork();

test('the mount host runs containers: steps on a pool, exec, and detached ones that outlive it', { skip }, async () => {
  using world = openWorld();
  const before = takeLeakSnapshot(world.marker, { network: true });
  const stateDir = `${world.folder}/state`;
  mkdirSync(stateDir);
  const spec = world.spec(['sh', '-c', 'echo up; sleep 60']);
  {
    await using mounts = await openMountHost({ mountDir: `${world.folder}/mounts`, driver: 'unpack' });
    const host: RuntimeHost = mounts;
    const runtime = openRuntime({ host, runRoot: world.runRoot });
    await using pool = openNetworkPool({ folder: `${world.runRoot}/networks`, bridge: `s${world.marker}` });
    for (let count = 0; count < 3; count++) {
      const step = world.spec(['sh', '-c', 'ip -o -4 addr show eth0 | wc -l; exit 5'], {
        ...STEP_SURROUNDINGS,
        network: pool,
      });
      const outcome = await outcomeOf(await runtime.run(step, { kind: 'pipes' }));
      assert.deepEqual(outcome, { exit: { kind: 'exited', code: 5, oomKilled: false }, stdout: '1\n', stderr: '' });
    }
    await using running = await runtime.run(world.spec(['sh', '-c', 'echo r; sleep 60']), { kind: 'pipes' });
    await running.stdout[Symbol.asyncIterator]().next();
    const inside = await running.exec({ args: ['sh', '-c', 'exit 8'], io: { kind: 'pipes' } });
    assert.equal((await outcomeOf(inside)).exit.code, 8);
    await running[Symbol.asyncDispose]();
    assert.equal((await running.exit).code, 137);
    const detached = await runtime.create(spec, { stateDir });
    await detached.start();
  }
  const container = world.runtime.open(spec.id, stateDir);
  assert.equal(container.state().kind, 'running');
  await container.remove({ force: true });
  await settleNetworks(world);
  assert.deepEqual(compareLeaks(before, takeLeakSnapshot(world.marker, { network: true })), []);
});
