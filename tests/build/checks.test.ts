/** Build checks in whole builds: what is told, when, and that a build which must not go on leaves nothing behind. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Lab } from '../support/lab.ts';

describe('build checks', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
  });
  after(() => lab[Symbol.asyncDispose]());

  const BAD = 'FROM scratch as Base\nCOPY secret.log data/ /x/\nCMD run\n';
  const FILES = { 'secret.log': 'x', 'data/y': 'y', '.dockerignore': '*.log\n# nothing else\n' };

  test('a build tells what it found, also of ignored files, before it goes on', async () => {
    const context = lab.context({ ...FILES, 'secret.log': '', Dockerfile: BAD.replace('secret.log ', '') });
    const { events } = await lab.build(context);
    const findings = events.flatMap((event) => (event.kind === 'finding' ? [`${event.rule} ${event.firstLine}`] : []));
    assert.deepEqual(findings, ['StageNameCasing 1', 'FromAsCasing 1', 'JSONArgsRecommended 3']);
    assert.equal(events[0]?.kind, 'finding');

    const told: string[] = [];
    const ignored = lab.context({ ...FILES, Dockerfile: BAD });
    const progress = (event: { kind: string; message?: string }): void => void told.push(event.message ?? '');
    await assert.rejects(lab.build(ignored, { progress }), /secret\.log/);
    assert.ok(told.includes('Attempting to Copy file "secret.log" that is excluded by .dockerignore'), told.join('\n'));
  });

  test('`check=error=true` makes a build fail before anything runs', async () => {
    const context = lab.context({ ...FILES, Dockerfile: `# check=skip=FromAsCasing;error=true\n${BAD}` });
    const kinds: string[] = [];
    const before = await lab.engine.images({ all: true });
    const build = lab.build(context, { tags: ['checked:1'], progress: ({ kind }) => void kinds.push(kind) });
    await assert.rejects(build, {
      code: 'CHECKS_FAILED',
      message: 'Dockerfile does not keep the build checks StageNameCasing, CopyIgnoredFile, JSONArgsRecommended',
    });
    assert.deepEqual(new Set(kinds), new Set(['finding']));
    assert.deepEqual(await lab.engine.images({ all: true }), before);
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'skip=all;error=true' };
    await assert.rejects(lab.build(context, { buildArgs }), /secret\.log/);
  });

  test('a foreign frontend is refused', async () => {
    const dockerfile = '# syntax=example.test/other:1\nFROM scratch\nLABEL a=b\n';
    await assert.rejects(lab.build({ dockerfile }), { code: 'FRONTEND_FOREIGN' });
    await lab.build({ dockerfile }, { buildArgs: { BUILDKIT_SYNTAX: 'docker/dockerfile:1' } });
  });
});
