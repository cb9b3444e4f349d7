import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromText } from '../../base/index.ts';
import type { ExploreRequest } from '../../engine/index.ts';
import type { Exploration, TreeEntry } from '../../explore/index.ts';
import { sampleExploration } from '../../explore/sample.fixture.ts';
import { runFake, type FakeRun } from '../fake-context.fixture.ts';

const asked: ExploreRequest[] = [];

function run(...words: readonly string[]): Promise<FakeRun> {
  const explore = async (request: ExploreRequest) => {
    asked.push(request);
    return Promise.resolve(sampleExploration());
  };
  return runFake(['explore', ...words], { engine: { explore } });
}

describe('shale explore', () => {
  test('prints a summary where it is no terminal, and asks for the image in this folder', async () => {
    const { status, stdout } = await run('--platform', 'linux/arm64', './web.tar');
    assert.equal(status, 0);
    assert.match(stdout, /^sample /);
    assert.deepEqual(asked.at(-1), { image: './web.tar', folder: '/project', platform: 'linux/arm64' });
  });

  test('prints JSON, Markdown, SARIF, and dive’s score', async () => {
    assert.equal((JSON.parse((await run('--format', 'json', 'x')).stdout) as { version: number }).version, 1);
    assert.match((await run('--format', 'markdown', 'x')).stdout, /^# sample\n/);
    assert.match((await run('--format', 'sarif', 'x')).stdout, /"name": "shale explore"/);
    assert.match((await run('--score', 'dive', 'x')).stdout, /as dive counts/);
  });

  test('ends with 2 when a budget is broken, and tells which', async () => {
    const broken = await run('--max-layers', '4', '--min-efficiency', '1%', 'x');
    assert.equal(broken.status, 2);
    assert.match(broken.stdout, /^kept +efficiency .*\nBROKEN +layers +5 +at most 4$/m);
    assert.equal((await run('--max-layers', '5', '--highestWastedBytes', '1GB', 'x')).status, 0);
    assert.equal((await run('--allow-privileged', '/usr/bin/su', 'x')).status, 2);
    assert.equal((await run('--allow-privileged', 'none', '--format', 'json', 'x')).status, 2);
  });

  test('answers questions for files', async () => {
    const passwd = await run('--cat', '/etc/hosts', 'x');
    assert.equal(passwd.stdout, '127.0.0.1 localhost\n');
    assert.match((await run('--cat', '/etc/motd', '--layer', '0', 'x')).stdout, /to debian/);
    assert.match((await run('--changes', 'etc/motd', 'x')).stdout, /^-to debian\n\+to our image$/m);
    assert.match((await run('--changes', '/app/main.js', 'x')).stdout, /^the same as in layer 2$/m);
    // A link is followed, as a program in the container would.
    assert.match(
      (await run('--view', '/bin/sh', 'x')).stdout,
      /^path +\/bin\/bash\n(?:.*\n)*ELF +program, amd64, 64 bits\ninterpreter +\/lib64/,
    );
    assert.match(
      (await run('--list', '/app', '--layer', '4', 'x')).stdout,
      /^D +drwxr-xr-x +0:0 +60kB +2 +\/app\/cache\/$/m,
    );
    assert.match((await run('--search', '*.js', 'x')).stdout, /\/app\/copy of main\.js\n.*\/app\/main\.js\n$/);
    const none = await run('--cat', '/etc/none', 'x');
    assert.equal(none.status, 1);
    assert.match(none.stderr, /there is no \/etc\/none after layer 4/);
  });

  test('shows every byte of a name, and nothing that a terminal would act upon', async () => {
    const sample = sampleExploration();
    const [entry] = sample.list({ from: 0, to: 4 }, fromText('etc'));
    assert.ok(entry);
    const list = (): TreeEntry[] => [
      { ...entry, kind: 'symlink', path: 'etc/a\u001B[2J\nb\u00FF', linkTarget: fromText('x\u202Ey') },
    ];
    const explore = (): Promise<Exploration> => Promise.resolve(Object.assign(sample, { list }));
    const { stdout, stderr } = await runFake(['explore', '--list', '/etc', 'x'], { engine: { explore } });
    assert.equal(stderr, '');
    assert.match(stdout, / \/etc\/a\\x1B\[2J\\nb\\xFF -> x\\u\{202E\}y\n$/);
  });

  test('compares two images', async () => {
    assert.match((await run('a', 'b')).stdout, /^5 layers shared; added 0 files, 0B;/m);
    assert.match((await run('--format', 'json', 'a', 'b')).stdout, /"sharedLayers": 5/);
  });

  test('refuses what makes no sense, before it opens anything', async () => {
    for (const words of [
      ['--layer', '1', 'x'],
      ['--layer', 'top', '--cat', '/x', 'x'],
      ['--layer', '5', '--cat', '/x', 'x'],
      ['--cat', '/x', '--view', '/x', 'x'],
      ['--cat', '/x', '--format', 'json', 'x'],
      ['--cat', '/x', 'a', 'b'],
      ['--max-layers', 'many', 'x'],
      ['--max-layers', '3', 'a', 'b'],
      ['--ci', 'x'],
      ['--budgets', 'none.toml', 'x'],
    ])
      assert.equal((await run(...words)).status, 125, words.join(' '));
  });
});
