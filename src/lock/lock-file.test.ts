import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../base/index.ts';
import { asDiffId, digestOf } from '../oci/index.ts';
import { diffLocks } from './diff.ts';
import { StepAnswers } from './answers.ts';
import { formatLockFile, parseLockFile, type LockedAnswer, type LockFile } from './lock-file.ts';
import { packageOf } from './packages.ts';
import { redactUrl } from './redact.ts';

const digest = (text: string) => digestOf(Buffer.from(text));
const answer = (url: string, more: Partial<LockedAnswer> = {}): LockedAnswer => ({
  method: 'GET',
  url,
  status: 200,
  headers: {},
  digest: digest(url),
  size: 7,
  ...more,
});

const NGINX = answer('http://mirror.example/pool/main/n/nginx/nginx_1.26.3-3_amd64.deb', {
  package: 'apt:nginx',
  version: '1.26.3-3',
  architecture: 'amd64',
});
const LOCK: LockFile = {
  bases: [
    { reference: 'docker.io/library/debian:trixie', platform: 'linux/amd64', image: digest('c'), digest: digest('m') },
    { reference: 'docker.io/library/made:1', platform: 'linux/amd64', image: digest('made') },
  ],
  sources: [
    { url: 'https://example.org/a?token=REDACTED', digest: digest('a'), size: 1, file: 'a "b".tar' },
    {
      repository: 'https://example.org/r.git',
      ref: 'main',
      commit: '0'.repeat(40),
      time: 1_700_000_000,
      layer: asDiffId(digest('tree')),
      folder: 'docs',
      gitDir: true,
    },
  ],
  steps: [
    {
      step: 'RUN apt-get update\napt-get install nginx',
      platform: 'linux/amd64',
      place: 'web/exec/0',
      unresolved: ['nowhere.example'],
      fetched: [
        NGINX,
        answer('http://mirror.example/x', {
          status: 206,
          range: 'bytes=0-6',
          headers: { etag: '"1"', 'content-type': 'text/plain' },
        }),
        {
          method: 'POST',
          url: 'http://mirror.example/p',
          body: digest('sent'),
          status: 0,
          headers: {},
          error: 'ECONNREFUSED',
        },
        { method: 'HEAD', url: 'http://mirror.example/h', status: 200, headers: {}, size: 9 },
      ],
    },
    { step: 'RUN true', platform: 'linux/amd64', place: 'web/exec/1', unresolved: [], fetched: [] },
  ],
};

const parse = (text: string): LockFile => parseLockFile(Buffer.from(text), 'Dockerfile.lock');

test('a lock file is read as it was written, and has a line for each thing in it', () => {
  const text = formatLockFile(LOCK);
  assert.deepEqual(parse(text), LOCK);
  assert.equal(text.split('\n').filter((line) => line.includes('nginx_1.26.3-3_amd64.deb')).length, 1);
  assert.deepEqual(parse(formatLockFile({ bases: [], sources: [], steps: [] })), { bases: [], sources: [], steps: [] });
});

test('a lock file with one flipped byte is refused, wherever it is', () => {
  const bytes = Buffer.from(formatLockFile(LOCK));
  for (let at = 0; at < bytes.length; at += 7) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.throws(
      () => parseLockFile(flipped, 'Dockerfile.lock'),
      (error) => isShaleError(error, 'LOCK_INVALID', 'LOCK_TOO_NEW') && error.message.includes('Dockerfile.lock'),
      `byte ${at}`,
    );
  }
});

test('parseLockFile() says in which line a file is not in its form, and refuses a newer one', () => {
  const lines = formatLockFile(LOCK).split('\n');
  lines[3] = ` ${lines[3] ?? ''}`;
  assert.throws(
    () => parse(lines.join('\n')),
    (error) => isShaleError(error, 'LOCK_INVALID') && /lock:4:/.test(error.message),
  );
  assert.throws(
    () => parse('{"shale-lock": 2}'),
    (error) => isShaleError(error, 'LOCK_TOO_NEW'),
  );
  assert.throws(
    () => parse('not json'),
    (error) => isShaleError(error, 'LOCK_INVALID'),
  );
});

