/**
 * Asks a real docker, and writes its answers down for the test:
 *
 *     .tools/run tests/scenarios/record.ts DOCKER FOLDER
 *
 * FOLDER is one that docker's daemon sees under the same name. The image is made of shared material and removed again.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUSYBOX } from '../support/lab.ts';
import { parseScenarios, play, type StepResult } from './scenarios.ts';

const [program = 'docker', parent = '/tmp'] = process.argv.slice(2);
const image = 'scenario:1';
const made = spawnSync(program, ['import', '-c', 'CMD ["sh"]', '-', image], { input: readFileSync(BUSYBOX.path) });
if (made.status !== 0) throw new Error(`${program} cannot import ${BUSYBOX.path}: ${made.stderr.toString()}`);

const answers: Record<string, (StepResult & { step: string })[]> = {};
const only = process.argv[4];
for (const { name, steps } of parseScenarios(readFileSync(join(import.meta.dirname, 'containers.scenarios'), 'utf8'))) {
  if (only !== undefined && name !== only) continue;
  const folder = mkdtempSync(join(parent, 'shale-scenario-'));
  try {
    const stage = { program, folder, env: process.env, image };
    answers[name] = [];
    for (const step of steps) answers[name].push({ step, ...(await play(step, stage)) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${name}: ${steps.length} steps`);
}
spawnSync(program, ['rmi', image]);
writeFileSync(join(import.meta.dirname, 'docker.json'), `${JSON.stringify(answers, null, 1)}\n`);
