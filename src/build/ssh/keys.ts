import { createPrivateKey, sign, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isShaleError, ShaleError } from '../../base/index.ts';
import { malformed, mpint, SshReader, sshString, uint32 } from './wire.ts';

/** A private key as an agent uses it. The key itself cannot be had from it. */
export interface AgentKey {
  /** The public key as SSH writes it (RFC 4253, section 6.6); names the key. */
  readonly blob: Buffer;
  readonly comment: string;
  /** The signature with its algorithm in front. `flags` are those of the agent protocol. */
  sign(data: Uint8Array, flags: number): Buffer;
}

/** Flags of a sign request for RSA keys (draft-ietf-sshm-ssh-agent, "Signature flags"). */
const RSA_SHA2_256 = 2;
const RSA_SHA2_512 = 4;

const OPENSSH_BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const OPENSSH_END = '-----END OPENSSH PRIVATE KEY-----';
const OPENSSH_MAGIC = 'openssh-key-v1\0';

/**
 * Reads a private key that has no passphrase: OpenSSH's own format, or PEM. Ed25519, RSA and ECDSA on the NIST curves.
 * @throws SSH_KEY_INVALID, SSH_KEY_ENCRYPTED. No message holds anything of the key.
 */
export function parsePrivateKey(text: string, name: string): AgentKey {
  try {
    const { jwk, comment } = text.includes(OPENSSH_BEGIN) ? readOpenSsh(text) : { jwk: readPem(text), comment: name };
    return agentKey(jwk, comment || name);
  } catch (error) {
    if (isShaleError(error, 'SSH_KEY_ENCRYPTED')) throw encrypted(name);
    if (isShaleError(error, 'SSH_KEY_INVALID')) throw invalid(name, error.message);
    // What else is thrown comes from OpenSSL or from a read past the end, and may quote what it read.
    throw invalid(name, 'it is no private key in PEM or OpenSSH format');
  }
}

function invalid(name: string, why: string): ShaleError {
  return new ShaleError('SSH_KEY_INVALID', `cannot use the SSH key ${name}: ${why}`, { data: { name } });
}

function encrypted(name: string): ShaleError {
  return new ShaleError('SSH_KEY_ENCRYPTED', `cannot use the SSH key ${name}: it has a passphrase`, {
    data: { name },
    hint: 'ssh-add it to your agent, and use --ssh default',
  });
}

function readPem(text: string): JsonWebKey {
  if (/ENCRYPTED/.test(text)) throw encrypted('');
  return createPrivateKey(text).export({ format: 'jwk' });
}

/** openssh-portable, PROTOCOL.key. */
function readOpenSsh(text: string): { readonly jwk: JsonWebKey; readonly comment: string } {
  const from = text.indexOf(OPENSSH_BEGIN) + OPENSSH_BEGIN.length;
  const bytes = Buffer.from(text.slice(from, text.indexOf(OPENSSH_END, from)), 'base64');
  if (bytes.toString('latin1', 0, OPENSSH_MAGIC.length) !== OPENSSH_MAGIC) throw malformed('no OpenSSH key');
  const outer = new SshReader(bytes.subarray(OPENSSH_MAGIC.length));
  const cipher = outer.text();
  outer.string(); // the name of the function that makes a key of the passphrase
  outer.string(); // its options
  if (cipher !== 'none') throw encrypted('');
  if (outer.uint32() !== 1) throw malformed('not one key');
  outer.string(); // the public key, which the private part has too
  const inner = new SshReader(outer.string());
  if (inner.uint32() !== inner.uint32()) throw malformed('the check numbers differ');
  const jwk = readPrivatePart(inner);
  return { jwk, comment: inner.text() };
}

function readPrivatePart(reader: SshReader): JsonWebKey {
  const type = reader.text();
  if (type === 'ssh-ed25519') {
    const x = reader.string();
    return { kty: 'OKP', crv: 'Ed25519', x: base64(x), d: base64(reader.string().subarray(0, 32)) };
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = [0, 1, 2, 3, 4, 5].map(() => reader.magnitude());
    return rsaJwk({ n: sure(n), e: sure(e), d: sure(d), qi: sure(qi), p: sure(p), q: sure(q) });
  }
  const curve = Object.values(CURVES).find(({ type: known }) => known === type);
  if (curve === undefined) throw new ShaleError('SSH_KEY_INVALID', `keys of the type ${type} are not supported`);
  reader.string(); // the name of the curve again
  const point = reader.string();
  const size = curve.sizeBytes;
  if (point[0] !== 4 || point.length !== 1 + 2 * size) throw malformed('a point of another form');
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  const d = reader.magnitude();
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, size - d.length)), d]);
  return { kty: 'EC', crv: curve.jwk, x: base64(x), y: base64(y), d: base64(padded) };
}

