import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runFake } from '../fake-context.fixture.ts';

function fileWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'shale-parse-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'Dockerfile');
  writeFileSync(path, text);
  return path;
}

test('`dockerfile parse` prints an object a file', async (t) => {
  const path = fileWith(t, 'FROM a\nCMD x\n');
  const { status, stdout } = await runFake(['dockerfile', 'parse', '--format', 'json', path, '-'], {
    stdin: '# escape=`\nFROM a AS b\nRUNN x',
  });
  assert.equal(status, 0);
  const [first, second, ...rest] = stdout.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as unknown)));
  assert.deepEqual(rest, ['']);
  assert.deepEqual(first, {
    file: path,
    escape: '\\',
    dump: '(from "a")\n(cmd "x")',
    lines: [
      [1, 1],
      [2, 2],
    ],
    stages: [{ name: '', base: 'a', platform: '', commands: 1 }],
    checks: [
      {
        rule: 'JSONArgsRecommended',
        message: 'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
        lines: [[2, 2]],
      },
    ],
  });
  assert.deepEqual(second, {
    file: '-',
    escape: '`',
    dump: '(from "a" "AS" "b")\n(runn "")',
    lines: [
      [2, 2],
      [3, 3],
    ],
    checks: [],
    error: { phase: 'instructions', message: 'unknown instruction: RUNN', line: 3, column: 1 },
  });
});

test('`dockerfile parse --stdin-list` goes on after a file that cannot be opened, and ends with 1', async (t) => {
  const path = fileWith(t, 'FROM a\n');
  const { status, stdout } = await runFake(['dockerfile', 'parse', '--stdin-list'], {
    stdin: `/nowhere\n/dev\n${path}\n`,
  });
  assert.equal(status, 1);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { error?: { phase: string } });
  assert.deepEqual(
    answers.map(({ error }) => error?.phase),
    ['read', 'read', undefined],
  );
});

test('`dockerfile parse` wants files or a list', async () => {
  for (const words of [[], ['--stdin-list', 'x']]) {
    const { status, stderr } = await runFake(['dockerfile', 'parse', ...words]);
    assert.equal(status, 125);
    assert.match(stderr, /it takes files, or --stdin-list/);
  }
});
