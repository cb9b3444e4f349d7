import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VertexId } from '../../graph/index.ts';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import { resolveIncludes } from './include.ts';
import { optionalPattern } from './optional-source.ts';
import { baseConfig, execsOf, PATH, planOf, PLATFORM, refusalOf, verticesOf } from './planning.fixture.ts';
import { stopAtError } from './stop-at-error.ts';
import { transpileDockerfile } from './transpile.ts';

const MARK = '# shale:extensions\n';

test('what only the extended language has is refused without its line, with a hint', async () => {
  const wanted = /is an extension of shale: a line "# shale:extensions" above the first instruction allows it/;
  for (const line of [
    'INCLUDE x',
    'UNSET ENV x',
    'SQUASH BEGIN',
    'RUN --no-cache x',
    'COPY --if-exists a b',
    'ADD --if-exists a b',
    'COPY --from=$X a b',
  ]) {
    assert.match((await refusalOf(`FROM a\nARG X=b\n${line}`)).hint ?? '', wanted, line);
    // A comment further down, or one that says more, is no such line.
    assert.match((await refusalOf(`# shale:extensions=1\nFROM a\n${MARK}ARG X=b\n${line}`)).hint ?? '', wanted, line);
  }
});

test('extensions are no ONBUILD triggers, since other builders read those', async () => {
  for (const trigger of ['UNSET ENV x', 'INCLUDE x', 'SQUASH END']) {
    assert.equal((await refusalOf(`${MARK}FROM a\nONBUILD ${trigger}`)).code, 'ONBUILD_TRIGGER');
  }
});

test('UNSET takes away what the base and the file have set', async () => {
  const config = baseConfig({
    Env: [PATH, 'A=1', 'B=2'],
    Labels: { 'a.b': '1', c: '2' },
    ExposedPorts: ['80/tcp', '90/udp', '91/udp'],
    Volumes: ['/data', '/more'],
  });
  const text = `${MARK}FROM a\nENV C=3 N=A\nUNSET ENV $N C nothing\nUNSET LABEL a.b\nUNSET EXPOSE 80 90-91/udp\nUNSET VOLUME /data\nRUN x\n`;
  const plan = await planOf(text, { resolveImageConfig: () => Promise.resolve({ config }) });
  const { Env, Labels, ExposedPorts, Volumes } = plan.config.config;
  assert.deepEqual([Env, Labels, ExposedPorts, Volumes], [[PATH, 'B=2', 'N=A'], { c: '2' }, undefined, ['/more']]);
  assert.deepEqual(
    execsOf(plan)[0]?.env.filter((entry) => /^[A-Z]=/.test(entry)),
    ['B=2', 'N=A'],
  );
  assert.equal(
    plan.history.find(({ createdBy }) => createdBy?.startsWith('UNSET'))?.createdBy,
    'UNSET ENV A C nothing',
  );
  assert.equal((await refusalOf(`${MARK}FROM a\nUNSET USER x`)).code, 'UNSET_KIND');
  assert.equal((await refusalOf(`${MARK}FROM a\nUNSET ENV`)).code, 'ARGUMENT_COUNT');
  assert.equal((await refusalOf(`${MARK}FROM a\nUNSET EXPOSE x`)).code, 'PORT');
});

test('SQUASH makes one layer of a range, above what lies below it', async () => {
  const text = `${MARK}FROM a\nRUN one\nSQUASH BEGIN\nRUN two\nENV X=1\nWORKDIR /w\nSQUASH END\nRUN three\nSQUASH BEGIN\nENV Y=1\nSQUASH END\n`;
  const plan = await planOf(text);
  const squash = verticesOf(plan).find(({ op }) => op.kind === 'squash');
  const names = (ids: readonly VertexId[] = []): (string | undefined)[] =>
    ids.map((id) => plan.graph.vertices.get(id)?.name);
  assert.deepEqual(names(squash?.inputs), ['[4/7] WORKDIR /w', '[2/7] RUN one']);
  assert.equal(squash?.name, '[5/7] SQUASH');
  assert.deepEqual(
    plan.history.map(({ createdBy, vertex, emptyLayer }) => [createdBy, vertex !== undefined, emptyLayer]),
    [
      ['imported', false, undefined],
      ['RUN /bin/sh -c one # buildkit', true, undefined],
      ['RUN /bin/sh -c two # buildkit', false, true],
      ['ENV X=1', false, true],
      ['WORKDIR /w', false, true],
      ['SQUASH', true, undefined],
      ['RUN /bin/sh -c three # buildkit', true, undefined],
      ['ENV Y=1', false, true],
    ],
  );
  for (const lines of [
    'SQUASH END',
    'SQUASH BEGIN',
    'SQUASH BEGIN\nSQUASH BEGIN\nSQUASH END',
    'SQUASH',
    'SQUASH all',
  ]) {
    assert.match((await refusalOf(`${MARK}FROM a AS b\n${lines}\nFROM b\nRUN x`)).message, /SQUASH/, lines);
  }
});

