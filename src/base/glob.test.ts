import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromText } from './byte-string.ts';
import { compileGlob, decodeUtf8At, globComponents, matchGlob } from './glob.ts';

test('matchGlob() keeps a star inside one component', () => {
  assert.equal(matchGlob('a*/b', 'abc/b'), true);
  assert.equal(matchGlob('a*/b', 'a/c/b'), false);
  assert.equal(matchGlob('*', ''), true);
  assert.equal(matchGlob('*a*b', 'xxaxxb'), true);
});

test('matchGlob() counts a UTF-8 character as one', () => {
  assert.equal(matchGlob('a?b', fromText('a☺b')), true);
  assert.equal(matchGlob(fromText('[α-ω]'), fromText('β')), true);
  assert.equal(matchGlob('a?b', 'a\xffb'), true);
});

test('compileGlob() refuses a malformed pattern', () => {
  for (const pattern of ['[', '[]a]', '[-]', 'a\\', '[a-b-c]']) {
    assert.throws(() => compileGlob(pattern), { code: 'GLOB_INVALID' }, pattern);
  }
});

test('compileGlob() names one file when all wildcards are escaped', () => {
  const glob = compileGlob('a\\*b');
  assert.deepEqual([glob.isWild, glob.literal, glob.matches('a*b')], [false, 'a*b', true]);
});

test('globComponents() splits a pattern for a walk', () => {
  assert.deepEqual(
    globComponents('/a*/./b//c').map((component) => component.pattern),
    ['a*', 'b', 'c'],
  );
});

test('matchGlob() is not slow on many stars', () => {
  const started = process.hrtime.bigint();
  assert.equal(matchGlob('*a'.repeat(50) + 'b', 'a'.repeat(5000)), false);
  assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
});

test('decodeUtf8At() refuses overlong forms and surrogates', () => {
  assert.deepEqual(decodeUtf8At('\xe2\x98\xba', 0), { code: 0x263a, length: 3 });
  for (const bytes of ['\xc0\xaf', '\xe0\x80\x80', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xe2\x98']) {
    assert.deepEqual(decodeUtf8At(bytes, 0), { code: 0xfffd, length: 1 });
  }
});
