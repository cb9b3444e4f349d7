import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ContainerLab, SHALE } from '../containers/container-lab.ts';
import { BUSYBOX, cannotRun } from '../support/lab.ts';
import { type Answers, parseScenarios, play } from './scenarios.ts';

const scenarios = parseScenarios(readFileSync(join(import.meta.dirname, 'containers.scenarios'), 'utf8'));
const answers = JSON.parse(readFileSync(join(import.meta.dirname, 'docker.json'), 'utf8')) as Answers; // record.ts wrote it

/** Where shale answers otherwise on purpose; docs/compatibility says why. */
const DIFFERENT: readonly RegExp[] = [
  // The runtime tells it on standard error, where docker tells it on the output.
  /exec dt \/nosuch/,
  // What is wrong with a command line is 125.
  /^docker run --rm -it .* <\/dev\/null$/,
  /create --name x |--filter (nosuch=1|status=nosuch) 2|--restart nosuch|--log-driver nosuch|^docker cp f f|^docker cp cp:\/in cp:/,
  // A number of lines that is none shows nothing; a field that is none is <no value>.
  /logs --tail x|\.Nosuch/,
  // The same files under the same names, without the leading ./.
  /cp cp:\/in\/e\/\. -/,
];

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
        const different: { step: string; docker: unknown; shale: unknown }[] = [];
        for (const [index, step] of steps.entries()) {
          const docker = answers[name]?.[index];
          assert.equal(docker?.step, step, 'docker was not asked this: record anew');
          const shale = await play(step, stage);
          const isSame = shale.status === docker?.status && shale.output === docker.output;
          if (!isSame && !DIFFERENT.some((one) => one.test(step))) different.push({ step, docker, shale });
        }
        assert.deepEqual(different, []);
      });
    }

    test('there are two hundred steps', () => {
      assert.ok(scenarios.reduce((sum, { steps }) => sum + steps.length, 0) >= 200);
    });
  },
);
