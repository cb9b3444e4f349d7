import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBcryptOf, parseBcrypt } from './bcrypt.ts';

/** Made by libxcrypt; the first is a known answer of crypt_blowfish. */
const HASHES = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['pässword', '$2b$05$T8Xo61i1JQmv8xnc2mstu.B/WvIHCREma7gMYtFAMBZ3SPAl5ZuQ.'],
] as const;

test('isBcryptOf() agrees with libxcrypt', async () => {
  for (const [password, text] of HASHES) {
    const hash = parseBcrypt(text);
    assert.ok(hash !== undefined);
    assert.equal(await isBcryptOf(Buffer.from(password), hash), true, text);
    assert.equal(await isBcryptOf(Buffer.from(`${password}x`), hash), false, text);
  }
});

test('parseBcrypt() knows what is no bcrypt hash', () => {
  for (const text of [
    '',
    '$apr1$x$y',
    '{SHA}abc',
    '$2b$05$short',
    '$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
  ])
    assert.equal(parseBcrypt(text), undefined, text);
});