test('a step is answered with what it was answered then, in order, and by its text', () => {
  const page = 'http://mirror.example/page';
  const fetched = [answer(page, { digest: digest('one') }), answer(page, { digest: digest('two') }), NGINX];
  const step = { step: 'RUN a', platform: 'linux/amd64', place: 'x/exec/0' };
  const other = {
    step: 'RUN b',
    platform: 'linux/amd64',
    place: 'x/exec/1',
    unresolved: [],
    fetched: [answer('http://b.example/')],
  };
  const lock = { ...LOCK, steps: [{ ...step, unresolved: [], fetched }, other] };
  const answers = new StepAnswers(lock, { ...step, place: 'moved/exec/4' });
  assert.ok(answers.isKnown);
  const given = [1, 2, 3].map(() => answers.take({ method: 'GET', url: page })?.digest);
  assert.deepEqual(given, [digest('one'), digest('two'), digest('two')]);
  assert.equal(answers.take({ method: 'GET', url: 'http://b.example/' }), undefined);
  assert.equal(answers.take({ method: 'HEAD', url: page }), undefined);
  assert.equal(answers.take({ method: 'GET', url: page, range: 'bytes=1-' }), undefined);
  assert.deepEqual(answers.unasked(), [NGINX]);
  const edited = new StepAnswers(lock, { ...step, step: 'RUN a --more' });
  assert.ok(!edited.isKnown);
  assert.ok(edited.take({ method: 'GET', url: 'http://b.example/' }));
  assert.notEqual(edited.identity, answers.identity);
  assert.deepEqual(edited.unasked(), []);
});

test('packageOf() names packages by the addresses that their managers ask for', () => {
  const cases: [url: string, agent: string, expected: string | undefined][] = [
    ['http://d/debian/pool/main/g/gcc-14/libstdc++6_14.2.0-19_amd64.deb', '', 'apt:libstdc++6 14.2.0-19 amd64'],
    ['http://d/pool/b/base_1%3a2.0%2bb1_all.deb', '', 'apt:base 1:2.0+b1 all'],
    ['https://a/v3.20/main/x86_64/py3-pip-24.0-r2.apk', '', 'apk:py3-pip 24.0-r2 x86_64'],
    ['https://n/@types%2fnode/-/node-20.1.0.tgz', '', 'npm:@types/node 20.1.0'],
    ['https://n/left-pad/-/left-pad-1.3.0.tgz', '', 'npm:left-pad 1.3.0'],
    [
      'https://f/packages/ab/cd/Foo_Bar-1.0.post1-cp312-cp312-manylinux_2_17_x86_64.whl',
      '',
      'pip:foo-bar 1.0.post1 manylinux_2_17_x86_64',
    ],
    ['https://f/packages/ab/foo-1.0.tar.gz#sha256=1', 'pip/24.0', 'pip:foo 1.0'],
    ['https://f/packages/ab/foo-1.0.tar.gz', 'curl/8', undefined],
    ['https://g/gems/nokogiri-1.16.0-x86_64-linux.gem', '', 'gem:nokogiri 1.16.0 x86_64-linux'],
    ['https://c/api/v1/crates/serde/1.0.200/download', '', 'cargo:serde 1.0.200'],
    ['https://p/golang.org/x/text/@v/v0.14.0.zip', '', 'go:golang.org/x/text v0.14.0'],
    ['http://d/debian/dists/trixie/InRelease', '', undefined],
  ];
  for (const [url, agent, expected] of cases) {
    const found = packageOf(url, agent);
    const text =
      found && [found.package, found.version, found.architecture].filter((one) => one !== undefined).join(' ');
    assert.equal(text, expected, url);
  }
});

test('redactUrl() leaves no secret in an address, and equal addresses equal', () => {
  const one = redactUrl('https://me:pw@h/a?X-Amz-Signature=abc&X-Amz-Date=1&v=2#frag');
  assert.equal(one, 'https://h/a?X-Amz-Signature=REDACTED&X-Amz-Date=REDACTED&v=2');
  assert.equal(redactUrl('https://h/a?X-Amz-Signature=xyz&X-Amz-Date=2&v=2'), one);
  assert.equal(redactUrl('http://h/hush-hush/x', ['hush-hush']), 'http://h/REDACTED/x');
  assert.equal(redactUrl('http://h/a%20b', ['a b']), 'http://h/a%20b', 'too short to be told from other text');
  assert.equal(redactUrl('http://h/x?key=1&monkey=2'), 'http://h/x?key=REDACTED&monkey=2');
});

test('diffLocks() tells versions, new and gone things by name', () => {
  const [first, ...rest] = LOCK.steps;
  assert.ok(first !== undefined);
  const newer = { ...NGINX, version: '1.28.0-1' };
  const after: LockFile = {
    ...LOCK,
    sources: [],
    steps: [{ ...first, fetched: [newer, ...first.fetched.slice(1)] }, ...rest],
  };
  const changes = diffLocks(LOCK, after);
  assert.deepEqual(
    changes.map(({ kind, name, before, after: now }) => [kind, name, before?.split(' ')[0], now?.split(' ')[0]]),
    [
      ['source', 'https://example.org/a?token=REDACTED', digest('a').slice(7, 19), undefined],
      ['source', 'https://example.org/r.git#main', '000000000000', undefined],
      ['package', 'apt:nginx', '1.26.3-3', '1.28.0-1'],
    ],
  );
  assert.deepEqual(diffLocks(LOCK, LOCK), []);
});
