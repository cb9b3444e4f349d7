import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answers, parseScenarios, play, type Scenario, type Stage, type StepResult } from './scenarios.ts';

/** What docker was asked. */
export const scenarios: readonly Scenario[] = parseScenarios(
  readFileSync(join(import.meta.dirname, 'containers.scenarios'), 'utf8'),
);
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

/** A step that was answered otherwise. */
export interface Difference {
  readonly step: string;
  readonly docker: StepResult;
  readonly shale: StepResult;
}

/**
 * Plays the steps of a scenario; those that shale answers otherwise than docker, and not on purpose. With a stage for docker
 * that is asked too, step by step, in the place of what was recorded.
 */
export async function playAll(
  { name, steps }: Scenario,
  stage: Stage,
  dockers?: Stage,
): Promise<readonly Difference[]> {
  const different: Difference[] = [];
  for (const [index, step] of steps.entries()) {
    const recorded = answers[name]?.[index];
    assert.equal(recorded?.step, step, 'docker was not asked this: record anew');
    const docker = dockers === undefined ? recorded : await play(step, dockers);
    const shale = await play(step, stage);
    const isSame = shale.status === docker.status && shale.output === docker.output;
    if (!isSame && !DIFFERENT.some((one) => one.test(step))) different.push({ step, docker, shale });
  }
  return different;
}
