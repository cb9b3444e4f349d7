import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { openSecretbox, sealSecretbox } from './secretbox.ts';

/** The example of NaCl's own tests, tests/secretbox.c. */
const KEY = Buffer.from('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389', 'hex');
const NONCE = Buffer.from('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37', 'hex');
const PLAIN = Buffer.from(
  'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
  'hex',
);

test('sealSecretbox() gives what NaCl gives', () => {
  const box = sealSecretbox(KEY, NONCE, PLAIN);
  assert.equal(box.subarray(0, 16).toString('hex'), 'f3ffc7703f9400e52a7dfb4b3d3305d9');
  assert.equal(box.subarray(16, 32).toString('hex'), '8e993b9f48681273c29650ba32fc76ce');
  assert.equal(box.length, PLAIN.length + 16);
  assert.deepEqual(openSecretbox(KEY, NONCE, box), PLAIN);
});

test('openSecretbox() opens what was sealed, and nothing that was changed since', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, fc.nat(), (plain, at) => {
      const box = sealSecretbox(KEY, NONCE, plain);
      assert.deepEqual(openSecretbox(KEY, NONCE, box), Buffer.from(plain));
      const flipped = Buffer.from(box);
      flipped.writeUInt8(flipped.readUInt8(at % box.length) ^ 1, at % box.length);
      assert.throws(() => openSecretbox(KEY, NONCE, flipped), { code: 'SECRETBOX_INVALID' });
    }),
    { numRuns: 30 },
  );
  const other = createHash('sha256').update(KEY).digest();
  assert.throws(() => openSecretbox(other, NONCE, sealSecretbox(KEY, NONCE, PLAIN)), { code: 'SECRETBOX_INVALID' });
  assert.throws(() => openSecretbox(KEY, NONCE, Buffer.alloc(15)), { code: 'SECRETBOX_INVALID' });
});
