import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runFake } from '../fake-context.fixture.ts';

test('`transpile` prints the plain Dockerfile, and tells on standard error what it cannot say', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shale-transpile-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'Dockerfile');
  writeFileSync(path, '# shale:extensions\nINCLUDE $WHICH.df\nUNSET LABEL x\n');
  writeFileSync(join(folder, 'one.df'), 'FROM a\nRUN --no-cache y\n');
  assert.deepEqual(await runFake(['transpile', '--build-arg', 'WHICH=one', path]), {
    status: 1,
    stdout: '',
    stderr: [
      'Dockerfile:2',
      '--------------------',
      '   1 |     # shale:extensions',
      '   2 | >>> INCLUDE $WHICH.df',
      '   3 |     UNSET LABEL x',
      '   4 |',
      '--------------------',
      'shale: Dockerfile:2: the variable WHICH is not set here',
      'try: ARG WHICH=default, above it',
      '',
    ].join('\n'),
  });
  writeFileSync(path, '# shale:extensions\nARG WHICH\nINCLUDE $WHICH.df\nUNSET LABEL x\n');
  assert.deepEqual(await runFake(['transpile', '--build-arg', 'WHICH=one', path]), {
    status: 0,
    stdout: 'ARG WHICH\nFROM a\nRUN y\nLABEL x=""\n',
    stderr: [
      'one.df:2: RUN --no-cache: the plain file takes the step from the cache where it can',
      'Dockerfile:4: UNSET LABEL: the plain file makes them empty, and cannot take them away',
      '',
    ].join('\n'),
  });
  const missing = await runFake(['transpile', join(folder, 'none')]);
  assert.match(missing.stderr, /there is no Dockerfile .*none/);
});

test('`transpile -` reads standard input and leaves a plain file as it is', async () => {
  const plain = 'FROM a\n# c\nRUN x\n';
  assert.deepEqual(await runFake(['transpile', '-'], { stdin: plain }), { status: 0, stdout: plain, stderr: '' });
});