interface RsaNumbers {
  readonly n: Buffer;
  readonly e: Buffer;
  readonly d: Buffer;
  readonly qi: Buffer;
  readonly p: Buffer;
  readonly q: Buffer;
}

/** OpenSSH leaves out two numbers that follow from the others. */
function rsaJwk({ n, e, d, qi, p, q }: RsaNumbers): JsonWebKey {
  const below = (prime: Buffer): Buffer => bytesOf(numberOf(d) % (numberOf(prime) - 1n));
  return {
    kty: 'RSA',
    n: base64(n),
    e: base64(e),
    d: base64(d),
    p: base64(p),
    q: base64(q),
    dp: base64(below(p)),
    dq: base64(below(q)),
    qi: base64(qi),
  };
}

interface Curve {
  readonly type: string;
  readonly name: string;
  readonly jwk: string;
  readonly sizeBytes: number;
  readonly hash: string;
}

/** RFC 5656, sections 6.2.1 and 10.1. */
const CURVES: Readonly<Record<string, Curve>> = {
  'P-256': { type: 'ecdsa-sha2-nistp256', name: 'nistp256', jwk: 'P-256', sizeBytes: 32, hash: 'sha256' },
  'P-384': { type: 'ecdsa-sha2-nistp384', name: 'nistp384', jwk: 'P-384', sizeBytes: 48, hash: 'sha384' },
  'P-521': { type: 'ecdsa-sha2-nistp521', name: 'nistp521', jwk: 'P-521', sizeBytes: 66, hash: 'sha512' },
};

function agentKey(jwk: JsonWebKey, comment: string): AgentKey {
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') {
    const blob = Buffer.concat([sshString('ssh-ed25519'), sshString(decoded(jwk.x))]);
    return { blob, comment, sign: (data) => signature('ssh-ed25519', sign(null, data, key)) };
  }
  if (jwk.kty === 'RSA') {
    const blob = Buffer.concat([sshString('ssh-rsa'), mpint(decoded(jwk.e)), mpint(decoded(jwk.n))]);
    return { blob, comment, sign: (data, flags) => signRsa(key, data, flags) };
  }
  const curve = CURVES[jwk.crv ?? ''];
  if (jwk.kty !== 'EC' || curve === undefined)
    throw new ShaleError('SSH_KEY_INVALID', `keys of the type ${jwk.crv ?? jwk.kty ?? '?'} are not supported`);
  const point = Buffer.concat([Buffer.from([4]), decoded(jwk.x), decoded(jwk.y)]);
  const blob = Buffer.concat([sshString(curve.type), sshString(curve.name), sshString(point)]);
  return { blob, comment, sign: (data) => signEcdsa(key, curve, data) };
}

/** RFC 8332, section 3. */
function signRsa(key: KeyObject, data: Uint8Array, flags: number): Buffer {
  if ((flags & RSA_SHA2_512) !== 0) return signature('rsa-sha2-512', sign('sha512', data, key));
  if ((flags & RSA_SHA2_256) !== 0) return signature('rsa-sha2-256', sign('sha256', data, key));
  return signature('ssh-rsa', sign('sha1', data, key));
}

/** RFC 5656, section 3.1.2. */
function signEcdsa(key: KeyObject, curve: Curve, data: Uint8Array): Buffer {
  const both = sign(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [both.subarray(0, curve.sizeBytes), both.subarray(curve.sizeBytes)];
  return signature(curve.type, Buffer.concat([mpint(r), mpint(s)]));
}

function signature(algorithm: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([sshString(algorithm), sshString(bytes)]);
}

/** What an agent answers when it is asked for its keys (draft-ietf-sshm-ssh-agent, "Requesting a list of keys"). */
export function listKeys(keys: readonly AgentKey[]): Buffer {
  return Buffer.concat([
    uint32(keys.length),
    ...keys.flatMap(({ blob, comment }) => [sshString(blob), sshString(comment)]),
  ]);
}

function sure(bytes: Buffer | undefined): Buffer {
  return bytes ?? Buffer.alloc(0);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function decoded(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url');
}

function numberOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function bytesOf(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}
