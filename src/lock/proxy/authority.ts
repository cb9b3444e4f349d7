import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  set,
  utcTime,
  utf8String,
} from './der.ts';

/** Key and certificate as TLS wants them, both PEM. */
export interface HostCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate authority that lives as long as one build, in memory only: its key is written nowhere, and programs trust it
 * in the steps of that build alone.
 */
export interface Authority {
  /** Its certificate, PEM, with one newline at the end. */
  readonly certificate: string;
  /** One for a host's name or IPv4 address, made when it is first asked for. */
  certificateFor(host: string): HostCertificate;
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** Longer than any clock that a step may see is wrong. */
const VALIDITY = sequence(utcTime('000101000000Z'), utcTime('491231235959Z'));
const SIGNATURE_ALGORITHM = sequence(oid(OID.ecdsaWithSha256));
const SERIAL_BYTES = 16;
/** Bits of KeyUsage, from the left: digitalSignature is the first, keyCertSign the sixth, cRLSign the seventh. */
const USAGE = { host: bitString(Buffer.of(0x80), 7), authority: bitString(Buffer.of(0x06), 1) } as const;
/** GeneralName (RFC 5280 §4.2.1.6). */
const ALT_NAME = { dns: 2, ip: 7 } as const;
/** X.520, ub-common-name. */
const COMMON_NAME_CHARACTERS_MAX = 64;

export function makeAuthority(): Authority {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const host = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = nameOf(`shale build ${randomBytes(6).toString('hex')}`);
  const authority = { name, key: pair.privateKey, keyId: keyIdOf(pair.publicKey) };
  const certificate = certify(authority, {
    subject: name,
    publicKey: pair.publicKey,
    extensions: [
      extension(OID.basicConstraints, sequence(boolean(true)), { critical: true }),
      extension(OID.keyUsage, USAGE.authority, { critical: true }),
      extension(OID.subjectKeyIdentifier, octetString(authority.keyId)),
    ],
  });
  const hostKey = host.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const made = new Map<string, HostCertificate>();
  return {
    certificate,
    certificateFor(hostName) {
      const known = made.get(hostName);
      if (known !== undefined) return known;
      const cert = certify(authority, {
        subject: nameOf(hostName.slice(0, COMMON_NAME_CHARACTERS_MAX)),
        publicKey: host.publicKey,
        extensions: [
          extension(OID.basicConstraints, sequence(), { critical: true }),
          extension(OID.keyUsage, USAGE.host, { critical: true }),
          extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
          extension(OID.subjectAltName, sequence(altNameOf(hostName))),
          extension(OID.subjectKeyIdentifier, octetString(keyIdOf(host.publicKey))),
          extension(OID.authorityKeyIdentifier, sequence(implicit(0, authority.keyId))),
        ],
      });
      const both = { key: hostKey, cert };
      made.set(hostName, both);
      return both;
    },
  };
}

interface Issuer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly keyId: Buffer;
}

/** A certificate (RFC 5280 §4.1), version 3, PEM. */
function certify(
  issuer: Issuer,
  about: { readonly subject: Buffer; readonly publicKey: KeyObject; readonly extensions: readonly Buffer[] },
): string {
  const tbs = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(randomBytes(SERIAL_BYTES)),
    SIGNATURE_ALGORITHM,
    issuer.name,
    VALIDITY,
    about.subject,
    about.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...about.extensions)),
  );
  const der = sequence(tbs, SIGNATURE_ALGORITHM, bitString(sign('sha256', tbs, issuer.key)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(oid(OID.commonName), utf8String(commonName))));
}

function extension(id: string, value: Uint8Array, { critical = false } = {}): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function altNameOf(host: string): Buffer {
  if (isIP(host) === 4) return implicit(ALT_NAME.ip, Buffer.from(host.split('.').map(Number)));
  return implicit(ALT_NAME.dns, Buffer.from(host, 'latin1'));
}

/** RFC 5280 §4.2.1.2, the first way: sha1 over the bits of the key, which follow the 26 bytes that say what kind it is. */
function keyIdOf(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(spki.subarray(26)).digest();
}
