/** What the record of a build says to the rules. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { lintDockerfile, parseDockerfile } from '../../src/dockerfile/index.ts';
import { measuredBuild } from '../../src/lint/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

describe('the last build of a Dockerfile', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  test('the last build says which bytes stay though they are deleted, which are doubled, and what was copied', async () => {
    const folder = lab.context({
      Dockerfile: [
        'FROM busybox:latest',
        'COPY . /app/',
        'RUN chown -R 1:1 /app && dd if=/dev/zero of=/big bs=1M count=3',
        'RUN rm /big',
        'USER 1',
      ].join('\n'),
      '.git/pack': 'x'.repeat(2_000_000),
    });
    const { buildId } = await lab.build(folder);
    const bytes = readFileSync(join(folder, 'Dockerfile'));
    const measure = (await lab.engine.measureBuild(bytes)) ?? assert.fail('there is a record');
    assert.equal(measure.buildId, buildId);
    assert.deepEqual(measure.steps.find(({ slot }) => slot === '0/copy/1')?.taken, ['.git', '.git/pack', 'Dockerfile']);
    const dockerfile = parseDockerfile(bytes);
    const { findings } = await lintDockerfile(dockerfile, { measured: measuredBuild(dockerfile, measure) });
    const told = findings.filter(({ rule }) => rule.topic === 'measured');
    assert.deepEqual(
      told.map(({ rule, start, message }) => `${rule.id} ${start.line} ${/[\d.]+ MB/.exec(message)?.[0]}`),
      ['copy-too-much 2 2.0 MB', 'layer-delete-no-gain 3 3.1 MB', 'chown-doubles 3 2.0 MB'],
    );
  });

  test('the builds of a file say how often a step ran that every edit runs again', async () => {
    const folder = lab.context({
      Dockerfile: 'FROM busybox:latest\nCOPY . /app/\nRUN npm ci || true\nUSER 1\n',
      source: '0',
    });
    for (const edit of ['1', '2', '2']) {
      writeFileSync(join(folder, 'source'), edit);
      await lab.build(folder);
    }
    const dockerfile = parseDockerfile(readFileSync(join(folder, 'Dockerfile')));
    const measure = (await lab.engine.measureBuild(readFileSync(join(folder, 'Dockerfile')))) ?? assert.fail();
    const { findings } = await lintDockerfile(dockerfile, { measured: measuredBuild(dockerfile, measure) });
    const message = findings.find(({ rule }) => rule.id === 'cache-order')?.message ?? '';
    assert.match(message, /\(in 2 of the last 3 builds/);
  });

  test('the last build says which files got rights that they had not below', async () => {
    const folder = lab.context({
      Dockerfile: [
        'FROM busybox:latest',
        'RUN mkdir -m 1777 /shared && mkdir -m 777 /open && cp /bin/busybox /tool && chmod 4755 /tool',
        'RUN touch /tool /open && chmod 6755 /tool && echo x > /open/file && chmod 666 /open/file',
        'USER 1',
      ].join('\n'),
    });
    await lab.build(folder);
    const bytes = readFileSync(join(folder, 'Dockerfile'));
    const dockerfile = parseDockerfile(bytes);
    const measure = (await lab.engine.measureBuild(bytes)) ?? assert.fail();
    const { findings } = await lintDockerfile(dockerfile, { measured: measuredBuild(dockerfile, measure) });
    const told = findings.filter(({ rule }) => /^(?:setuid-new|world-writable)$/.test(rule.id));
    assert.deepEqual(
      told.map(({ rule, start, message }) => `${rule.id} ${start.line} ${message.split(' ')[0]}`),
      ['setuid-new 2 /tool', 'world-writable 2 /open', 'setuid-new 3 /tool', 'world-writable 3 /open/file'],
    );
  });

  test('builds say which step made two layers of equal inputs, and which smaller base would do', async () => {
    const folder = lab.context({
      Dockerfile: [
        'FROM busybox:latest',
        'RUN head -c 3000000 /dev/zero > /documentation && cp /bin/busybox /tool',
        'RUN cat /proc/sys/kernel/random/uuid > /id',
        'ENTRYPOINT ["/tool"]',
      ].join('\n'),
    });
    await lab.build(folder);
    const { buildId } = await lab.build(folder, { noCache: true });
    await lab.build(folder, { noCache: true });
    const bytes = readFileSync(join(folder, 'Dockerfile'));
    const dockerfile = parseDockerfile(bytes);
    const measure = (await lab.engine.measureBuild(bytes)) ?? assert.fail();
    const { findings } = await lintDockerfile(dockerfile, { measured: measuredBuild(dockerfile, measure) });
    const told = (id: string): readonly string[] =>
      findings.filter(({ rule }) => rule.id === id).map(({ start, message }) => `${start.line}: ${message}`);
    const [differing = '', ...more] = told('not-reproducible');
    assert.deepEqual(more, []);
    assert.ok(differing.startsWith(`3: build ${buildId} of the same inputs wrote /id otherwise`), differing);
    const [smaller = ''] = told('base-smaller');
    assert.match(smaller, /^1: scratch may do: about .* instead of .*; \/tool is static/);
  });

  test('a Dockerfile that was never built as it is has no record', async () => {
    assert.equal(await lab.engine.measureBuild(Buffer.from('FROM busybox\nCOPY x /y\n')), undefined);
  });
});
