import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import { lintDockerfile, type LintOptions } from './lint.ts';
import { findRule } from './rules.ts';

/** Findings as `rule line:column-line:column text`. */
async function told(text: string, options: LintOptions = {}): Promise<string[]> {
  const { findings } = await lintDockerfile(parseDockerfile(text), options);
  return findings.map(
    ({ rule, start, span }) => `${rule.id} ${start.line}:${start.column} ${text.slice(span.start, span.end)}`,
  );
}

async function idsOf(text: string, options: LintOptions = {}): Promise<string[]> {
  const { findings } = await lintDockerfile(parseDockerfile(text), options);
  return findings.map(({ rule }) => rule.id).filter((id) => id !== 'root-user');
}

test('findings have the place of the very words, over continuations, comments, heredocs and ONBUILD', async () => {
  const text = [
    'FROM debian:12',
    'RUN set -e; \\',
    '    # why',
    '    apt-get \\',
    '      install curl=1',
    'RUN <<EOF',
    'cd /a',
    'cd /b',
    'EOF',
    'ONBUILD RUN cd /c && sudo x',
    'RUN ["sudo", "x"]',
    'USER 1',
  ].join('\n');
  assert.deepEqual(await told(text), [
    'apt-assume-yes 4:5 apt-get \\\n      install',
    'apt-no-recommends 4:5 apt-get \\\n      install',
    'heredoc-errexit 6:1 RUN <<EOF',
    'merge-runs 6:1 RUN',
    'run-cd-workdir 7:1 cd /a',
    'run-cd-workdir 8:1 cd /b',
    'run-cd-workdir 10:13 cd /c',
    'run-sudo 10:22 sudo',
    'run-sudo 11:7 sudo',
  ]);
});

test('a file that cannot be built is checked all the same', async () => {
  const text = 'FROM debian:12 as x\nCOPPY a b\nCOPY --frm=y a /b\nENV A b\nFROM $NONE\nRUN <<E\nsudo x\nCMD y';
  const ids = await idsOf(text);
  for (const id of [
    'from-as-casing',
    'unknown-instruction',
    'syntax-error',
    'legacy-key-value',
    'undefined-arg-in-from',
  ]) {
    assert.ok(ids.includes(id), `${id} in ${ids.join()}`);
  }
  assert.deepEqual(
    (await idsOf('')).filter((id) => id !== 'syntax-error'),
    ['no-stage'],
  );
});

test('stages have what the stage below them has set, and what its ONBUILDs will do', async () => {
  const shell = 'FROM debian:12 AS a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nWORKDIR /x\nUSER 1\nENV P=curl\n';
  assert.deepEqual(
    await idsOf(`${shell}FROM a\nRUN x | y\nCOPY b c\nRUN apt-get install -y --no-install-recommends $P`),
    ['apt-pin'],
  );
  assert.deepEqual(await idsOf('FROM debian:12 AS a\nONBUILD WORKDIR /x\nFROM a\nCOPY b c\nUSER 1'), []);
});

test('a comment of hadolint says which shell a base image has', async () => {
  assert.deepEqual(await idsOf('# hadolint shell=pwsh\nFROM a:1\nRUN x | y\nCMD z'), []);
  assert.deepEqual(await idsOf('FROM a:1\nRUN x | y'), ['pipefail']);
});

test('comments keep rules silent: below, inside, between and in the whole file, by any name, with a reason', async () => {
  const run = 'RUN sudo x';
  const silent = [
    `FROM a:1\n# shale:ignore run-sudo -- needed\n${run}`,
    `FROM a:1\n# shale:ignore DL3004,DL3008 -- needed\n${run}`,
    `FROM a:1\n# hadolint ignore=DL3004\n${run}`,
    `# hadolint global ignore=DL3004 # why\nFROM a:1\n${run}`,
    `# shale:ignore-file DS-0010\nFROM a:1\n${run}`,
    `FROM a:1\n# shale:ignore-start run-sudo\n${run}\n# shale:ignore-end\n`,
    `FROM a:1\nRUN x && \\\n    # shale:ignore run-sudo\n    sudo y`,
    `FROM a:1\n# shale:ignore all\n${run}`,
    `# check=skip=run-sudo\nFROM a:1\n${run}`,
  ];
  for (const text of silent) assert.deepEqual(await idsOf(text), [], text);
  assert.deepEqual(await idsOf(`FROM a:1\n# shale:ignore run-sudo\n${run}`, { useInlineIgnores: false }), ['run-sudo']);
  assert.deepEqual(await idsOf(`FROM a:1\n# shale:ignore run-sudo\nRUN x\n${run}`), [
    'unused-ignore',
    'merge-runs',
    'run-sudo',
  ]);
  const { silenced } = await lintDockerfile(parseDockerfile(silent[0] ?? ''));
  assert.equal(silenced, 1);
});

