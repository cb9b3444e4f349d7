import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeContext } from '../fake-context.fixture.ts';
import { formatFindings } from './findings.ts';
import type { FindingEvent } from './model.ts';
import { openProgress } from './open.ts';

const FINDING: FindingEvent = {
  kind: 'finding',
  rule: 'JSONArgsRecommended',
  message: 'JSON arguments recommended for CMD',
  description: 'CMD is a JSON list',
  url: 'https://docs.test/json',
  file: 'Dockerfile',
  firstLine: 2,
  lastLine: 2,
  text: 'FROM a\nCMD \u001B[31mx\n',
  time: 1,
};

test('formatFindings() counts what was found, a line each', () => {
  const quiet = { debug: false, colors: false };
  assert.equal(formatFindings([], quiet), '');
  const line = ' - JSONArgsRecommended: JSON arguments recommended for CMD (line 2)\n';
  assert.equal(formatFindings([FINDING], quiet), `\n 1 warning found (use --debug to expand):\n${line}`);
  assert.equal(
    formatFindings([FINDING, FINDING], { debug: false, colors: true }),
    `\n \u001B[33m2 warnings found (use --debug to expand):\u001B[0m\n${line}${line}`,
  );
});

test('formatFindings() shows the lines with --debug, without their escape sequences', () => {
  assert.equal(
    formatFindings([FINDING], { debug: true, colors: false }),
    [
      '',
      ' 1 warning found:',
      ' - JSONArgsRecommended: JSON arguments recommended for CMD (line 2)',
      'CMD is a JSON list',
      'More info: https://docs.test/json',
      'Dockerfile:2',
      '--------------------',
      '   1 |     FROM a',
      '   2 | >>> CMD x',
      '   3 |',
      '--------------------',
      '',
      '',
    ].join('\n'),
  );
});

test('openProgress() tells findings once, at the end; rawjson at once and without the file', async () => {
  for (const [kind, expected] of [
    ['plain', /^\n 1 warning found[^]+\(line 2\)\n$/],
    ['quiet', /^$/],
    ['rawjson', /^\{"kind":"finding",(?!.*"text")[^\n]+\}\n$/],
  ] as const) {
    const { context, stderr } = fakeContext();
    const progress = openProgress(context, kind);
    progress.watch.progress?.(FINDING);
    if (kind !== 'rawjson') assert.equal(stderr(), '');
    await progress.close();
    assert.match(stderr(), expected, kind);
  }
});
