import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildAnswer, Engine } from '../../engine/index.ts';
import { runFake, type FakeRun } from '../fake-context.fixture.ts';

const SOURCE = { file: 'Dockerfile', text: 'FROM a\nCMD x \\\n  y\n' };
const FINDING = {
  rule: 'JSONArgsRecommended',
  description: 'CMD is a JSON list',
  url: 'https://docs.test/json',
  message: 'JSON arguments recommended for CMD',
  file: 'Dockerfile',
  text: SOURCE.text,
  firstLine: 2,
  lastLine: 3,
  start: { line: 2, column: 1 },
  span: { start: 0, end: 0 },
  end: { line: 3, column: 4 },
};

/** Each kind of answer without its source. */
type WithoutSource<T> = T extends unknown ? Omit<T, 'source'> : never;

function call(words: readonly string[], answer: WithoutSource<BuildAnswer>): Promise<FakeRun> {
  const callBuild: Engine['callBuild'] = (_, method) => {
    assert.equal(method, answer.kind);
    return Promise.resolve({ source: SOURCE, ...answer });
  };
  return runFake(['build', ...words, '.'], { engine: { callBuild } });
}

test('`build --check` shows what was found and ends with 1; with 0 when nothing was', async () => {
  const clean = { kind: 'check', findings: [] } as const;
  assert.deepEqual(await call(['--check'], clean), {
    status: 0,
    stdout: 'Check complete, no warnings found.\n',
    stderr: '',
  });
  const found = { kind: 'check', findings: [FINDING] } as const;
  for (const words of [['--check'], ['--call', 'check'], ['--call=lint'], ['--check', '--call=check,format=text']]) {
    const { status, stdout } = await call(words, found);
    assert.equal(status, 1);
    const lines = [
      'Check complete, 1 warning has been found!',
      '',
      'WARNING: JSONArgsRecommended - https://docs.test/json',
      'JSON arguments recommended for CMD',
      'Dockerfile:2',
      '--------------------',
      '   1 |     FROM a',
      '   2 | >>> CMD x \\',
      '   3 | >>>   y',
      '   4 |',
      '--------------------',
    ];
    assert.equal(stdout, `${lines.join('\n')}\n`);
  }
  assert.equal((await call(['--call', 'check,ignorestatus=true'], found)).status, 0);
});

test('`build --check` tells why a file cannot be built', async () => {
  const error = {
    severity: 'error',
    phase: 'instructions',
    code: 'X',
    message: 'it is wrong',
    hint: 'mend it',
    file: 'Dockerfile',
    span: { start: 0, end: 0 },
    start: { line: 2, column: 1 },
    end: { line: 3, column: 4 },
  } as const;
  const answer = { kind: 'check', findings: [], error } as const;
  const { status, stdout, stderr } = await call(['--check'], answer);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^Dockerfile:2\n[^]*>>> CMD x[^]*\nshale: Dockerfile:2: it is wrong\ntry: mend it\n$/);
  const json = await call(['--call', 'check,format=json'], answer);
  assert.equal(json.status, 1);
  assert.deepEqual(JSON.parse(json.stdout), {
    warnings: [],
    sources: [{ filename: 'Dockerfile', data: Buffer.from(SOURCE.text).toString('base64'), language: 'Dockerfile' }],
    buildError: {
      message: 'it is wrong',
      location: {
        ranges: [
          { start: { line: 2 }, end: { line: 2 } },
          { start: { line: 3 }, end: { line: 3 } },
        ],
      },
    },
  });
});

test('`build --call outline` and `targets` print tables, without control characters of the file', async () => {
  const lines = { firstLine: 1, lastLine: 1 };
  const outline = await call(['--call', 'outline'], {
    kind: 'outline',
    outline: {
      name: 'web',
      description: 'the \u001B[31mserver',
      args: [{ name: 'VERSION', value: '1', description: 'of it', ...lines }],
      secrets: [{ id: 'token', required: true, ...lines }],
      ssh: [{ id: 'default', required: false, ...lines }],
    },
  });
  assert.deepEqual(outline.stdout.split('\n'), [
    'TARGET:        web',
    'DESCRIPTION:   the server',
    '',
    'BUILD ARG   VALUE     DESCRIPTION',
    'VERSION     1         of it',
    '',
    'SECRET    REQUIRED',
    'token     true',
    '',
    'SSH       REQUIRED',
    'default',
    '',
    '',
  ]);
  const targets = await call(['--call', 'targets'], {
    kind: 'targets',
    targets: [
      { name: 'base', isDefault: false, base: 'a', ...lines },
      { name: 'web', isDefault: true, base: 'base', description: 'all', ...lines },
    ],
  });
  assert.equal(targets.stdout, 'TARGET          DESCRIPTION\nbase\nweb (default)   all\n');
});

test('`build --call` refuses what it does not know', async () => {
  for (const words of [
    ['--call', 'chek'],
    ['--call', 'check,format=xml'],
    ['--check', '--call', 'outline'],
  ]) {
    const { status, stderr } = await runFake(['build', ...words, '.']);
    assert.equal(status, 125, words.join(' '));
    assert.match(stderr, /--call/);
  }
});