test('options choose the rules and their severities', async () => {
  const text = 'FROM a:1\nRUN sudo x';
  assert.deepEqual(await idsOf(text, { ignored: ['CKV2_DOCKER_1'] }), []);
  assert.deepEqual(await idsOf(text, { enabled: ['DL3057'] }), ['healthcheck-missing', 'run-sudo']);
  const { findings } = await lintDockerfile(parseDockerfile(text), { severities: new Map([['run-sudo', 'style']]) });
  assert.equal(findings.find(({ rule }) => rule.id === 'run-sudo')?.severity, 'style');
});

test('edits of a file whose lines end in CR LF end so too', async () => {
  const { findings } = await lintDockerfile(parseDockerfile('FROM debian:12\r\nRUN cd /a && b\r\n'));
  const fix = findings.find(({ rule }) => rule.id === 'run-cd-workdir')?.fix;
  assert.equal(fix?.edits[0]?.text, 'WORKDIR /a\r\n');
});

test('findings of ShellCheck go by their numbers: to be silent, to be louder', async () => {
  const rule = findRule('shellcheck') ?? assert.fail();
  const span = { start: 10, end: 13 };
  const others: LintOptions['others'] = () => [
    [rule, { message: 'a', span, code: 'SC2086' }],
    [rule, { message: 'b', span, code: 'SC2046' }],
  ];
  const codes = async (text: string, options: LintOptions): Promise<(string | undefined)[]> => {
    const { findings } = await lintDockerfile(parseDockerfile(text), { ...options, others });
    return findings.filter((one) => one.rule === rule).map(({ code, severity }) => `${code} ${severity}`);
  };
  const text = 'FROM a:1\nRUN x\nUSER 1\n';
  assert.deepEqual(await codes(text, { ignored: ['sc2086'] }), ['SC2046 warning']);
  assert.deepEqual(await codes(text, { ignored: ['shellcheck'] }), []);
  assert.deepEqual(await codes(text, { severities: new Map([['SC2046', 'error']]) }), [
    'SC2086 warning',
    'SC2046 error',
  ]);
  assert.deepEqual(await codes(`# hadolint global ignore=SC2086\n${text}`, {}), ['SC2046 warning']);
});

/** Beginnings and ends of everything that the language and the shell have. */
const PIECES = [
  'FROM a AS b\n',
  'RUN ',
  'ONBUILD ',
  'ENV A$(B=',
  'ARG X_KEY(=',
  'COPY --from=b ',
  'SHELL ["/bin/bash","-c"]\n',
  'USER ',
  'apt-get install ',
  'cd /x && ',
  'curl -k ',
  '| sh',
  '\\\n',
  '\n',
  '\r\n',
  '<<E',
  '\nE\n',
  "'",
  '"',
  '$(',
  '`',
  '${A',
  '}',
  ')',
  '[',
  ']',
  '["',
  '"]',
  '=',
  ' ',
  '\t',
  '&&',
  ';',
  '#',
  '# shale:ignore-start all\n',
  '# hadolint ignore=DL3008\n',
  '\ufeff',
  'é😀',
];

test('lintDockerfile() takes any text, and every place that it tells is in it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }), async (pieces) => {
      const text = pieces.join('');
      const { findings } = await lintDockerfile(parseDockerfile(text));
      for (const { span, fix } of findings) {
        assert.ok(span.start >= 0 && span.end <= text.length && (span.end > span.start || text === ''));
        for (const edit of fix?.edits ?? [])
          assert.ok(edit.start >= 0 && edit.start <= edit.end && edit.end <= text.length);
      }
    }),
    { numRuns: 400 },
  );
});
