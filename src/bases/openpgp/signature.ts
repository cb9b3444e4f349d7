import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { malformed, need, parseSubpackets, readMpi, type Subpacket } from './packets.ts';

/** A version 4 signature packet (RFC 9580 section 5.2.3). Everything that is trusted comes from the hashed area. */
export interface Signature {
  readonly type: number;
  readonly algorithm: number;
  readonly hashName: HashName;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Seconds after `createdAt`; 0 means never. */
  readonly expiresAfter: number;
  /** Seconds after the creation of the key that the signature is about; 0 means never, undefined says nothing. */
  readonly keyExpiresAfter: number | undefined;
  readonly keyFlags: number | undefined;
  /** Upper-case hex of the issuer's fingerprint; undefined when only a key id is given. */
  readonly issuerFingerprint: string | undefined;
  /** Upper-case hex, 16 digits. A hint only: it may stand in the unhashed area. */
  readonly issuerKeyId: string | undefined;
  /** The back signature of a signing subkey, as a packet body. */
  readonly embedded: Buffer | undefined;
  /** What is hashed after the data (section 5.2.4). */
  readonly trailer: Buffer;
  /** The first two bytes of the digest, as a quick check. */
  readonly digestStart: Buffer;
  readonly values: Buffer;
}

export type HashName = 'sha256' | 'sha384' | 'sha512';

/** Why a signature cannot be used at all; it then counts as absent, never as good. */
export interface UnusableSignature {
  readonly unusable: string;
  readonly issuerKeyId: string | undefined;
}

export const SIGNATURE_BINARY = 0x00;
export const SIGNATURE_TEXT = 0x01;

// RFC 9580 section 9.5. SHA-1, MD5 and RIPEMD are broken and SHA-224 is not used by any archive.
const HASHES: ReadonlyMap<number, HashName> = new Map([
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
]);

const UNDERSTOOD_SUBPACKETS: ReadonlySet<number> = new Set([
  2, 3, 7, 9, 11, 16, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
]);

/** Reads the body of a signature packet; what cannot be verified here comes back with the reason. */
export function parseSignature(body: Buffer): Signature | UnusableSignature {
  need(body, 0, 1);
  const version = body.readUInt8(0);
  if (version !== 4) return { unusable: `a version ${version} signature`, issuerKeyId: undefined };
  need(body, 0, 6);
  const hashedBytes = body.readUInt16BE(4);
  need(body, 6, hashedBytes + 2);
  const unhashedBytes = body.readUInt16BE(6 + hashedBytes);
  const valuesAt = 8 + hashedBytes + unhashedBytes + 2;
  need(body, 0, valuesAt);
  const hashed = parseSubpackets(body.subarray(6, 6 + hashedBytes));
  const unhashed = parseSubpackets(body.subarray(8 + hashedBytes, 8 + hashedBytes + unhashedBytes));
  const issuerFingerprint = fingerprintOf(hashed) ?? fingerprintOf(unhashed);
  const issuerKeyId =
    (hexOf(find(hashed, 16)) ?? hexOf(find(unhashed, 16)) ?? issuerFingerprint?.slice(-16)) || undefined;
  const hashName = HASHES.get(body.readUInt8(3));
  if (hashName === undefined) return { unusable: `hash algorithm ${body.readUInt8(3)}`, issuerKeyId };
  const unknown = hashed.find((each) => each.critical && !UNDERSTOOD_SUBPACKETS.has(each.type));
  if (unknown !== undefined) return { unusable: `an unknown critical subpacket ${unknown.type}`, issuerKeyId };
  const createdAt = numberOf(find(hashed, 2));
  if (createdAt === undefined) return { unusable: 'no creation time', issuerKeyId };
  return {
    type: body.readUInt8(1),
    algorithm: body.readUInt8(2),
    hashName,
    createdAt,
    expiresAfter: numberOf(find(hashed, 3)) ?? 0,
    keyExpiresAfter: numberOf(find(hashed, 9)),
    keyFlags: find(hashed, 27)?.[0],
    issuerFingerprint,
    issuerKeyId,
    embedded: find(hashed, 32) ?? find(unhashed, 32),
    trailer: trailerOf(body.subarray(0, 6 + hashedBytes)),
    digestStart: body.subarray(valuesAt - 2, valuesAt),
    values: body.subarray(valuesAt),
  };
}

export function isUsable(signature: Signature | UnusableSignature): signature is Signature {
  return !('unusable' in signature);
}

