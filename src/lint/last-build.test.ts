import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseDockerfile } from '../dockerfile/index.ts';
import type { BuildMeasure, MeasuredBuildStep } from '../engine/index.ts';
import { proposeIgnore } from './ignore-file.ts';
import { measuredBuild } from './last-build.ts';

function step(slot: string, more: Partial<MeasuredBuildStep> = {}): MeasuredBuildStep {
  return {
    slot,
    seconds: 1,
    ran: { times: 1, of: 1 },
    layerBytes: 0,
    rewrittenBytes: 0,
    deletedLater: [],
    largest: [],
    rights: [],
    taken: [],
    ...more,
  };
}

function measure(...steps: MeasuredBuildStep[]): BuildMeasure {
  return { buildId: 'b1', steps, bases: [] };
}

test('measuredBuild() finds the lines of steps, also below the triggers of another stage', () => {
  const text = 'FROM a AS x\nRUN 1\nONBUILD RUN t\nRUN 2\nFROM x\nRUN 3\nCOPY a b\nFROM x AS y\nRUN 4\n';
  const slots = ['x/run/1', 'x/run/2', '1/run/1', '1/run/2', '1/copy/1', 'y/run/2'];
  const { steps } = measuredBuild(parseDockerfile(text), measure(...slots.map((slot) => step(slot))));
  assert.deepEqual(
    steps.map(({ line }) => line),
    [2, 4, 6, 7, 9],
  );
});

test('proposeIgnore() leaves out what was not taken, and what changes by itself', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shale-ignore-'));
  try {
    for (const name of [
      'src/a',
      'src/test/b',
      'docs/c',
      'Dockerfile',
      '.git/pack',
      'node_modules/x/y',
      'old[1]',
      'log',
    ]) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), '1234567890');
    }
    const taken = ['src', 'src/a', 'node_modules', 'node_modules/x', 'node_modules/x/y'];
    const { text, bytes } = proposeIgnore(folder, measure(step('0/copy/1', { taken })), ['log']);
    assert.equal(
      text,
      '# not used by build b1\n.git/\nDockerfile\ndocs/\nold\\[1]\nsrc/test/\n# copied, though it changes by itself\nnode_modules/\n',
    );
    assert.equal(bytes, 60);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
