import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../engine/index.ts';
import { runFake } from '../fake-context.fixture.ts';
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
    ['--repo', 'r', '--branch', 'edge'],
  ])
    assert.throws(() => request(...words), { code: 'USAGE' }, words.join(' '));
});

test('base debian names the image debian:SUITE, with -slim where it is', () => {
  assert.deepEqual(debianRequest(parseFlags(['--slim'], debian), {}, '/here').tags, ['debian:stable-slim']);
  assert.deepEqual(debianRequest(parseFlags(['--suite', 'trixie'], debian), {}, '/here').tags, ['debian:trixie']);
});

const debianOf = (
  words: readonly string[],
  settings: Parameters<typeof debianRequest>[1] = {},
): ReturnType<typeof debianRequest> => debianRequest(parseFlags(words, debian), settings, '/here');

test('base debian takes a snapshot from the archive that the template names, with its security archive beside it', () => {
  const settings = { mirrorDebian: 'http://m/debian', mirrorSnapshot: 'http://s/{archive}/{timestamp}' };
  const plain = debianOf(['--snapshot', '20260801T000000Z'], settings);
  assert.deepEqual(
    [plain.mirror, plain.securityMirror, plain.updates, plain.isSnapshot],
    ['http://s/debian/20260801T000000Z', undefined, false, true],
  );
  const updated = debianOf(
    ['--snapshot', '20260801T000000Z', '--updates', '--mirror', 'http://t/{archive}/{timestamp}/'],
    settings,
  );
  assert.deepEqual(
    [updated.mirror, updated.securityMirror],
    ['http://t/debian/20260801T000000Z/', 'http://t/debian-security/20260801T000000Z/'],
  );
  assert.equal(debianOf([], settings).mirror, 'http://m/debian');
});

test('base debian refuses what would be ignored or is no name, time or fingerprint', () => {
  for (const words of [
    ['--snapshot', '2026-08-01'],
    ['--snapshot', '20260801T000000Z'],
    ['--snapshot', '20260801T000000Z', '--mirror', 'http://m/debian'],
    ['--packages', 'libc6', '--include', 'curl'],
    ['--packages', 'libc6', '--scripts', 'container'],
    ['--include', 'UPPER'],
    ['--key-fingerprint', 'abc'],
    ['--security-mirror', 'ftp://x'],
  ])
    assert.throws(() => debianOf(words), { code: 'USAGE' }, words.join(' '));
  assert.deepEqual(debianOf(['--arch', 'arm64']).tags, [], 'the name is for this machine');
});

test('base --verify prints the image, then what was other, and has the status 2 when the second one differs', async () => {
  const report = {
    image: `sha256:${'a'.repeat(64)}`,
    rebuilt: `sha256:${'a'.repeat(64)}`,
    tags: ['debian:stable'],
    identical: true,
    varied: [{ what: 'umask', was: '022', is: '077' }],
    notVaried: [],
    differences: [],
    moreDifferences: 0,
  };
  const asked: unknown[] = [];
  const engine = (identical: boolean): Partial<Engine> => ({
    async verifyBase({ base, clockAheadSeconds }) {
      asked.push([base.distribution, base.tags, clockAheadSeconds]);
      return { ...report, identical };
    },
  });
  const same = await runFake(['base', 'debian', '-q', '--verify', '--clock', '2d'], { engine: engine(true) });
  assert.deepEqual([same.status, asked], [0, [['debian', ['debian:stable'], 172_800]]]);
  assert.match(same.stdout, /^sha256:a{64}\nVARIED .*\numask +022 +077\n\nidentical: sha256:a{64}\n$/);
  const other = await runFake(['base', 'alpine', '-q', '--verify'], { engine: engine(false) });
  assert.equal(other.status, 2);
  for (const flags of [
    ['--clock', '2d'],
    ['--report', 'r'],
    ['--verify', '--clock', '2w'],
  ])
    assert.equal((await runFake(['base', 'debian', ...flags])).status, 125, flags.join(' '));
});