// Section 5.2.4: the hashed part, then version, 0xff and its length.
function trailerOf(hashedPart: Buffer): Buffer {
  const end = Buffer.alloc(6);
  end.writeUInt16BE(0x04ff, 0);
  end.writeUInt32BE(hashedPart.length, 2);
  return Buffer.concat([hashedPart, end]);
}

function find(subpackets: readonly Subpacket[], type: number): Buffer | undefined {
  return subpackets.find((each) => each.type === type)?.data;
}

function numberOf(data: Buffer | undefined): number | undefined {
  return data?.length === 4 ? data.readUInt32BE(0) : undefined;
}

function hexOf(data: Buffer | undefined): string | undefined {
  return data?.toString('hex').toUpperCase();
}

function fingerprintOf(subpackets: readonly Subpacket[]): string | undefined {
  const data = find(subpackets, 33);
  return data !== undefined && data.length === 21 && data[0] === 4 ? hexOf(data.subarray(1)) : undefined;
}

/** What a public key can verify with (RFC 9580 section 9.1). */
export type KeyMaterial =
  | { readonly kind: 'rsa'; readonly key: KeyObject; readonly modulusBytes: number }
  /** EdDSALegacy (22): the signature is two MPIs. */
  | { readonly kind: 'ed25519-legacy'; readonly key: KeyObject }
  /** Ed25519 (27): the signature is 64 bytes. */
  | { readonly kind: 'ed25519'; readonly key: KeyObject };

const RSA_BITS_MIN = 2048;
const OID_ED25519 = '2b06010401da470f01';

/** Reads the algorithm's fields of a version 4 key; undefined for algorithms and strengths that are not accepted. */
export function parseKeyMaterial(algorithm: number, fields: Buffer): KeyMaterial | undefined {
  if (algorithm === 1 || algorithm === 3) return rsaKey(fields);
  if (algorithm === 22) {
    need(fields, 0, 1 + fields.readUInt8(0));
    const oid = fields.subarray(1, 1 + fields.readUInt8(0));
    if (oid.toString('hex') !== OID_ED25519) return undefined;
    const point = readMpi(fields, 1 + oid.length).value;
    if (point.length !== 33 || point[0] !== 0x40) throw malformed('an Ed25519 point of another form');
    return { kind: 'ed25519-legacy', key: ed25519Key(point.subarray(1)) };
  }
  if (algorithm === 27) {
    need(fields, 0, 32);
    return { kind: 'ed25519', key: ed25519Key(fields.subarray(0, 32)) };
  }
  return undefined;
}

function rsaKey(fields: Buffer): KeyMaterial | undefined {
  const modulus = readMpi(fields, 0);
  const exponent = readMpi(fields, modulus.next);
  if (modulus.value.length * 8 < RSA_BITS_MIN) return undefined;
  const jwk = { kty: 'RSA', n: modulus.value.toString('base64url'), e: exponent.value.toString('base64url') };
  return { kind: 'rsa', key: createPublicKey({ key: jwk, format: 'jwk' }), modulusBytes: modulus.value.length };
}

function ed25519Key(point: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }, format: 'jwk' });
}

/** True when `signature` over `data` (in pieces) was made by the private half of `material`. */
export function verifyWith(material: KeyMaterial, signature: Signature, data: readonly Buffer[]): boolean {
  const message = Buffer.concat([...data, signature.trailer]);
  const digest = createHash(signature.hashName).update(message).digest();
  if (!digest.subarray(0, 2).equals(signature.digestStart)) return false;
  switch (material.kind) {
    case 'rsa': {
      if (signature.algorithm !== 1 && signature.algorithm !== 3) return false;
      const value = leftPad(readMpi(signature.values, 0).value, material.modulusBytes);
      return value !== undefined && verify(signature.hashName, message, material.key, value);
    }
    case 'ed25519-legacy': {
      if (signature.algorithm !== 22) return false;
      const r = readMpi(signature.values, 0);
      const left = leftPad(r.value, 32);
      const right = leftPad(readMpi(signature.values, r.next).value, 32);
      if (left === undefined || right === undefined) return false;
      return verify(null, digest, material.key, Buffer.concat([left, right]));
    }
    case 'ed25519':
      return (
        signature.algorithm === 27 &&
        signature.values.length === 64 &&
        verify(null, digest, material.key, signature.values)
      );
  }
}

function leftPad(value: Buffer, lengthBytes: number): Buffer | undefined {
  if (value.length > lengthBytes) return undefined;
  return Buffer.concat([Buffer.alloc(lengthBytes - value.length), value]);
}
