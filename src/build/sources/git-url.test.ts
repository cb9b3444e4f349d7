import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { gitEnvironment } from './git-program.ts';
import { isGitAddress, parseGitReference } from './git-url.ts';

test('parseGitReference() reads every form of address', () => {
  const rows: readonly [string, object][] = [
    ['https://h/a/b.git', { remote: 'https://h/a/b.git', ref: '', subdir: '', webHost: 'h', isSsh: false }],
    [
      'https://h:8443/b.git#main:x/y',
      { remote: 'https://h:8443/b.git', ref: 'main', subdir: 'x/y', webHost: 'h:8443' },
    ],
    ['https://u:p@h/b.git#:x', { remote: 'https://u:p@h/b.git', shown: 'https://h/b.git', ref: '', subdir: 'x' }],
    ['git@h:a/b.git#v1', { remote: 'git@h:a/b.git', ref: 'v1', isSsh: true, webHost: undefined }],
    ['me@h:~/b?tag=v1&subdir=./x//y/', { remote: 'me@h:~/b', ref: 'refs/tags/v1', subdir: 'x/y' }],
    ['ssh://git@h:2222/a/b#feature/x', { remote: 'ssh://git@h:2222/a/b', ref: 'feature/x', isSsh: true }],
    ['git://h/b?branch=main', { remote: 'git://h/b', ref: 'refs/heads/main', isSsh: false, webHost: undefined }],
    ['github.com/a/b#c', { remote: 'https://github.com/a/b', ref: 'c', webHost: 'github.com' }],
    ['https://h/b.git?ref=refs/pull/7/merge', { ref: 'refs/pull/7/merge' }],
    ['https://h/b.git?tag=refs/tags/v1&ref=refs/tags/v1', { ref: 'refs/tags/v1' }],
    [
      'https://h/b.git?keep-git-dir&submodules=0&mtime=commit',
      { keepGitDir: true, submodules: false, mtime: 'commit' },
    ],
    ['https://h/b.git?commit=abc&fetch-by-commit', { checksum: 'abc', fetchByCommit: true }],
    ['https://h/b.git?checksum=abc#main', { checksum: 'abc', ref: 'main', keepGitDir: undefined, submodules: true }],
  ];
  for (const [text, expected] of rows) assert.partialDeepStrictEqual(parseGitReference(text), expected, text);
});

test('F-215: parseGitReference() refuses what git or ssh could take for an option, and ways out', () => {
  const bad: readonly string[] = [
    'https://h/b.git#--upload-pack=x',
    'https://h/b.git#-x',
    'https://h/b.git?branch=-x',
    'https://h/b.git#a..b',
    'https://h/b.git#a b',
    'https://h/b.git#a%0ab',
    'https://h/b.git#HEAD~1',
    'https://h/b.git#@{1}',
    'https://h/b.git#main:../x',
    'https://h/b.git#main:a/../../x',
    'https://h/b.git#main:.git/hooks',
    'https://h/b.git?subdir=..',
    'https://h/b.git?ref=a#b',
    'https://h/b.git?tag=a&branch=a',
    'https://h/b.git?ref=',
    'https://h/b.git?ref=a&ref=a',
    'https://h/b.git?mtime=now',
    'https://h/b.git?submodules=maybe',
    'https://h/b.git?checksum=xyz',
    'https://h/b.git?x=y',
    'ssh://-oProxyCommand=x/b',
    'ssh://-x@h/b',
    'ssh://h/-x',
    'git@-h:b',
    'git@h:-x',
    '-u@h:b',
    'ext::sh -c x',
    'file:///etc',
    '/etc',
    '--upload-pack=x',
  ];
  for (const text of bad)
    assert.throws(
      () => parseGitReference(text),
      (error) => isShaleError(error, 'GIT_ADDRESS'),
      text,
    );
});

test('isGitAddress() tells repositories from files of the web and from paths', () => {
  const yes = ['https://h/a.git', 'https://h/a.git#x', 'http://h/a.git?ref=x', 'git://h/a', 'ssh://h/a', 'git@h:a'];
  const no = ['https://h/a.tar', 'https://h/', './a.git', '../a', 'a.git', '/a.git', 'docker-image://a'];
  for (const text of [...yes, 'github.com/a/b']) assert.ok(isGitAddress(text), text);
  for (const text of no) assert.ok(!isGitAddress(text), text);
});

test('gitEnvironment() lets git see nothing of the user, and hides credentials from the list of processes', () => {
  const settings = new Map([['http.https://h/.extraheader', 'Authorization: hush']]);
  const env = { PATH: '/bin', HOME: '/root', GIT_DIR: '/x', HTTPS_PROXY: 'http://p', SSH_AUTH_SOCK: '/agent' };
  const seen = gitEnvironment({ env, settings, ssh: { kind: 'none' } });
  assert.equal(seen['HOME'], '/dev/null');
  assert.equal(seen['GIT_DIR'], undefined);
  assert.equal(seen['SSH_AUTH_SOCK'], undefined);
  assert.equal(seen['HTTPS_PROXY'], 'http://p');
  assert.equal(seen['GIT_ALLOW_PROTOCOL'], 'http:https:ssh:git');
  assert.match(seen['GIT_SSH_COMMAND'] ?? '', /-F \/dev\/null .*IdentityFile=none .*IdentityAgent=none/);
  const last = Number(seen['GIT_CONFIG_COUNT']) - 1;
  assert.equal(seen[`GIT_CONFIG_VALUE_${last}`], 'Authorization: hush');
  const agent = gitEnvironment({ env, settings, ssh: { kind: 'agent', socket: '/a' } });
  assert.equal(agent['SSH_AUTH_SOCK'], '/a');
  assert.doesNotMatch(agent['GIT_SSH_COMMAND'] ?? '', /IdentityAgent/);
});
