import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from '../parse-flags.ts';
import { alpineRequest, command } from './base-alpine.ts';
import { command as debian, debianRequest } from './base-debian.ts';

const request = (...words: readonly string[]): ReturnType<typeof alpineRequest> =>
  alpineRequest(parseFlags(words, command), undefined, '/here');

test('base alpine names the image after the branch, unless its content is the user’s own', () => {
  assert.deepEqual(request('--branch', 'v3.20').tags, ['alpine:3.20']);
  assert.deepEqual(request().tags, ['alpine:latest']);
  assert.deepEqual(request('-t', 'x').tags, ['x']);
  assert.deepEqual(request('--packages', 'busybox').tags, []);
  assert.deepEqual(request('--repo', 'r').tags, []);
});

test('base alpine takes folders from where it is called, and lists with commas or many flags', () => {
  const made = request(
    '--repo',
    '@edge r',
    '--repo',
    'https://a.example/x',
    '--keys',
    'k',
    '--packages',
    'a,b~1',
    '--packages',
    '!c',
  );
  assert.deepEqual(made.repositories, ['@edge /here/r', 'https://a.example/x']);
  assert.equal(made.keyFolder, '/here/k');
  assert.deepEqual(made.packages, ['a', 'b~1', '!c']);
});

test('base alpine refuses branches, mirrors and fingerprints that are none', () => {
  for (const words of [
    ['--branch', '3.20'],
    ['--mirror', 'ftp://x'],
    ['--key-fingerprint', 'abc'],
    ['--repo', '@tag '],
    ['--repo', 'r', '--branch', 'edge'],
  ])
    assert.throws(() => request(...words), { code: 'USAGE' }, words.join(' '));
});

test('base debian names the image debian:SUITE, with -slim where it is', () => {
  assert.deepEqual(debianRequest(parseFlags(['--slim'], debian), {}, '/here').tags, ['debian:stable-slim']);
  assert.deepEqual(debianRequest(parseFlags(['--suite', 'trixie'], debian), {}, '/here').tags, ['debian:trixie']);
});
