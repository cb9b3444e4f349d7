import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShaleError } from '../../base/index.ts';
import type { LoginRequest, LoginResult } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';
import { hiddenLine } from '../streams.ts';

const terminal = { columns: 80, rows: 24 };

/** An engine that keeps what it is given, and has nothing kept. */
function taking(requests: LoginRequest[]) {
  return {
    login: async (request: LoginRequest): Promise<LoginResult> => {
      requests.push(request);
      if (request.login === undefined) throw new ShaleError('REGISTRY_AUTH', 'there are none');
      return { registry: request.registry, kept: { kind: 'file', name: '/home/me/.docker/config.json' } };
    },
  };
}

test('login takes user and password from flags, standard input or a person', async () => {
  for (const [words, stdin, registry] of [
    [['login', '-u', 'me', '--password-stdin', 'https://r.example:5000/v2/'], 'p:w\n', 'r.example:5000'],
    [['login', '-u', 'me', '-p', 'p:w'], '', 'docker.io'],
    [['login', 'index.docker.io'], 'me\np:w\n', 'docker.io'],
    [['login', '--username=me', 'localhost:5000'], 'p:w\n', 'localhost:5000'],
  ] as const) {
    const requests: LoginRequest[] = [];
    const run = await runFake(words, { engine: taking(requests), stdin, terminal });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stdout, 'Login Succeeded\n');
    assert.deepEqual(requests.at(-1), { registry, login: { username: 'me', password: 'p:w' } });
    assert.doesNotMatch(run.stderr + run.stdout, /p:w/);
    assert.match(run.stderr, /unencrypted in \/home\/me/);
  }
});

test('login says what is wrong with a command line', async () => {
  for (const [words, expected] of [
    [['login', '--password-stdin'], /needs --username/],
    [['login', '-u', 'me', '-p', 'x', '--password-stdin'], /exclude each other/],
    [['login', '-u', 'me'], /nobody can be asked/],
    [['login', 'not a host'], /is not a registry/],
    [['login', '-u', 'a:b', '-p', 'x'], /no colon/],
    [['login', '-u', 'me', '--password-stdin'], /password is empty/],
  ] as const) {
    const run = await runFake(words, { engine: taking([]) });
    assert.equal(run.status, 125, run.stderr);
    assert.match(run.stderr, expected);
  }
});

test('a person who leaves at the question is not logged in', async () => {
  const run = await runFake(['login'], { engine: taking([]), stdin: 'me\n', terminal });
  assert.equal(run.status, 1);
});

test('logout says whether anything was known', async () => {
  for (const known of [true, false]) {
    const asked: string[] = [];
    const logout = async (registry: string): Promise<boolean> => asked.push(registry) > 0 && known;
    const run = await runFake(['logout'], { engine: { logout } });
    assert.equal(run.stdout, known ? 'Removed the credentials of docker.io\n' : 'Not logged in to docker.io\n');
    assert.deepEqual(asked, ['docker.io']);
  }
});

test('hiddenLine() edits what nobody sees', () => {
  const typed = (text: string): unknown => hiddenLine(Buffer.from(text).toString('latin1'));
  assert.equal(typed('pä\u007Fü\r'), 'pü');
  assert.equal(typed('\u007F\u007Fp\n'), 'p');
  assert.equal(typed('not yet'), undefined);
  for (const key of ['\u0003', '\u0004']) assert.equal(typeof typed(`p${key}`), 'symbol');
});
