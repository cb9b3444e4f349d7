/** What an exploration knows of the build that made its image, and of the image that it stands on. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Lab } from '../support/lab.ts';

let lab: Lab;
before(async () => {
  lab = await Lab.open();
});
after(() => lab[Symbol.asyncDispose]());

test('an image that was built here tells steps, times, lines and bases', async () => {
  const context = join(lab.folder, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'a'), 'a'.repeat(3000));
  writeFileSync(join(context, 'b'), 'b');
  const build = async (tag: string, text: string): Promise<void> => {
    writeFileSync(join(context, 'Dockerfile'), text);
    await lab.engine.build(
      {
        context: { kind: 'directory', path: context },
        tags: [tag],
        buildArgs: {},
        labels: {},
        noCache: false,
        pull: false,
        keepNoise: false,
      },
      { signal: new AbortController().signal },
    );
  };
  await build('base:1', 'FROM scratch\nCOPY a /a\n');
  await build(
    'web:1',
    'FROM base:1 AS files\nCOPY b /b\n\nFROM base:1\nENV X=1\nCOPY \\\n  a /again\nCOPY --from=files /b /from-files\n',
  );
  const open = () =>
    lab.engine.explore({ image: 'web:1', folder: lab.folder }, { signal: new AbortController().signal });
  {
    await using exploration = await open();
    const { build: made, image, instructions, layers, waste } = exploration.report;
    assert.deepEqual(
      image.bases.map(({ name, layers: count, knownBy }) => [name, count, knownBy]),
      [['base:1', 1, 'build']],
    );
    assert.deepEqual(
      layers.map(({ base }) => base),
      [0, undefined, undefined],
    );
    assert.deepEqual(
      instructions.map(({ keyword, layer, base, line }) => [keyword, layer, base, line?.first, line?.last]),
      [
        ['COPY', 0, 0, 1, 1],
        ['ENV', undefined, undefined, 5, 5],
        ['COPY', 1, undefined, 6, 7],
        ['COPY', 2, undefined, 8, 8],
      ],
    );
    assert.equal(made?.isDockerfileSame, true);
    assert.equal(made?.dockerfile, join(context, 'Dockerfile'));
    const step = (name: RegExp) => made?.steps.find((one) => name.test(one.name));
    const last = step(/--from=files/);
    assert.equal(last?.layer, 2);
    assert.equal(last?.outcome, 'ran');
    assert.match(last?.reason ?? '', /never been built/);
    // The step that it lies on, and that of the stage that it copies from.
    const needed = made?.steps.filter(({ number }) => last?.needs.includes(number)).map(({ name }) => name) ?? [];
    assert.equal(needed.length, 2);
    assert.ok(
      needed.some((name) => name.includes('COPY b /b')) && needed.some((name) => name.includes('/again')),
      needed.join(),
    );
    assert.deepEqual(
      waste.entries.map(({ path, cause, layer }) => [path, cause, layer]),
      [['again', 'duplicate', 1]],
    );
  }
  // Of another Dockerfile the lines are not known.
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\n');
  await using later = await open();
  assert.equal(later.report.build?.isDockerfileSame, false);
  assert.ok(later.report.instructions.every(({ line }) => line === undefined));
});
