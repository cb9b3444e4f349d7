import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import {
  formatStatement,
  generateKeyPair,
  predicateOf,
  readPrivateKey,
  readPublicKey,
  SIGN_PREDICATE,
  signedBundle,
  simplePayload,
  verifyBundle,
  verifySimple,
  type Signer,
} from './index.ts';

/** Made by cosign 3 with the password `pw`, and its public key. */
const COSIGN_KEY = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJPOWttc3JyT0kwMWtObk5mVmFQR3hrdnl4MnVGQXZv
d0s3NUZRQjBmajU0PSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJ0RWZKSVloeFlHOUlSOXFiSHZuM0RQZ2JOWkdmdFQzNCJ9LCJj
aXBoZXJ0ZXh0IjoiUEc1KzJjTGh6Nm5xUmJvRzRERjlrVmJsWGFja2t6YTc4aEgr
L3J0RlcxUUxxYm1ubitUVDJHZ0NEOHZ1Y3pFTVhacmFaaWkxT09ROWVmdWJXOXAv
bHNOVmFScUljVVVOeWNycmppdkN2N3c4TmpSY3I4YkYyMjNhT1BMNVdKUDlOUmdh
aUM0SUFVV3QxVEU0SGdkWkh4QmpUZ0dYQmdybVU4cTZ4N3pmazJMMllWMkRhalBK
bld0UlFSZGN2NThqVW15NlNLcTBLdzhDRlE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const COSIGN_PUB = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaQMvwLoINA8CRES2acEBk3Lrl2qq
kJczlDo7DaEdSBRYQa5Lu+hyUyWUd5D5tzcKoTeEoXKx/iuc/gKbRlpIbA==
-----END PUBLIC KEY-----
`;
const DIGEST = digestOf(Buffer.from('image'));
const OTHER = digestOf(Buffer.from('other'));

function pair(kind: 'ec' | 'p384' | 'ed25519' | 'rsa'): { readonly key: string; readonly pub: string } {
  const made =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind === 'ec' ? 'P-256' : 'P-384' });
  return {
    key: made.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    pub: made.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

function bundleOf(signer: Signer): Buffer {
  return signedBundle(formatStatement(DIGEST, predicateOf(SIGN_PREDICATE, {})), signer);
}

/** The bundle with a byte of its payload or signature changed. */
function tampered(bundle: Buffer, field: 'payload' | 'sig'): Buffer {
  return Buffer.from(
    bundle.toString().replace(new RegExp(`"${field}":"([^"]+)"`), (_, text: string) => {
      const bytes = Buffer.from(text, 'base64');
      const at = bytes.length - 5;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return `"${field}":"${bytes.toString('base64')}"`;
    }),
  );
}

