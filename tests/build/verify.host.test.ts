/** Images built again: elsewhere, later, and with other surroundings. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import type { RebuildReport } from '../../src/engine/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const watch = () => ({ signal: AbortSignal.timeout(60_000) });

describe('verify', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  const verify = (name: string, buildArgs: Readonly<Record<string, string>> = {}): Promise<RebuildReport> =>
    lab.engine.verifyBuild({ name, build: { buildArgs, labels: {}, network: 'none' } }, watch());

  test('finds an image identical that is a function of what it was made of', async () => {
    const files = { 'dir/b': 'b', 'dir/a': 'a', c: 'c' };
    const steps =
      'COPY . /src\nRUN for f in /src/dir/*; do cat $f; done > /joined && mkdir /made && umask > /made/umask\n';
    const context = lab.context({ Dockerfile: `FROM busybox\nARG NAME\nENV N=$NAME\n${steps}WORKDIR /w\n`, ...files });
    const { imageId, buildId } = await lab.build(context, { tags: ['same:1'], buildArgs: { NAME: 'x' } });
    const umask = process.umask();
    const report = await verify('same:1', { NAME: 'x' });
    assert.deepEqual(
      [report.identical, report.image, report.build, report.rebuilt, report.differences],
      [true, imageId, buildId, imageId, []],
    );
    const varied = report.varied.map(({ what }) => what);
    for (const what of ['folder', 'order of files', 'umask', 'host name', 'time'])
      assert.ok(varied.includes(what), what);
    assert.equal(varied.includes('processors of steps'), cpus().length > 1);
    assert.deepEqual([process.umask(), hostname()], [umask, hostname()]);
    assert.notEqual(hostname(), 'elsewhere');
    await assert.rejects(
      verify('same:1'),
      (error) => isShaleError(error, 'VERIFY_IMPOSSIBLE') && /NAME/.test(error.message),
    );
  });

  test('says of each difference where it is, what it comes from and what would mend it', async () => {
    const run = 'date +%s%N > /at; head -c 16 /dev/urandom | md5sum > /id; mkdir -p /var/log; cp /id /var/log/x.log';
    const context = lab.context({ Dockerfile: `FROM busybox\nRUN echo same > /same\nRUN ${run}\n` });
    await lab.build(context, { tags: ['other:1'] });
    const report = await verify('other:1');
    assert.equal(report.identical, false);
    assert.deepEqual(
      report.differences.map(({ layer, path, kind, cause }) => [layer, path, kind, cause]),
      [
        [3, '/at', 'changed', 'time stamp'],
        [3, '/id', 'changed', 'random id'],
        [3, '/var/log/x.log', 'changed', 'log'],
      ],
    );
    assert.ok(report.differences.every(({ mend, madeBy }) => mend !== '' && madeBy?.includes('urandom') === true));
    // The second build is not remembered: what was built stays in the cache.
    const again = await lab.build(context);
    assert.ok(again.steps.every(({ name, cached }) => !name.includes('RUN') || cached));
  });

  test('is of what the image was built from, and of nothing else', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nCOPY f /\n', f: 'f' });
    await lab.build(context, { tags: ['changed:1'] });
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY f /g\n');
    await assert.rejects(verify('changed:1'), (error) => isShaleError(error, 'VERIFY_CHANGED'));
    await assert.rejects(verify('busybox'), (error) => isShaleError(error, 'BUILD_NOT_FOUND'));
  });
});
