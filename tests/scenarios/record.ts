/**
 * Asks a real docker, and writes its answers down for the test:
 *
 *     .tools/run tests/scenarios/record.ts DOCKER FOLDER [SCENARIO]
 *
 * With SCENARIO the answers to all others stay what they are.
 *
 * FOLDER is one that docker's daemon sees under the same name. The image is made of shared material and removed again.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUSYBOX } from '../support/lab.ts';
import { type Answers, parseScenarios, play, type StepResult } from './scenarios.ts';

const [program = 'docker', parent = '/tmp'] = process.argv.slice(2);
const image = 'scenario:1';
const made = spawnSync(program, ['import', '-c', 'CMD ["sh"]', '-', image], { input: readFileSync(BUSYBOX.path) });
if (made.status !== 0) throw new Error(`${program} cannot import ${BUSYBOX.path}: ${made.stderr.toString()}`);

const only = process.argv[4];
const file = join(import.meta.dirname, 'docker.json');
const earlier = only === undefined ? {} : (JSON.parse(readFileSync(file, 'utf8')) as Answers); // Written below.
const answers: Record<string, (StepResult & { step: string })[]> = {};
for (const { name, steps } of parseScenarios(readFileSync(join(import.meta.dirname, 'containers.scenarios'), 'utf8'))) {
  if (only !== undefined && name !== only) {
    answers[name] = [...(earlier[name] ?? [])];
    continue;
  }
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
writeFileSync(file, `${JSON.stringify(answers, null, 1)}\n`);
