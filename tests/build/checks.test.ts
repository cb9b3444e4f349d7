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
    assert.deepEqual(Array.from(new Set(kinds)), ['finding', 'finished']);
    assert.deepEqual(await lab.engine.images({ all: true }), before);
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'skip=all;error=true' };
    await assert.rejects(lab.build(context, { buildArgs }), /secret\.log/);
  });

  test('`callBuild` answers without building', async () => {
    const dockerfile = [
      'ARG ONE=1 TWO=${ONE}2 OTHER=x',
      '# web is served',
      'FROM scratch AS web',
      '# THREE is the last',
      'ARG THREE=$TWO FOUR',
      'ARG TWO',
      'FROM scratch AS alone',
      'ARG OTHER',
      'RUN --network=host --mount=type=secret,id=unused true',
      'FROM web AS last',
      'COPY <<E /x',
      'E',
      'RUN --mount=type=secret,id=token,required --mount=type=ssh true',
    ].join('\n');
    const request = {
      context: { kind: 'directory', path: lab.context({ Dockerfile: dockerfile }) },
      tags: ['unused:1'],
      buildArgs: { FOUR: '4' },
      labels: {},
      noCache: false,
      pull: false,
      keepNoise: false,
    } as const;
    const watch = { signal: AbortSignal.timeout(60_000) };
    const before = await lab.engine.images({ all: true });
    const outline = await lab.engine.callBuild(request, 'outline', watch);
    assert.deepEqual(outline.kind === 'outline' && outline.outline, {
      name: 'last',
      args: [
        { name: 'TWO', value: '12', firstLine: 1, lastLine: 1 },
        { name: 'ONE', value: '1', firstLine: 1, lastLine: 1 },
        { name: 'THREE', description: 'is the last', firstLine: 5, lastLine: 5 },
        { name: 'FOUR', value: '4', firstLine: 5, lastLine: 5 },
      ],
      secrets: [{ id: 'token', required: true, firstLine: 13, lastLine: 13 }],
      ssh: [{ id: 'default', required: false, firstLine: 13, lastLine: 13 }],
    });
    const targets = await lab.engine.callBuild(request, 'targets', watch);
    assert.deepEqual(
      targets.kind === 'targets' &&
        targets.targets.map(({ name, description, isDefault }) => [name, description, isDefault]),
      [
        ['web', 'is served', false],
        ['alone', undefined, false],
        ['last', undefined, true],
      ],
    );
    const check = await lab.engine.callBuild(request, 'check', watch);
    assert.deepEqual(check.kind === 'check' && check.findings.map(({ message }) => message), [
      "Usage of undefined variable '$TWO'",
    ]);
    assert.deepEqual(await lab.engine.images({ all: true }), before);
  });

  test('a foreign frontend is refused', async () => {
    const dockerfile = '# syntax=example.test/other:1\nFROM scratch\nLABEL a=b\n';
    await assert.rejects(lab.build({ dockerfile }), { code: 'FRONTEND_FOREIGN' });
    await lab.build({ dockerfile }, { buildArgs: { BUILDKIT_SYNTAX: 'docker/dockerfile:1' } });
  });
});
