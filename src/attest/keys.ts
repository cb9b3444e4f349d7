import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  scryptSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { isShaleError, JsonReader, parseJson, ShaleError } from '../base/index.ts';
import { openSecretbox, sealSecretbox } from './secretbox.ts';

/** What deriving a key from a password may take: bytes of memory, and rounds. */
const SCRYPT_MEMORY_MAX: number = 256 * 1024 * 1024;
const SCRYPT_PARALLEL_MAX = 16;
/** cosign's own parameters for keys that are made new. */
const SCRYPT = { N: 65_536, r: 8, p: 1 };
const RSA_BITS_MIN = 2048;
const CURVES: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];

const ENCRYPTED = 'ENCRYPTED SIGSTORE PRIVATE KEY';
/** What cosign 1 called it. */
const ENCRYPTED_BEFORE = 'ENCRYPTED COSIGN PRIVATE KEY';

/** Signs bytes. */
export interface Signer {
  readonly sign: (bytes: Uint8Array) => Buffer;
  readonly publicKey: Verifier;
}

/** Says whether somebody with the private key has signed bytes. */
export interface Verifier {
  readonly verify: (bytes: Uint8Array, signature: Uint8Array) => boolean;
  /** How bundles name the key: the sha256 of its DER form, in base64. */
  readonly hint: string;
  /** SPKI in PEM. */
  readonly pem: string;
  readonly kind: 'ec' | 'ed25519' | 'rsa';
}

/**
 * Reads a private key in PEM: cosign's encrypted form, or a plain or encrypted PKCS#8, SEC 1 or PKCS#1 key.
 * @throws KEY_INVALID, KEY_PASSWORD, KEY_UNSUPPORTED
 */
export function readPrivateKey(pem: string, password: string | undefined): Signer {
  const isCosigns = pem.includes(ENCRYPTED) || pem.includes(ENCRYPTED_BEFORE);
  const key = isCosigns ? openCosignKey(pem, password ?? '') : plainKey(pem, password);
  const publicKey = verifierOf(createPublicKey(key));
  return { sign: (bytes) => sign(hashFor(key), bytes, key), publicKey };
}

/** Reads a public key in PEM. A private key is refused: it does not belong where a public one is enough. @throws KEY_INVALID, KEY_UNSUPPORTED */
export function readPublicKey(pem: string): Verifier {
  if (/PRIVATE KEY/.test(pem))
    throw new ShaleError('KEY_INVALID', 'this is a private key, and a public one is wanted', { hint: 'cosign.pub' });
  if (!/-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem))
    throw new ShaleError('KEY_INVALID', 'this is no public key in PEM', {
      hint: 'it begins with -----BEGIN PUBLIC KEY-----',
    });
  try {
    return verifierOf(createPublicKey(pem));
  } catch (cause) {
    if (isShaleError(cause)) throw cause;
    throw new ShaleError('KEY_INVALID', 'the public key cannot be read', { cause });
  }
}

/** A new pair of ECDSA P-256, the private key encrypted as cosign does. */
export function generateKeyPair(
  password: string,
  random: (bytes: number) => Buffer,
): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const salt = random(32);
  const nonce = random(24);
  const plain = privateKey.export({ format: 'der', type: 'pkcs8' });
  const box = sealSecretbox(derive(password, salt, SCRYPT), nonce, plain);
  const document = {
    kdf: { name: 'scrypt', params: SCRYPT, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: box.toString('base64'),
  };
  return {
    privateKey: pemOf(ENCRYPTED, Buffer.from(JSON.stringify(document))),
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

function openCosignKey(pem: string, password: string): KeyObject {
  const [, body] = /-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----([^-]+)-----END/.exec(pem) ?? [];
  const what = 'the encrypted key';
  const fields = new JsonReader(parseJson(Buffer.from(body ?? '', 'base64'), what), what, 'KEY_INVALID');
  const kdf = fields.required('kdf', fields.object('kdf'));
  const cipher = fields.required('cipher', fields.object('cipher'));
  const params = kdf.required('params', kdf.object('params'));
  if (kdf.string('name') !== 'scrypt' || cipher.string('name') !== 'nacl/secretbox')
    throw new ShaleError('KEY_UNSUPPORTED', 'the key is encrypted in another way than with scrypt and nacl/secretbox');
  const number = (name: string): number => params.required(name, params.integer(name));
  const key = derive(password, bytesIn(kdf, 'salt'), { N: number('N'), r: number('r'), p: number('p') });
  let der: Buffer;
  try {
    der = openSecretbox(key, bytesIn(cipher, 'nonce'), bytesIn(fields, 'ciphertext'));
  } catch (cause) {
    throw new ShaleError('KEY_PASSWORD', 'the key does not open with this password', { cause });
  }
  return supported(keyIn(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })));
}

function bytesIn(fields: JsonReader, name: string): Buffer {
  return Buffer.from(fields.required(name, fields.string(name)), 'base64');
}

/** @throws KEY_UNSUPPORTED for parameters that would take the machine's memory */
function derive(password: string, salt: Buffer, { N, r, p }: typeof SCRYPT): Buffer {
  const isPower = N > 1 && N <= 2 ** 22 && (N & (N - 1)) === 0;
  if (!isPower || r < 1 || p < 1 || p > SCRYPT_PARALLEL_MAX || 128 * N * r > SCRYPT_MEMORY_MAX)
    throw new ShaleError('KEY_UNSUPPORTED', `the key asks for scrypt with N=${N}, r=${r}, p=${p}, which is too much`);
  return scryptSync(password, salt, 32, { N, r, p, maxmem: 2 * SCRYPT_MEMORY_MAX });
}

function plainKey(pem: string, password: string | undefined): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
    throw new ShaleError('KEY_INVALID', 'this is no private key in PEM', {
      hint: 'shale sign generate-key-pair makes one',
    });
  return supported(
    keyIn(() => createPrivateKey({ key: pem, ...(password !== undefined && { passphrase: password }) })),
  );
}

function keyIn(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new ShaleError('KEY_INVALID', 'the private key cannot be read, or its password is another', { cause });
  }
}

/** ECDSA on the curves of NIST, Ed25519, and RSA that is long enough. @throws KEY_UNSUPPORTED */
function supported(key: KeyObject): KeyObject {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  const isFine =
    type === 'ed25519' ||
    (type === 'ec' && CURVES.includes(details.namedCurve ?? '')) ||
    (type === 'rsa' && (details.modulusLength ?? 0) >= RSA_BITS_MIN);
  if (isFine) return key;
  throw new ShaleError('KEY_UNSUPPORTED', `a key of the kind ${type ?? 'unknown'} as this one is not taken`, {
    hint: 'ECDSA P-256, P-384 or P-521, Ed25519, or RSA with 2048 bits and more',
  });
}

function verifierOf(given: KeyObject): Verifier {
  const key = supported(given);
  const der = key.export({ format: 'der', type: 'spki' });
  return {
    verify: (bytes, signature) => verify(hashFor(key), bytes, key, signature),
    hint: createHash('sha256').update(der).digest('base64'),
    pem: key.export({ format: 'pem', type: 'spki' }).toString(),
    kind: key.asymmetricKeyType === 'ed25519' ? 'ed25519' : key.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec',
  };
}

/** As sigstore pairs them: each curve with the hash of its size; Ed25519 hashes itself. */
function hashFor({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  if (asymmetricKeyType === 'ed25519') return null;
  if (asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'sha384';
  return asymmetricKeyDetails?.namedCurve === 'secp521r1' ? 'sha512' : 'sha256';
}

function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
