import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyCleartext } from './cleartext.ts';
import { joinKeyrings, parseKeyring } from './keyring.ts';
import { type SignOptions, TestKey, type TestKeyOptions } from './test-key.ts';

const CREATED = 1_700_000_000;
const NOW = new Date((CREATED + 1000) * 1000);
const TEXT = 'Origin: Test\n- dashed\n-----BEGIN nothing\ntrailing blanks \t\n\nend';
const GOOD: SignOptions = { createdAt: CREATED + 10 };

function keyOf(options: Partial<TestKeyOptions> = {}): TestKey {
  return new TestKey({ algorithm: 'ed25519-legacy', createdAt: CREATED, ...options });
}

function verify(key: TestKey, signed: Buffer, now: Date = NOW): string {
  return verifyCleartext(signed, parseKeyring(key.certificate, 'ring'), now, 'InRelease').text;
}

function refuses(key: TestKey, signed: Buffer, why: RegExp, now: Date = NOW): void {
  assert.throws(() => verify(key, signed, now), { code: 'SIGNATURE_INVALID', message: why });
}

for (const algorithm of ['rsa', 'ed25519-legacy', 'ed25519'] as const) {
  test(`verifyCleartext() accepts a signature by a ${algorithm} key and gives back the text`, () => {
    const key = keyOf({ algorithm });
    assert.equal(verify(key, key.clearsign(TEXT, GOOD)), TEXT);
    assert.equal(verify(key, key.clearsign(TEXT, { ...GOOD, hash: 10 })), TEXT);
  });
}

test('verifyCleartext() accepts a signature by a subkey that signed back, and refuses one that did not', () => {
  const key = keyOf({ subkey: 'genuine' });
  assert.equal(verify(key, key.clearsign(TEXT, { ...GOOD, withSubkey: true })), TEXT);
  const forged = keyOf({ subkey: 'forged' });
  refuses(forged, forged.clearsign(TEXT, { ...GOOD, withSubkey: true }), /not in the keyring/);
});

test('verifyCleartext() refuses a changed, a cut and an inserted byte at every place of the text', () => {
  const key = keyOf();
  const signed = key.clearsign('Date: now\nFile: abc', GOOD);
  const start = signed.indexOf('Date');
  for (let at = start; at < start + 'Date: now\nFile: abc'.length; at++) {
    const changed = Buffer.from(signed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    refuses(key, changed, /./);
    refuses(key, Buffer.concat([signed.subarray(0, at), signed.subarray(at + 1)]), /./);
    refuses(key, Buffer.concat([signed.subarray(0, at), Buffer.from('x'), signed.subarray(at)]), /./);
  }
});

test('verifyCleartext() refuses text that stands before or after the signed part (CVE-2013-1051)', () => {
  const key = keyOf();
  const signed = key.clearsign(TEXT, GOOD);
  refuses(key, Buffer.concat([Buffer.from('Evil: yes\n'), signed]), /does not start with/);
  refuses(key, Buffer.concat([signed, Buffer.from('\nEvil: yes\n')]), /text follows/);
  refuses(key, Buffer.concat([signed, signed]), /text follows/);
  refuses(key, Buffer.from(signed.toString().replace('Hash: SHA256', 'Hash: SHA256\nEvil: yes')), /unknown header/);
});

test('verifyCleartext() refuses signatures that are expired, from the future or older than their key', () => {
  const key = keyOf();
  refuses(key, key.clearsign(TEXT, { ...GOOD, expiresAfter: 20 }), /expired/);
  assert.equal(verify(key, key.clearsign(TEXT, { ...GOOD, expiresAfter: 5000 })), TEXT);
  refuses(key, key.clearsign(TEXT, { createdAt: CREATED + 200_000 }), /future/);
  refuses(key, key.clearsign(TEXT, { createdAt: CREATED - 1 }), /older than the key/);
});

test('verifyCleartext() refuses keys that are expired, revoked, for other purposes or unknown', () => {
  const expired = keyOf({ expiresAfter: 500 });
  refuses(expired, expired.clearsign(TEXT, GOOD), /expired/);
  assert.equal(verify(expired, expired.clearsign(TEXT, GOOD), new Date((CREATED + 400) * 1000)), TEXT);
  const revoked = keyOf({ revoked: true });
  refuses(revoked, revoked.clearsign(TEXT, GOOD), /revoked/);
  const certifier = keyOf({ flags: 0x01, subkey: 'genuine' });
  refuses(certifier, certifier.clearsign(TEXT, GOOD), /not in the keyring/);
  refuses(keyOf(), keyOf().clearsign(TEXT, GOOD), /not in the keyring/);
});

test('verifyCleartext() refuses broken hashes, other versions, other types and unknown critical parts', () => {
  const key = keyOf({ algorithm: 'rsa' });
  refuses(key, key.clearsign(TEXT, { ...GOOD, hash: 2 }), /hash algorithm 2/);
  refuses(key, key.clearsign(TEXT, { ...GOOD, version: 6 }), /version 6/);
  refuses(key, key.clearsign(TEXT, { ...GOOD, type: 0x10 }), /type 0x10/);
  refuses(key, key.clearsign(TEXT, { ...GOOD, critical: 99 }), /critical/);
});

test('verifyCleartext() is content with one good signature among others', () => {
  const good = keyOf();
  const other = keyOf();
  const base64 = (signed: Buffer): Buffer =>
    Buffer.from(/\n\n([A-Za-z0-9+/=]+)\n-----END/.exec(signed.toString())?.[1] ?? '', 'base64');
  const both = Buffer.concat([base64(other.clearsign(TEXT, GOOD)), base64(good.clearsign(TEXT, GOOD))]);
  const signed = good.clearsign(TEXT, GOOD).toString();
  const joined = signed.replace(/\n\n[A-Za-z0-9+/=]+\n-----END/, `\n\n${both.toString('base64')}\n-----END`);
  assert.equal(verify(good, Buffer.from(joined)), TEXT);
});

test('joinKeyrings() keeps a revocation that only one of the rings knows', () => {
  const key = keyOf();
  const ring = parseKeyring(key.certificate, 'ring');
  const revoked = { keys: ring.keys.map((each) => ({ ...each, revoked: true })) };
  for (const joined of [joinKeyrings([ring, revoked]), joinKeyrings([revoked, ring])]) {
    assert.deepEqual(
      joined.keys.map((each) => each.revoked),
      [true],
    );
  }
});

test('parseKeyring() reads armored rings and refuses rings without a usable key', () => {
  const key = keyOf();
  const armored = `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${key.certificate.toString('base64')}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n`;
  const ring = parseKeyring(Buffer.from(armored), 'ring');
  assert.deepEqual(
    ring.keys.map((each) => each.fingerprint),
    [key.fingerprint],
  );
  for (const bad of ['', 'hello', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc']) {
    assert.throws(() => parseKeyring(Buffer.from(bad), 'ring'), { code: 'OPENPGP_MALFORMED' });
  }
});

test('parseKeyring() fails cleanly on a ring that is cut or changed anywhere', () => {
  const { certificate } = keyOf({ subkey: 'genuine' });
  for (let at = 0; at < certificate.length; at++) {
    const changed = Buffer.from(certificate);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    for (const bytes of [changed, certificate.subarray(0, at)]) {
      try {
        parseKeyring(bytes, 'ring');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'OPENPGP_MALFORMED', String(error));
      }
    }
  }
});
