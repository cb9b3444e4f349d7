/** Images built again: elsewhere, later, and with other surroundings. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError, streamOf } from '../../src/base/index.ts';
import type { RebuildReport } from '../../src/engine/index.ts';
import { debianFile } from '../support/debian-tools.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { cgroupSupport } from '../../src/runtime/index.ts';
import { tarOf } from '../support/tar-of.ts';

const FAKETIME = 'usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
/** What programs of this machine, and the library, need. */
const GLIBC = ['ld-linux-x86-64.so.2', 'libc.so.6', 'libm.so.6', 'libselinux.so.1', 'libpcre2-8.so.0'].map((name, i) =>
  i === 0 ? `/lib64/${name}` : `/lib/x86_64-linux-gnu/${name}`,
);

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
    for (const what of ['folder', 'order of files', 'umask', 'host name', 'user name', 'time zone', 'locale', 'time'])
      assert.ok(varied.includes(what), what);
    assert.equal(varied.includes('processors of steps'), cpus().length > 1 && cgroupSupport().limits.has('CPU sets'));
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

  test('takes an image by its name also where ids of builds begin so', async () => {
    for (const tag of ['b', 'other:2']) await lab.build(lab.context({ Dockerfile: 'FROM busybox\n' }), { tags: [tag] });
    assert.equal((await verify('b')).identical, true);
  });

  test('sets the clock of steps ahead where their C library lets it, and says where it does not', async (t) => {
    const library = debianFile('bookworm', 'libfaketime', FAKETIME);
    const files = [...GLIBC, '/bin/sh', '/bin/date', '/bin/stat'];
    if (library === undefined || !files.every((path) => existsSync(path))) return t.skip('no libfaketime, or no glibc');
    copyFileSync(library, join(await lab.store.folder('sources'), basename(library)));
    const content = (path: string) => ({ path: path.slice(1), content: readFileSync(path), mode: 0o755 });
    const linked = files.map(content);
    const tar = streamOf(tarOf([...linked, { path: 'old', content: 'o', mtimeNs: 86_400_000_000_000n }]));
    await lab.engine.importImage(tar, { tag: 'glibc:1', changes: ['ENV PATH=/bin'] }, watch());
    const clock = async (tag: string, aheadSeconds: number): Promise<RebuildReport> =>
      lab.engine.verifyBuild(
        { name: tag, build: { buildArgs: {}, labels: {}, network: 'none' }, clockAheadSeconds: aheadSeconds },
        watch(),
      );
    // A year is not enough to notice within a second; a hundred of them are.
    const dockerfile = 'FROM glibc:1\nRUN date +%C > /century\nRUN stat -c %Y /old > /old-time\n';
    await lab.build(
      { dockerfile: `FROM busybox AS static\nRUN date +%C > /century\n${dockerfile}COPY --from=static /century /x\n` },
      { tags: ['clock:1'] },
    );
    assert.equal((await clock('clock:1', 0)).identical, true);
    assert.equal((await clock('clock:1', 1)).identical, true);
    const report = await clock('clock:1', 80 * 365 * 86_400);
    assert.deepEqual(
      report.differences.map(({ path, differs }) => [path, differs]),
      [['/century', ['content']]],
    );
    assert.ok(report.varied.some(({ what, is }) => what === 'clock of 2 steps' && is === '29200d ahead'));
    assert.deepEqual(
      report.notVaried.filter(({ what }) => what.startsWith('clock')),
      [{ what: 'clock of RUN date +%C > /century', why: 'it has no C library: static programs ask the kernel' }],
    );
  });
});
