import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareVersions, satisfiesVersion } from './version.ts';

test('compareVersions() orders by epoch, upstream version and revision', () => {
  const ascending = [
    '1.0~~',
    '1.0~~a',
    '1.0~',
    '1.0-0~',
    '1.0',
    '1.0-1',
    '1.0-1+b1',
    '1.0-1.1',
    '1.0-2',
    '1.0-10',
    '1.0a',
    '1.0+',
    '1.0+dfsg-1',
    '1.0.1',
    '1.00002',
    '1.10',
    '2',
    '10',
    '1:0.1',
  ];
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} and ${b}`);
    }
  }
});

test('compareVersions() takes leading zeros, an empty revision and revision 0 as equal', () => {
  for (const [a, b] of [
    ['1.0', '1.0-0'],
    ['1.02', '1.2'],
    ['0:1', '1'],
    ['1.a0', '1.a'],
  ]) {
    assert.equal(compareVersions(a ?? '', b ?? ''), 0, `${a} and ${b}`);
  }
});

test('compareVersions() is a total order', () => {
  const version = fc.string({ unit: fc.constantFrom(...'019azA.+~-:'.split('')), maxLength: 8 });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
    }),
  );
});

test('satisfiesVersion() knows the five relations', () => {
  assert.deepEqual(
    (['<<', '<=', '=', '>=', '>>'] as const).map((operator) =>
      ['1', '2', '3'].map((each) => satisfiesVersion(each, operator, '2')),
    ),
    [
      [true, false, false],
      [true, true, false],
      [false, true, false],
      [false, true, true],
      [false, false, true],
    ],
  );
});
