import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { COMPLETION_SCRIPTS, SHELLS } from './completion-scripts.ts';
import type { Engine } from '../engine/index.ts';
import { runFake } from './fake-context.fixture.ts';

const engine: Partial<Engine> = {
  images: async () => [
    {
      id: `sha256:${'a'.repeat(64)}`,
      tag: { repository: 'debian', tag: 'trixie' },
      taggedMs: 0,
      sizeBytes: 0,
      labels: {},
    },
    { id: `sha256:${'b'.repeat(64)}`, taggedMs: 0, sizeBytes: 0, labels: {} },
  ],
};

async function values(...words: string[]): Promise<string[]> {
  const { stdout } = await runFake(['__complete', ...words], { engine });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']));
}

describe('completion', () => {
  const cases: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
    [['bui'], ['build', 'builder', 'buildx', 'builds']],
    [
      ['system', ''],
      ['info', 'events', 'df', 'check', 'prune', 'reset'],
    ],
    [
      ['image', 'l'],
      ['ls', 'list', 'log', 'load'],
    ],
    [
      ['build', '--pro'],
      ['--progress', '--provenance'],
    ],
    [['build', '--progress', 'p'], ['plain']],
    [['build', '--progress=p'], ['--progress=plain']],
    [
      ['build', '-t', 'x', '--no-'],
      ['--no-cache', '--no-cache-filter', '--no-lock'],
    ],
    [['build', ''], [':files']],
    [['build', '-f', ''], [':files']],
    [['run', 'deb'], ['debian:trixie']],
    [['run', '-it', '--rm', 'deb'], ['debian:trixie']],
    [['run', 'debian', ''], [':files']],
    [['run', 'debian', '--'], [':files']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['help', 'doct'], ['doctor']],
    [['ps', ''], []],
    [['nonsense', ''], []],
    [['run', '--name', 'x'], []],
    [['exec', ''], []],
  ];
  for (const [words, expected] of cases) {
    test(`completion of "${words.join(' ')}" gives ${expected.join(' ') || 'nothing'}`, async () => {
      assert.deepEqual(await values(...words), expected);
    });
  }

  test('completion prints a script for every shell', async () => {
    for (const shell of SHELLS) {
      const { stdout, status } = await runFake(['completion', shell]);
      assert.equal(status, 0);
      assert.equal(stdout, COMPLETION_SCRIPTS[shell]);
    }
  });

  test('the bash script replaces only what follows a colon', (context) => {
    if (spawnSync('bash', ['--version']).status !== 0) return context.skip('bash is not here');
    const script = `
      fake() { printf 'debian:trixie\\tx\\ndebian:bookworm\\ty\\n'; }
      ${COMPLETION_SCRIPTS.bash}
      COMP_LINE='fake run debian:t' COMP_POINT=17
      _shale
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.deepEqual(stdout.trim().split('\n'), ['trixie', 'bookworm']);
  });
});