test('RUN --no-cache is for its own step', async () => {
  const plan = await planOf(`${MARK}FROM a\nRUN one\nRUN --no-cache two\nRUN three\n`);
  const runs = verticesOf(plan).filter(({ op }) => op.kind === 'exec');
  assert.deepEqual(
    runs.map(({ noCache }) => noCache),
    [false, true, false],
  );
});

test('COPY --if-exists makes a pattern of its sources that matches only them', async () => {
  const plan = await planOf(`${MARK}FROM a\nARG F=x.txt\nCOPY --if-exists $F dir/ . *.md /d/\n`);
  const copy = verticesOf(plan).find(({ op }) => op.kind === 'copy')?.op;
  assert.ok(copy?.kind === 'copy');
  assert.deepEqual(
    copy.sources.map((source) => ('path' in source ? source.path : source.kind)),
    ['/x.tx[t]', '/di[r]', '/', '/*.md'],
  );
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['a', '[a]'],
    ['a-', '[a]-'],
    ['a/b.', 'a/[b].'],
    ['$A', undefined],
    ['x$A', '[x]$A'],
    ['${A:-y}z', '${A:-y}[z]'],
    ['a\\b', '[a]\\b'],
    ['a?b', 'a?b'],
    ['..', undefined],
  ];
  for (const [path, pattern] of cases) assert.equal(optionalPattern(path), pattern, path);
});

test('COPY --from takes the ARGs in scope', async () => {
  const text = (args: string): string =>
    `${MARK}ARG G=one\nFROM a AS one\nFROM a AS two\nARG X=one\nFROM two\n${args}\nCOPY --from=$X /x /y\n`;
  const inputs = async (lines: string, buildArgs = {}): Promise<number> =>
    (await planOf(text(lines), { buildArgs })).graph.vertices.size;
  assert.equal(await inputs(''), await inputs('ARG X=two'));
  await planOf(text('ARG G\nARG X=$G'));
  await planOf(text('ARG X'), { buildArgs: { X: '0' } });
  const refusal = await refusalOf(`${MARK}FROM a\nENV X=b\nCOPY --from=$X /x /y`);
  assert.deepEqual([refusal.code, refusal.message], ['ARG_UNSET', 'the variable X is not set here']);
});

test('heredocs that are shell scripts stop at the first error', async () => {
  const args = async (text: string): Promise<readonly string[] | undefined> => execsOf(await planOf(text))[0]?.args;
  const heredoc = 'FROM a\nRUN <<E\nfalse\ntrue\nE\n';
  assert.deepEqual((await args(MARK + heredoc))?.at(-1), 'set -e\nfalse\ntrue\n');
  assert.deepEqual((await args(heredoc))?.at(-1), 'false\ntrue\n');
  assert.equal((await args(`${MARK}FROM a\nRUN cat <<E\nx\nE\n`))?.at(-1), 'cat <<E\nx\nE');
  const shells: readonly (readonly [string, string])[] = [
    ['#!/bin/sh -x\na\n', '#!/bin/sh -x\nset -e\na\n'],
    ['#!/usr/bin/env bash\na\n', '#!/usr/bin/env bash\nset -e\na\n'],
    ['#!/usr/bin/python3\na\n', '#!/usr/bin/python3\na\n'],
    ['#!/bin/sh', '#!/bin/sh'],
  ];
  for (const [script, stopping] of shells) assert.equal(stopAtError(script, ['/bin/sh']), stopping);
  assert.equal(stopAtError('a\n', ['powershell', '-command']), 'a\n');
});

function including(
  text: string,
  files: Readonly<Record<string, string>>,
  buildArgs = {},
): ReturnType<typeof parseDockerfile> {
  const read = (path: string): Buffer | undefined => {
    const found = files[path];
    return found === undefined ? undefined : Buffer.from(found);
  };
  return resolveIncludes(parseDockerfile(text), { read, buildArgs, platform: PLATFORM, target: undefined });
}

const FILES = {
  'base.df': 'ARG V=1\nFROM a:$V AS base',
  'parts/$ARCH.df': '',
  'parts/amd64.df': '# amd64\nINCLUDE ../more/x.df\nARG FROM_PART=2\n',
  'more/x.df': 'RUN x\nBAD\n',
};