describe('keys', () => {
  test('readPrivateKey() opens a key that cosign made, with its password only', () => {
    const { publicKey } = readPrivateKey(COSIGN_KEY, 'pw');
    assert.equal(publicKey.pem, COSIGN_PUB);
    assert.throws(() => readPrivateKey(COSIGN_KEY, 'other'), { code: 'KEY_PASSWORD' });
  });

  test('generateKeyPair() makes what readPrivateKey() opens', () => {
    const { privateKey, publicKey } = generateKeyPair('secret', randomBytes);
    assert.match(privateKey, /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
    assert.equal(readPrivateKey(privateKey, 'secret').publicKey.pem, publicKey);
  });

  test('keys that are weak, of other kinds or for other ends are refused', () => {
    const dsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = dsa.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const bitcoin = k1.publicKey.export({ format: 'pem', type: 'spki' }).toString();
    assert.throws(() => readPrivateKey(weak, undefined), { code: 'KEY_UNSUPPORTED' });
    assert.throws(() => readPublicKey(bitcoin), { code: 'KEY_UNSUPPORTED' });
    assert.throws(() => readPublicKey(pair('ec').key), { code: 'KEY_INVALID', message: /private key/ });
    assert.throws(() => readPublicKey('nonsense'), { code: 'KEY_INVALID' });
    assert.throws(() => readPrivateKey('nonsense', undefined), { code: 'KEY_INVALID' });
  });

  test('a key file cannot make shale take the memory of the machine', () => {
    const document = {
      kdf: { name: 'scrypt', params: { N: 2 ** 22, r: 64, p: 1 }, salt: 'AAAA' },
      cipher: { name: 'nacl/secretbox', nonce: 'AAAA' },
      ciphertext: 'AAAA',
    };
    const body = Buffer.from(JSON.stringify(document)).toString('base64');
    const pem = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${body}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`;
    assert.throws(() => readPrivateKey(pem, 'pw'), { code: 'KEY_UNSUPPORTED', message: /too much/ });
  });
});

describe('bundles', () => {
  for (const kind of ['ec', 'p384', 'ed25519', 'rsa'] as const)
    test(`verifyBundle() accepts what a key of the kind ${kind} has signed, and nothing else`, () => {
      const { key, pub } = pair(kind);
      const bundle = bundleOf(readPrivateKey(key, undefined));
      const verifier = readPublicKey(pub);
      assert.equal(verifyBundle(bundle, verifier, DIGEST).predicateType, SIGN_PREDICATE);
      const refused = { code: 'SIGNATURE_INVALID' };
      assert.throws(() => verifyBundle(bundle, verifier, OTHER), refused);
      assert.throws(() => verifyBundle(bundle, readPublicKey(pair(kind).pub), DIGEST), refused);
      assert.throws(() => verifyBundle(tampered(bundle, 'sig'), verifier, DIGEST), refused);
      assert.throws(() => verifyBundle(tampered(bundle, 'payload'), verifier, DIGEST), refused);
    });

  test('verifyBundle() refuses bundles that sign something else, or are none', () => {
    const { key, pub } = pair('ec');
    const bundle = bundleOf(readPrivateKey(key, undefined)).toString();
    const verifier = readPublicKey(pub);
    const bad = [
      bundle.replace('"payloadType":"application/vnd.in-toto+json"', '"payloadType":"text/plain"'),
      bundle.replaceAll('bundle.v0.3', 'bundle.v0.9'),
      bundle.replace('dsseEnvelope', 'messageSignature'),
    ];
    for (const one of bad)
      assert.throws(() => verifyBundle(Buffer.from(one), verifier, DIGEST), { code: 'BUNDLE_INVALID' });
  });
});

describe('simple signatures', () => {
  const { key, pub } = pair('ec');
  const signer = readPrivateKey(key, undefined);
  const payload = simplePayload('registry.example/app', DIGEST);
  const signature = signer.sign(payload).toString('base64');
  const how = { verifier: readPublicKey(pub), digest: DIGEST };

  test('verifySimple() accepts what was signed about the digest', () => {
    verifySimple(payload, signature, how);
  });

  test('verifySimple() refuses another key, digest, payload, signature or claim', () => {
    const refused = { code: 'SIGNATURE_INVALID' };
    const flipped = Buffer.from(payload);
    flipped.writeUInt8(flipped.readUInt8(30) ^ 1, 30);
    const claim = Buffer.from(payload.toString().replace('cosign container image signature', 'something else'));
    assert.throws(() => verifySimple(payload, signature, { ...how, digest: OTHER }), refused);
    assert.throws(() => verifySimple(payload, signature, { ...how, verifier: readPublicKey(pair('ec').pub) }), refused);
    assert.throws(() => verifySimple(flipped, signature, how), refused);
    assert.throws(() => verifySimple(payload, `AA${signature.slice(2)}`, how), refused);
    assert.throws(() => verifySimple(payload, undefined, how), refused);
    assert.throws(() => verifySimple(claim, signer.sign(claim).toString('base64'), how), refused);
  });
});
