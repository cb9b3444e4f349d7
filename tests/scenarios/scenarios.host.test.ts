import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ContainerLab, SHALE } from '../containers/container-lab.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { playAll, scenarios } from './recorded.ts';

describe(
  'command lines against docker 28.5, as recorded',
  { skip: BUSYBOX.missing || cannotRun, concurrency: 2 },
  () => {
    let world: ContainerLab;
    before(async () => {
      world = await ContainerLab.open();
      await world.lab.importBusybox('scenario:1');
    });
    after(() => world[Symbol.asyncDispose]());

    for (const { name, steps } of scenarios) {
      test(name, async () => {
        const stage = { program: SHALE, folder: world.lab.newFolder(), env: world.env, image: 'scenario:1' };
        assert.deepEqual(await playAll({ name, steps }, stage), []);
      });
    }

    test('there are two hundred steps', () => {
      assert.ok(scenarios.reduce((sum, { steps }) => sum + steps.length, 0) >= 200);
    });
  },
);
