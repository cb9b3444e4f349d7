import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../../../syntax/dockerfile.ts';
import { lintDockerfile } from '../../lint.ts';
import { exampleRecord, type MeasuredBuild } from '../../measured.ts';

const MB = 1_000_000;

function record(line: number, ...packages: readonly (readonly [name: string, bytes: number])[]): MeasuredBuild {
  return exampleRecord({ line, unusedPackages: packages.map(([name, bytes]) => ({ name, bytes })) });
}

/** What is found: the words that are meant, and what is said of them. */
async function found(text: string, measured?: MeasuredBuild): Promise<string[]> {
  const { findings } = await lintDockerfile(parseDockerfile(text), { ...(measured !== undefined && { measured }) });
  return findings
    .filter(({ rule }) => rule.id === 'unused-package')
    .map(({ span, message }) => `${text.slice(span.start, span.end)}: ${message}`);
}

const notOpened = (what: string): string => `no file of ${what} was opened in the trace`;

test('unused-package finds packages at the words that name them, in whatever way they are installed', async () => {
  for (const [script, word] of [
    ['apt-get update && apt-get install -y --no-install-recommends curl gcc', 'gcc'],
    ['apt-get install -y gcc=4:12.2.0-3', 'gcc=4:12.2.0-3'],
    ['apt install -y curl gcc:amd64', 'gcc:amd64'],
    ['apt-get install -y -t stable gcc/stable', 'gcc/stable'],
    ['set -e; if true; then DEBIAN_FRONTEND=noninteractive apt-get -qq install gcc; fi', 'gcc'],
    ['apk add --no-cache curl gcc', 'gcc'],
    ['apk add --virtual .build gcc~=13', 'gcc~=13'],
    ['apk add gcc@edge', 'gcc@edge'],
  ] as const)
    assert.deepEqual(await found(`FROM a\nRUN ${script}\n`, record(2, ['gcc', 60 * MB])), [
      `${word}: ${notOpened('gcc (60 MB)')}`,
    ]);
  const variable = 'FROM a\nENV TOOLS=gcc\nRUN apt-get install -y $TOOLS\n';
  assert.deepEqual(await found(variable, record(3, ['gcc', 5000])), [`$TOOLS: ${notOpened('gcc (5 kB)')}`]);
  const json = 'FROM a\nRUN ["apt-get", "install", "-y", "gcc"]\n';
  assert.deepEqual(await found(json, record(2, ['gcc', MB])), [`gcc: ${notOpened('gcc (1.0 MB)')}`]);
  const heredoc = 'FROM a\nRUN <<EOF\napt-get update\napt-get install -y gcc\nEOF\n';
  assert.deepEqual(await found(heredoc, record(2, ['gcc', MB])), [`gcc: ${notOpened('gcc (1.0 MB)')}`]);
});

test('unused-package tells together what came along, at the call that brought it', async () => {
  const text = 'FROM a\nRUN apt-get update && apt-get install -y gcc vim\n';
  const call = 'apt-get install -y gcc vim';
  const along = (what: string): string => `no file of ${what}, which came along, was opened in the trace`;
  assert.deepEqual(await found(text, record(2, ['gcc', 60 * MB], ['cpp', 20 * MB])), [
    `${call}: ${along('cpp (20 MB)')}`,
    `gcc: ${notOpened('gcc (60 MB)')}`,
  ]);
  const many = Array.from({ length: 12 }, (_, i) => [`lib${i}`, MB] as const);
  const names = many.slice(0, 10).map(([name]) => `${name} (1.0 MB)`);
  assert.deepEqual(await found(text, record(2, ...many)), [
    `${call}: ${along(`12 packages of 12 MB (${names.join(', ')} and 2 more)`)}`,
  ]);
  // Nothing in the instruction says what installs.
  const script = 'FROM a\nCOPY setup /\nRUN /setup\n';
  assert.deepEqual(await found(script, record(3, ['gcc', MB])), [`RUN /setup: ${along('gcc (1.0 MB)')}`]);
});

test('unused-package finds nothing without a trace, where all is used, and in what installs nothing', async () => {
  const install = 'FROM a\nRUN apt-get install -y gcc\n';
  for (const [text, measured] of [
    [install, undefined],
    [install, exampleRecord({ line: 2 })],
    [install, record(2)],
    // The record of another build has other lines.
    [install, record(3, ['gcc', MB])],
    [install, record(1, ['gcc', MB])],
    // A root file system that was made elsewhere.
    ['FROM scratch\nADD rootfs.tar /\n', record(2, ['gcc', MB])],
    ['FROM a AS b\nFROM scratch\nCOPY --from=b / /\n', record(3, ['gcc', MB])],
    ['FROM a\n# shale:ignore unused-package -- for the debugger\nRUN apt-get install -y gcc\n', record(3, ['gcc', MB])],
  ] as const)
    assert.deepEqual(await found(text, measured), [], text);
});
