import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomOf } from './random.ts';
import { sha256Hex } from './sha256.ts';

test('sha256Hex() is what node:crypto says, of few bytes and of many', () => {
  const same = (bytes: Uint8Array): void =>
    assert.equal(sha256Hex(bytes), createHash('sha256').update(bytes).digest('hex'), `of ${bytes.byteLength} bytes`);
  for (let length = 0; length <= 200; length++) same(new Uint8Array(length).fill(length));
  for (const length of [4095, 4096, 4097, 100_000]) same(new Uint8Array(length).fill(0xa5));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), same));
  same(Buffer.from('a view into more').subarray(2, 9));
});

test('randomOf() gives as many bytes as asked for, and others each time', () => {
  assert.equal(randomOf(0).byteLength, 0);
  assert.equal(randomOf(37).byteLength, 37);
  assert.notDeepEqual(randomOf(16), randomOf(16));
});
