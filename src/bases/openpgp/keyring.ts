import { createHash } from 'node:crypto';
import { dearmor, isArmored } from './armor.ts';
import {
  malformed,
  need,
  parsePackets,
  TAG_PUBLIC_KEY,
  TAG_PUBLIC_SUBKEY,
  TAG_SIGNATURE,
  TAG_USER_ATTRIBUTE,
  TAG_USER_ID,
  type Packet,
} from './packets.ts';
import {
  isUsable,
  parseKeyMaterial,
  parseSignature,
  verifyWith,
  type KeyMaterial,
  type Signature,
} from './signature.ts';

/** A key of a keyring that may sign data, with all that limits its use. */
export interface SigningKey {
  /** Upper-case hex, 40 digits. */
  readonly fingerprint: string;
  /** The fingerprint of the primary key; the same for a primary key. */
  readonly primaryFingerprint: string;
  /** The first user id of the primary key, for messages. */
  readonly owner: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Seconds since 1970; Infinity when it never expires. Takes the primary key's end into account. */
  readonly expiresAt: number;
  readonly revoked: boolean;
  readonly material: KeyMaterial;
}

/** The keys that are trusted; by being in the ring a key is trusted for everything. */
export interface Keyring {
  readonly keys: readonly SigningKey[];
}

/**
 * Reads a keyring, binary or armored (`gpg --export`, /usr/share/keyrings). Only keys whose binding to their primary
 * key, and whose right to sign, is proved by signatures in the ring are taken; keys of unknown kinds are left out.
 * @throws OPENPGP_MALFORMED, also when no usable key is in it.
 */
export function parseKeyring(bytes: Buffer, name: string): Keyring {
  const binary = isArmored(bytes) ? dearmor(bytes.toString('latin1'), 'PUBLIC KEY BLOCK') : bytes;
  const keys = splitCertificates(parsePackets(binary)).flatMap(keysOfCertificate);
  if (keys.length === 0) throw malformed(`${name} holds no key that can verify a signature`);
  return { keys };
}

export function joinKeyrings(keyrings: readonly Keyring[]): Keyring {
  const byFingerprint = new Map<string, SigningKey>();
  for (const key of keyrings.flatMap((ring) => ring.keys)) {
    const known = byFingerprint.get(key.fingerprint);
    // A revocation that any of the rings knows of counts.
    if (known === undefined || key.revoked) byFingerprint.set(key.fingerprint, key);
  }
  return { keys: [...byFingerprint.values()] };
}

interface Part {
  readonly packet: Packet;
  readonly signatures: Signature[];
}

/** A primary key packet, then its user ids and subkeys, each with the signatures that follow it. */
type Certificate = readonly [Part, ...Part[]];

function splitCertificates(packets: readonly Packet[]): Certificate[] {
  const certificates: [Part, ...Part[]][] = [];
  for (const packet of packets) {
    const current = certificates.at(-1);
    if (packet.tag === TAG_PUBLIC_KEY) certificates.push([{ packet, signatures: [] }]);
    else if (current === undefined) throw malformed('a keyring that does not start with a key');
    else if (packet.tag === TAG_SIGNATURE) {
      const signature = parseSignature(packet.body);
      if (isUsable(signature)) current.at(-1)?.signatures.push(signature);
    } else current.push({ packet, signatures: [] });
  }
  return certificates;
}

interface RawKey {
  readonly packet: Packet;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly material: KeyMaterial | undefined;
}

function readKey(packet: Packet): RawKey | undefined {
  need(packet.body, 0, 6);
  if (packet.body.readUInt8(0) !== 4) return undefined;
  return {
    packet,
    fingerprint: createHash('sha1').update(hashedKey(packet)).digest('hex').toUpperCase(),
    createdAt: packet.body.readUInt32BE(1),
    material: parseKeyMaterial(packet.body.readUInt8(5), packet.body.subarray(6)),
  };
}

// RFC 9580 section 5.2.4: how a key is hashed in fingerprints and signatures.
function hashedKey(packet: Packet): Buffer {
  const head = Buffer.from([0x99, 0, 0]);
  head.writeUInt16BE(packet.body.length, 1);
  return Buffer.concat([head, packet.body]);
}

