import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sampleExploration } from '../../explore/sample.fixture.ts';
import { runCommandLine } from '../app.ts';
import { fakeContext, runFake, type FakeRun } from '../fake-context.fixture.ts';

const engine = { explore: () => Promise.resolve(sampleExploration()) };

function explore(...words: readonly string[]): Promise<FakeRun> {
  return runFake(['explore', ...words], { engine });
}

describe('shale explore --html', () => {
  test('writes the page, in place of what was there, and nothing else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-page-'));
    try {
      const file = join(folder, 'sample.html');
      writeFileSync(file, 'old');
      assert.deepEqual(await explore('--html', file, 'sample'), { status: 0, stdout: '', stderr: '' });
      assert.match(readFileSync(file, 'utf8'), /^<!doctype html>[^]*<title>sample – shale explore<\/title>/);
      assert.deepEqual(readdirSync(folder), ['sample.html']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('writes to standard output, and compares two images', async () => {
    const { status, stdout } = await explore('--html', '-', 'sample', 'sample');
    assert.deepEqual([status, stdout.startsWith('<!doctype html>')], [0, true]);
  });

  test('says what cannot be written', async () => {
    const { status, stderr } = await explore('--html', '/nonexistent/page.html', 'sample');
    assert.notEqual(status, 0);
    assert.match(stderr, /cannot write \/nonexistent\/page\.html: ENOENT/);
  });
});

describe('shale explore --web', () => {
  test('prints an address with a secret, answers there, and ends with Ctrl-C', async () => {
    const { context, desk, stdout } = fakeContext({ engine });
    const ended = runCommandLine(['explore', '--web', 'sample'], context);
    while (!stdout().endsWith('\n')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(stdout(), /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{24}\/\n$/);
    const page = await fetch(stdout().trim());
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>sample – shale explore/);
    assert.equal((await fetch(new URL('/', stdout().trim()))).status, 404);
    desk.receive('SIGINT');
    await ended;
  });

  test('listens on loopback only', async () => {
    for (const address of ['0.0.0.0:0', ':0', '192.0.2.1:80']) {
      const { status, stderr } = await explore('--web', '--addr', address, 'sample');
      assert.notEqual(status, 0);
      assert.match(stderr, /is not an address of loopback/, address);
    }
  });
});

test('shale explore says which flags do not go together', async () => {
  const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [['--web', '--html', 'x.html', 'sample'], /--web or --html, not both/],
    [['--addr', '127.0.0.1:1', 'sample'], /--addr goes with --web/],
    [['--web', '--addr', 'nonsense', 'sample'], /is not HOST:PORT/],
    [['--web', '--format', 'json', 'sample'], /a page is made alone/],
    [['--html', '-', '--cat', '/etc/passwd', 'sample'], /a page is made alone/],
    [['--html', '-', '--max-layers', '3', 'sample'], /a page is made alone/],
  ];
  for (const [words, message] of cases) {
    const { status, stderr } = await explore(...words);
    assert.equal(status, 125, words.join(' '));
    assert.match(stderr, message);
  }
});
