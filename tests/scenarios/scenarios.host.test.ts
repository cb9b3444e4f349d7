import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ContainerLab, SHALE } from '../containers/container-lab.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { playAll, scenarios } from './recorded.ts';

const image = 'scenario:1';

/** With SHALE_TEST_LONG=1 a docker that the lab has started is asked, step by step beside shale. */
const LAB = process.env['LAB'] ?? join(tmpdir(), 'lab');
const DOCKER = join(LAB, 'bin/docker');
const isLive = process.env['SHALE_TEST_LONG'] === '1' && existsSync(join(LAB, 'run/docker.sock'));

describe(
  `command lines against docker 28.5, ${isLive ? 'which runs beside' : 'as recorded'}`,
  { skip: BUSYBOX.missing || cannotRun, concurrency: 2 },
  () => {
    let world: ContainerLab;
    before(async () => {
      world = await ContainerLab.open();
      await world.lab.importBusybox(image);
      const words = ['import', '-c', 'CMD ["sh"]', '-', image];
      if (isLive) execFileSync(DOCKER, words, { input: readFileSync(BUSYBOX.path) });
    });
    after(async () => {
      if (isLive) execFileSync(DOCKER, ['rmi', '-f', image]);
      await world[Symbol.asyncDispose]();
    });

    for (const { name, steps } of scenarios) {
      test(name, async () => {
        const stage = { program: SHALE, folder: world.lab.newFolder(), env: world.env, image };
        // One that docker's daemon sees under the same name.
        const folder = isLive ? mkdtempSync(join(LAB, 'shale-scenario-')) : undefined;
        try {
          const dockers = folder === undefined ? undefined : { program: DOCKER, folder, env: process.env, image };
          assert.deepEqual(await playAll({ name, steps }, stage, dockers), []);
        } finally {
          if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
        }
      });
    }

    test('there are two hundred steps', () => {
      assert.ok(scenarios.reduce((sum, { steps }) => sum + steps.length, 0) >= 200);
    });
  },
);