function hashedUserId(packet: Packet): Buffer {
  const head = Buffer.from([packet.tag === TAG_USER_ID ? 0xb4 : 0xd1, 0, 0, 0, 0]);
  head.writeUInt32BE(packet.body.length, 1);
  return Buffer.concat([head, packet.body]);
}

const CERTIFICATIONS: ReadonlySet<number> = new Set([0x10, 0x11, 0x12, 0x13]);
const DIRECT_KEY = 0x1f;
const SUBKEY_BINDING = 0x18;
const PRIMARY_BINDING = 0x19;
const KEY_REVOCATION = 0x20;
const SUBKEY_REVOCATION = 0x28;
const FLAG_SIGN = 0x02;

function keysOfCertificate(certificate: Certificate): SigningKey[] {
  const primary = readKey(certificate[0].packet);
  if (primary?.material === undefined) return [];
  const material = primary.material;
  const hashed = hashedKey(primary.packet);
  const madeByPrimary = (signature: Signature, data: readonly Buffer[]): boolean =>
    verifyWith(material, signature, data);
  const userIds = certificate.filter(
    (part) => part.packet.tag === TAG_USER_ID || part.packet.tag === TAG_USER_ATTRIBUTE,
  );
  const direct = newestOf(
    certificate[0].signatures.filter((each) => each.type === DIRECT_KEY && madeByPrimary(each, [hashed])),
  );
  const certification = newestOf(
    userIds.flatMap((part) =>
      part.signatures.filter(
        (each) => CERTIFICATIONS.has(each.type) && madeByPrimary(each, [hashed, hashedUserId(part.packet)]),
      ),
    ),
  );
  if (direct === undefined && certification === undefined) return [];
  // A direct-key signature that only names a revoker says nothing about expiry and flags: then the user id's holds.
  const keyExpiresAfter = direct?.keyExpiresAfter ?? certification?.keyExpiresAfter ?? 0;
  const keyFlags = direct?.keyFlags ?? certification?.keyFlags ?? FLAG_SIGN;
  const whole = {
    primaryFingerprint: primary.fingerprint,
    owner: userIds[0]?.packet.body.toString('utf8') ?? primary.fingerprint,
    expiresAt: endOf(primary.createdAt, keyExpiresAfter),
    revoked: certificate[0].signatures.some((each) => each.type === KEY_REVOCATION && madeByPrimary(each, [hashed])),
  };
  const keys: SigningKey[] = [];
  if ((keyFlags & FLAG_SIGN) !== 0) {
    keys.push({ ...whole, fingerprint: primary.fingerprint, createdAt: primary.createdAt, material });
  }
  for (const part of certificate.filter((each) => each.packet.tag === TAG_PUBLIC_SUBKEY)) {
    const subkey = readKey(part.packet);
    if (subkey?.material === undefined) continue;
    const data = [hashed, hashedKey(part.packet)];
    const genuine = part.signatures.filter((each) => madeByPrimary(each, data));
    const binding = newestOf(genuine.filter((each) => each.type === SUBKEY_BINDING));
    if (binding === undefined || !maySign(binding, subkey.material, data)) continue;
    keys.push({
      ...whole,
      fingerprint: subkey.fingerprint,
      createdAt: subkey.createdAt,
      expiresAt: Math.min(whole.expiresAt, endOf(subkey.createdAt, binding.keyExpiresAfter ?? 0)),
      revoked: whole.revoked || genuine.some((each) => each.type === SUBKEY_REVOCATION),
      material: subkey.material,
    });
  }
  return keys;
}

// A signing subkey must have signed back (RFC 9580 section 5.2.1.8), else anybody could claim another's subkey.
function maySign(binding: Signature, material: KeyMaterial, data: readonly Buffer[]): boolean {
  if (binding.keyFlags === undefined || (binding.keyFlags & FLAG_SIGN) === 0) return false;
  const back = binding.embedded === undefined ? undefined : parseSignature(binding.embedded);
  return back !== undefined && isUsable(back) && back.type === PRIMARY_BINDING && verifyWith(material, back, data);
}

function newestOf(signatures: readonly Signature[]): Signature | undefined {
  return signatures.toSorted((a, b) => b.createdAt - a.createdAt)[0];
}

function endOf(createdAt: number, after: number): number {
  return after === 0 ? Number.POSITIVE_INFINITY : createdAt + after;
}
