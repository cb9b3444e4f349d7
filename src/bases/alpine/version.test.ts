import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareApkVersions, compareApkVersionsFuzzy, isApkVersion } from './version.ts';

// Each is older than the next, as `apk version -t` of apk-tools 2.14.4 says.
const ASCENDING = [
  [
    '1.0_alpha1',
    '1.0_alpha2',
    '1.0_beta',
    '1.0_pre',
    '1.0_rc1',
    '1.0',
    '1.0_cvs',
    '1.0_svn',
    '1.0_git20200101',
    '1.0_hg',
    '1.0_p1',
    '1.0_p1-r1',
  ],
  ['1.0', '1.0-r0', '1.0-r1', '1.0-r10', '1.0.0', '1.0.1'],
  ['1.001', '1.01', '1.1', '1.2', '1.2a', '1.2b', '1.2b1', '1.10'],
  ['0.9.8zh', '1', '1.0', '2'],
];

test('compareApkVersions() orders suffixes, letters, revisions and fractions as apk does', () => {
  for (const versions of ASCENDING)
    for (const [i, a] of versions.entries())
      for (const [k, b] of versions.entries())
        assert.equal(Math.sign(compareApkVersions(a, b)), Math.sign(i - k), `${a} ${b}`);
});

test('isApkVersion() takes what apk takes', () => {
  for (const version of ['1.0_p', '01.2', '1.2a1', '1.0_alpha_p1', '1.0-r', '1.', '1.0_cvs1_rc'])
    assert.equal(isApkVersion(version), true, version);
  for (const version of ['1.0~abc', '1.0_foo', '1.2ab', '1234567890123456789012', '1.0-x', 'a.b c'])
    assert.equal(isApkVersion(version), false, version);
});

test('compareApkVersionsFuzzy() finds a version equal to one that it begins with', () => {
  assert.equal(compareApkVersionsFuzzy('1.26.2-r1', '1.26'), 0);
  assert.ok(compareApkVersionsFuzzy('1.25.9', '1.26') < 0);
  assert.ok(compareApkVersionsFuzzy('1.27', '1.26') > 0);
});
