/** When a step is found in the cache, when it is not, and what is said about it. */
import assert from 'node:assert/strict';
import { chmodSync, linkSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseDiffId } from '../../src/oci/index.ts';
import { BUSYBOX, type Built, type BuildHow, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;

describe('the build cache', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  /** `cached` or `ran` of every step of the last build but the base. */
  function outcomes(built: Built): string[] {
    return built.steps
      .filter(({ name }) => !/\] FROM /.test(name))
      .map(({ name, cached }) => `${cached ? 'cached' : 'ran'} ${name.replace(/^\[.*?\] /, '')}`);
  }

  /** The reason that is given for a step. */
  async function reason(built: Built, name: RegExp): Promise<string> {
    const { steps } = await lab.engine.why({ build: built.buildId });
    return steps.find((step) => name.test(step.name))?.reason ?? assert.fail(`no step ${name.source}`);
  }

  test('a second build runs nothing and gives the same image', async () => {
    const context = lab.context({
      Dockerfile: 'FROM busybox\nCOPY a dir /data/\nWORKDIR /work\nRUN echo made > made\n',
      a: 'one',
      'dir/b': 'two',
    });
    const first = await lab.build(context);
    const second = await lab.build(context);
    assert.deepEqual(outcomes(first), ['ran COPY a dir /data/', 'ran WORKDIR /work', 'ran RUN echo made > made']);
    assert.deepEqual(
      outcomes(second),
      outcomes(first).map((line) => line.replace('ran', 'cached')),
    );
    assert.equal(second.imageId, first.imageId);
    assert.equal(await reason(second, /RUN/), 'nothing that it depends on has changed');
  });

  test('a change of the mode alone runs COPY again, and the reason says so', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nCOPY script /\n', script: '#!/bin/sh\n' });
    chmodSync(join(context, 'script'), 0o644);
    await lab.build(context);
    chmodSync(join(context, 'script'), 0o755);
    const built = await lab.build(context);
    assert.deepEqual(outcomes(built), ['ran COPY script /']);
    assert.equal(await reason(built, /COPY/), 'script has the mode 0755 instead of 0644 and the same content');
  });

  test('an ARG runs the steps again that can see it, and no others', async () => {
    const dockerfile = 'FROM busybox\nRUN echo before > /a\nARG VERSION\nRUN echo ${VERSION} > /b\n';
    const context = lab.context({ Dockerfile: dockerfile });
    await lab.build(context, { buildArgs: { VERSION: '1' } });
    const built = await lab.build(context, { buildArgs: { VERSION: '2' } });
    assert.deepEqual(outcomes(built), ['cached RUN echo before > /a', 'ran RUN echo 2 > /b']);
    assert.equal(await reason(built, /RUN echo 2/), 'the variable VERSION changed');
    assert.equal((await lab.read(built.imageId, '/b')).toString(), '2\n');
  });

  test('another base runs everything again, and the reason names the files below', async () => {
    const base = lab.context({ Dockerfile: 'FROM busybox\nARG V\nRUN echo ${V} > /version\n' });
    await lab.build(base, { tags: ['base:1'], buildArgs: { V: '1' } });
    const context = lab.context({ Dockerfile: 'FROM base:1\nRUN cat /version > /copy\n' });
    await lab.build(context);
    await lab.build(base, { tags: ['base:1'], buildArgs: { V: '2' } });
    const built = await lab.build(context);
    assert.deepEqual(outcomes(built), ['ran RUN cat /version > /copy']);
    assert.match(await reason(built, /RUN/), /^the files below it changed/);
    assert.equal((await lab.read(built.imageId, '/copy')).toString(), '2\n');
  });

  test('a RUN that gives the same bytes again lets every later step hit', async () => {
    const dockerfile = (word: string): string =>
      `FROM busybox\nRUN : ${word}; echo same > /made\nRUN cat /made > /copy\nCOPY f /\nWORKDIR /w\n`;
    const context = lab.context({ Dockerfile: dockerfile('one'), f: '' });
    await lab.build(context);
    writeFileSync(join(context, 'Dockerfile'), dockerfile('two'));
    assert.deepEqual(outcomes(await lab.build(context)), [
      'ran RUN : two; echo same > /made',
      'cached RUN cat /made > /copy',
      'cached COPY f /',
      'cached WORKDIR /w',
    ]);
  });

  test('a stage that gives the same file again lets a COPY of it hit', async () => {
    const dockerfile =
      'FROM busybox AS one\nARG V\nRUN echo $V > /noise; echo same > /made\nFROM busybox\nCOPY --from=one /made /\n';
    const context = lab.context({ Dockerfile: dockerfile });
    const first = await lab.build(context, { buildArgs: { V: '1' } });
    const built = await lab.build(context, { buildArgs: { V: '2' } });
    assert.equal(built.imageId, first.imageId);
    assert.equal(outcomes(built).at(-1), 'cached COPY --from=one /made /');
  });

  test('--no-cache runs everything, and its results serve the next build', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nRUN echo no cache > /x\n' });
    const first = await lab.build(context);
    const second = await lab.build(context, { noCache: true });
    assert.deepEqual(outcomes(second), ['ran RUN echo no cache > /x']);
    assert.equal(await reason(second, /RUN/), 'the cache was not asked (--no-cache)');
    assert.equal(second.imageId, first.imageId);
    assert.deepEqual(outcomes(await lab.build(context)), ['cached RUN echo no cache > /x']);
  });

  describe('F-225: a COPY runs again after a change of', () => {
    const dockerfile = 'FROM busybox\nARG USED=1\nARG UNUSED=1\nCOPY tree /tree-${USED}/\n';
    const changes: Record<string, (context: string) => BuildHow | void> = {
      'the content': (context) => writeFileSync(join(context, 'tree/file'), 'two'),
      'the content, same size and time': (context) => {
        const file = join(context, 'tree/file');
        writeFileSync(file, 'eno');
        utimesSync(file, 1000, 1000);
      },
      'the mode of a file': (context) => chmodSync(join(context, 'tree/file'), 0o600),
      'the mode of a folder': (context) => chmodSync(join(context, 'tree/sub'), 0o700),
      'the target of a link': (context) => {
        rmSync(join(context, 'tree/link'));
        symlinkSync('sub', join(context, 'tree/link'));
      },
      'a name': (context) => renameSync(join(context, 'tree/file'), join(context, 'tree/renamed')),
      'a new file': (context) => writeFileSync(join(context, 'tree/new'), ''),
      'a removed file': (context) => rmSync(join(context, 'tree/sub/inner')),
      'a folder that was a file': (context) => {
        rmSync(join(context, 'tree/sub'), { recursive: true });
        writeFileSync(join(context, 'tree/sub'), '');
      },
      'hard links': (context) => {
        rmSync(join(context, 'tree/same'));
        linkSync(join(context, 'tree/file'), join(context, 'tree/same'));
      },
      'the .dockerignore': (context) => writeFileSync(join(context, '.dockerignore'), 'tree/sub\n'),
      'an ARG that is used': () => ({ buildArgs: { USED: '2' } }),
    };
    for (const [what, change] of Object.entries(changes)) {
      test(what, async () => {
        const context = sample();
        await lab.build(context);
        const how = change(context) ?? {};
        const built = await lab.build(context, how);
        assert.equal(built.steps.at(-1)?.cached, false);
      });
    }

    function sample(): string {
      const context = lab.context({
        Dockerfile: dockerfile,
        'tree/file': 'one',
        'tree/same': 'one',
        'tree/sub/inner': 'x',
      });
      symlinkSync('file', join(context, 'tree/link'));
      utimesSync(join(context, 'tree/file'), 1000, 1000);
      return context;
    }
  });

  test('F-225: times and arguments that nothing uses leave everything cached', async () => {
    const context = lab.context({
      Dockerfile: 'FROM busybox\nARG UNUSED\nCOPY tree /tree/\n',
      'tree/file': 'one',
      'tree/sub/inner': 'x',
    });
    const first = await lab.build(context);
    for (const name of ['tree/file', 'tree/sub/inner', 'tree/sub', 'tree', 'Dockerfile'])
      utimesSync(join(context, name), 1_000_000_000, 1_200_000_000);
    // A new inode with the same content.
    writeFileSync(join(context, 'again'), 'one');
    renameSync(join(context, 'again'), join(context, 'tree/file'));
    const second = await lab.build(context);
    assert.deepEqual(outcomes(second), ['cached COPY tree /tree/']);
    assert.equal(second.imageId, first.imageId);
    // History tells the value of an ARG, so the image is another one; its layers are not.
    const third = await lab.build(context, { buildArgs: { UNUSED: 'other' } });
    assert.deepEqual(outcomes(third), ['cached COPY tree /tree/']);
  });

  test('F-225: each setting that RUN sees makes it run again', async () => {
    const run = 'RUN echo settings > /settings';
    const base = (lines: string): string => `FROM busybox\n${lines}${run}\n`;
    await lab.build({ dockerfile: base('') });
    for (const line of ['ENV A=1\n', 'ENV A=2\n', 'USER nobody\nUSER 0:1\n', 'SHELL ["/bin/sh", "-ec"]\n']) {
      const built = await lab.build({ dockerfile: base(line) });
      assert.deepEqual(outcomes(built).at(-1), `ran ${run}`, line);
    }
    const labelled = await lab.build({ dockerfile: base('LABEL a=b\nEXPOSE 80\nCMD ["x"]\n') });
    assert.deepEqual(outcomes(labelled), [`cached ${run}`]);
  });

  test('F-224: an image that is loaded with the history of a local step is no cache for it', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nRUN echo poison > /poison\n' });
    const built = await lab.build(context, { tags: ['poison:1'] });
    await using other = await Lab.open();
    await other.engine.load(lab.engine.save({ images: ['busybox', 'poison:1'], format: 'docker' }, watch()), watch());
    const again = await other.build(context);
    assert.equal(again.steps.at(-1)?.cached, false);
    assert.equal(again.imageId, built.imageId);
  });

  for (const [how, damage] of [
    ['is gone', (path: string): void => rmSync(path)],
    ['was cut', (path: string): void => truncateSync(path, 512)],
    ['is empty', (path: string): void => truncateSync(path, 0)],
  ] as const) {
    test(`F-227: a step whose layer ${how} is run again`, async () => {
      const context = lab.context({ Dockerfile: `FROM busybox\nRUN echo "${how}" > /x\nRUN cat /x > /y\n` });
      const first = await lab.build(context);
      const layer = (await lab.stack(first.imageId)).layers[1]?.diffId ?? assert.fail('a layer');
      const { path } = (await lab.store.blobs.find(parseDiffId(layer))) ?? assert.fail('a blob');
      damage(path);
      await using fresh = await lab.again();
      const second = await fresh.build(context, { noCache: false });
      assert.equal(second.imageId, first.imageId);
      await fresh.engine.tag(first.imageId, 'repaired:1');
      const third = await fresh.build({ dockerfile: 'FROM repaired:1\nRUN cat /x /y\n' });
      assert.match(third.log, new RegExp(`${how}\n${how}\n`));
    });
  }

  test('F-148: two builds of one Dockerfile at the same time give one image', async () => {
    const context = lab.context({ Dockerfile: 'FROM busybox\nRUN echo twice > /x; sleep 0.3\nCOPY f /\n', f: 'f' });
    const [a, b] = await Promise.all([lab.build(context), lab.build(context)]);
    assert.equal(a?.imageId, b?.imageId);
  });
});

function watch(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(60_000) };
}