test('INCLUDE puts files in its place, which see the ARGs there; places lead to them', () => {
  const text = `${MARK}INCLUDE base.df\nARG TARGETARCH\nINCLUDE parts/$TARGETARCH.df\nCOPY --from=$FROM_PART a b`;
  const dockerfile = including(text, FILES, { V: '7' });
  const lines =
    'ARG V=1\nFROM a:$V AS base\nARG TARGETARCH\n# amd64\nRUN x\nBAD\nARG FROM_PART=2\nCOPY --from=$FROM_PART a b\n';
  assert.equal(dockerfile.source.text, MARK + lines);
  assert.deepEqual(
    dockerfile.diagnostics.map(({ file, start, message }) => `${file}:${start.line}: ${message}`),
    ['more/x.df:2: unknown instruction: BAD'],
  );
});

test('INCLUDE refuses what would make of the file something else', () => {
  const refusals: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ['INCLUDE none.df', {}, /^Dockerfile:2: "none.df" is not there$/],
    ['INCLUDE /etc/passwd', {}, /^Dockerfile:2: "\/etc\/passwd" is absolute/],
    ['INCLUDE $X.df', {}, /^Dockerfile:2: the variable X is not set here$/],
    [
      'INCLUDE a.df',
      { 'a.df': 'INCLUDE b.df', 'b.df': 'INCLUDE ./a.df' },
      /^b.df:1: .* includes itself: a.df → b.df → a.df$/,
    ],
    ['INCLUDE a.df', { 'a.df': 'FROM a\nRUN <<E\nx' }, /^a.df:2: the heredoc "E" has no end$/],
    [
      'INCLUDE a.df',
      { 'a.df': 'FROM a\nRUN x \\\n# c\n' },
      /^a.df:2: the last instruction goes on after the end of the file$/,
    ],
    ['INCLUDE a.df', { 'a.df': '# escape=`\nFROM a\n' }, /^a.df:1: an included file has the escape character/],
  ];
  for (const [line, files, message] of refusals) {
    assert.throws(() => including(`${MARK}${line}\n`, files), { code: 'DOCKERFILE_INVALID', message }, line);
  }
  const deep = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}.df`, `INCLUDE ${i + 1}.df`]));
  assert.throws(() => including(`${MARK}INCLUDE 0.df`, deep), { message: /more than 16 files deep/ });
  const wide = `${MARK}${'INCLUDE a.df\n'.repeat(1001)}`;
  assert.throws(() => including(wide, { 'a.df': '# nothing\n' }), { message: /more than 1000 files/ });
});

test('transpileDockerfile() leaves plain files as they are, and says in plain words what is extended', () => {
  const options = { buildArgs: {}, platform: PLATFORM, target: undefined };
  const plain = '# c\nFROM a\nRUN <<E\nx\nE\n';
  assert.deepEqual(transpileDockerfile(parseDockerfile(plain), options), { text: plain, notes: [] });
  const text = [
    '# shale:extensions',
    'FROM a AS one',
    'ARG W=one',
    'RUN --no-cache \\',
    '  --network=none date',
    'COPY --if-exists --chown=1 a.txt $W /x/',
    'COPY --if-exists ["b c", "/y"]',
    'FROM one',
    'COPY --from=$W /x /y',
    'UNSET ENV A B',
    'UNSET VOLUME /v',
    'SQUASH BEGIN',
    'SQUASH END',
    'SHELL ["/bin/bash", "-c"]',
    'RUN <<-E',
    '\tfalse',
    '\tE',
  ].join('\n');
  const { text: result, notes } = transpileDockerfile(parseDockerfile(text), options);
  assert.deepEqual(result.split('\n'), [
    'FROM a AS one',
    'ARG W=one',
    'RUN \\',
    '  --network=none date',
    'COPY --chown=1 a.tx[t] $W /x/',
    'COPY ["b [c]","/y"]',
    'FROM one',
    'COPY --from=one /x /y',
    'ENV A="" B=""',
    '# UNSET VOLUME /v',
    '# SQUASH BEGIN',
    '# SQUASH END',
    'SHELL ["/bin/bash", "-c"]',
    'RUN <<-E',
    'set -e',
    'false',
    '\tE',
  ]);
  assert.deepEqual(
    notes.map(({ start }) => start.line),
    [4, 6, 9, 10, 11, 12],
  );
  assert.deepEqual(parseDockerfile(result).diagnostics, []);
});
