import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findField, formatParagraph, parseParagraph, parseParagraphs } from './paragraph.ts';
import { formatAlternatives, parseRelations } from './relation.ts';
import { checkFreshness, parseRelease } from './release.ts';

test('parseParagraphs() keeps continuation lines, leaves out comments and finds names in any case', () => {
  const [first, second, ...rest] = parseParagraphs(
    'Package: a\nDescription: short\n long\n .\n  more\n# no\nX-Y:\n\n\n \nPackage: b\r\n',
  );
  assert.equal(first?.get('Description'), 'short\n long\n .\n  more');
  assert.equal(findField(first ?? new Map(), 'x-y'), '');
  assert.equal(second?.get('Package'), 'b');
  assert.equal(rest.length, 0);
});

test('formatParagraph() and parseParagraph() are inverses', () => {
  const text = 'Package: a\nConffiles:\n /etc/a newconffile\nDescription: x\n y\n';
  assert.equal(formatParagraph(parseParagraph(text)), text);
});

test('parseParagraph() refuses lines that are no fields', () => {
  for (const bad of ['hello', ' continued', ': x'])
    assert.throws(() => parseParagraph(bad), { code: 'CONTROL_MALFORMED' });
});

test('parseRelations() reads alternatives, versions and qualifiers, and formats them back', () => {
  const groups = parseRelations('a, b (>= 1:2.0-1~) | c:any,\n d (<<3), e:amd64 (= 1)');
  assert.deepEqual(groups.map(formatAlternatives), ['a', 'b (>= 1:2.0-1~) | c:any', 'd (<< 3)', 'e:amd64 (= 1)']);
  assert.deepEqual(parseRelations(undefined), []);
  for (const bad of ['a (>= )', 'a b', '(= 1)', 'a (? 1)'])
    assert.throws(() => parseRelations(bad), { code: 'CONTROL_MALFORMED' });
});

const SHA = 'ab'.repeat(32);
const RELEASE = `Suite: stable\nVersion: 13.7\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nValid-Until: Sat, 19 Sep 2026 07:55:41 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main\nSHA256:\n ${SHA}  123 main/binary-amd64/Packages.gz\n`;

test('parseRelease() reads names, dates and the list of files', () => {
  const release = parseRelease(RELEASE);
  assert.deepEqual(
    [release.suite, release.codename, release.version, release.byHash],
    ['stable', 'trixie', '13.7', true],
  );
  assert.equal(release.date.toISOString(), '2026-09-12T07:55:41.000Z');
  assert.deepEqual(release.files.get('main/binary-amd64/Packages.gz'), {
    path: 'main/binary-amd64/Packages.gz',
    sha256: SHA,
    sizeBytes: 123,
  });
});

test('parseRelease() refuses what lacks a codename, a date or checksums', () => {
  for (const missing of [/Date.*\n/, /SHA256:\n.*\n/, /(Suite|Codename).*\n/g]) {
    assert.throws(() => parseRelease(RELEASE.replace(missing, '')), { code: 'RELEASE_MALFORMED' });
  }
  assert.throws(() => parseRelease(RELEASE.replace('  123', '  x')), { code: 'RELEASE_MALFORMED' });
});

test('checkFreshness() refuses a frozen mirror and a Release from the future, and lets snapshots pass when told so', () => {
  const release = parseRelease(RELEASE);
  const check = (now: string, checkValidUntil = true): void =>
    checkFreshness(release, 'InRelease', { now: new Date(now), checkValidUntil });
  check('2026-09-15T00:00:00Z');
  assert.throws(() => check('2026-09-20T00:00:00Z'), { code: 'RELEASE_EXPIRED' });
  check('2026-09-20T00:00:00Z', false);
  assert.throws(() => check('2026-09-01T00:00:00Z', false), { code: 'RELEASE_FROM_FUTURE' });
});
