import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** What the tests of this folder sign with: a key made on the spot, with every knob that a verifier must look at. */
export interface TestKeyOptions {
  readonly algorithm: 'rsa' | 'ed25519-legacy' | 'ed25519';
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly expiresAfter?: number;
  readonly revoked?: boolean;
  readonly flags?: number;
  /** Gives the certificate a signing subkey; `forged` leaves out its back signature. */
  readonly subkey?: 'genuine' | 'forged';
}

interface RawKey {
  readonly algorithm: number;
  readonly body: Buffer;
  readonly privateKey: KeyObject;
}

export interface SignOptions {
  readonly createdAt: number;
  readonly expiresAfter?: number;
  readonly hash?: number;
  readonly version?: number;
  readonly type?: number;
  readonly critical?: number;
  readonly withSubkey?: boolean;
}

export class TestKey {
  readonly certificate: Buffer;
  readonly fingerprint: string;
  readonly #primary: RawKey;
  readonly #subkey: RawKey | undefined;

  constructor(options: TestKeyOptions) {
    this.#primary = makeKey(options);
    this.fingerprint = fingerprintOf(this.#primary.body);
    const userId = Buffer.from('Test <test@example.org>');
    const at = options.createdAt;
    const primary = hashedKey(this.#primary.body);
    const flags = Buffer.from([options.flags ?? 0x03]);
    const extra = [
      subpacket(27, flags),
      ...(options.expiresAfter === undefined ? [] : [subpacket(9, u32(options.expiresAfter))]),
    ];
    const parts = [packet(6, this.#primary.body)];
    if (options.revoked === true) parts.push(this.#sign(this.#primary, [primary], { createdAt: at, type: 0x20 }, []));
    parts.push(packet(13, userId));
    const hashedUserId = Buffer.concat([Buffer.from([0xb4]), u32(userId.length), userId]);
    parts.push(this.#sign(this.#primary, [primary, hashedUserId], { createdAt: at, type: 0x13 }, extra));
    if (options.subkey !== undefined) {
      this.#subkey = makeKey(options);
      const data = [primary, hashedKey(this.#subkey.body)];
      const back = this.#sign(this.#subkey, data, { createdAt: at, type: 0x19 }, []);
      const binding = [
        subpacket(27, Buffer.from([2])),
        ...(options.subkey === 'genuine' ? [subpacket(32, bodyOf(back))] : []),
      ];
      parts.push(
        packet(14, this.#subkey.body),
        this.#sign(this.#primary, data, { createdAt: at, type: 0x18 }, binding),
      );
    }
    this.certificate = Buffer.concat(parts);
  }

  /** A text in the cleartext signature framework. */
  clearsign(text: string, options: SignOptions): Buffer {
    const lines = text.split('\n');
    const canonical = Buffer.from(lines.map((line) => line.trimEnd()).join('\r\n'), 'latin1');
    const key = options.withSubkey === true && this.#subkey !== undefined ? this.#subkey : this.#primary;
    const signature = this.#sign(key, [canonical], { type: 0x01, ...options }, []);
    const escaped = lines.map((line) => (line.startsWith('-') ? `- ${line}` : line)).join('\n');
    return Buffer.from(
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${escaped}\n-----BEGIN PGP SIGNATURE-----\n\n` +
        `${signature.toString('base64')}\n-----END PGP SIGNATURE-----\n`,
      'latin1',
    );
  }

  #sign(key: RawKey, data: readonly Buffer[], options: SignOptions, extra: readonly Buffer[]): Buffer {
    const hashed = Buffer.concat([
      subpacket(33, Buffer.concat([Buffer.from([4]), Buffer.from(fingerprintOf(key.body), 'hex')])),
      subpacket(2, u32(options.createdAt)),
      ...(options.expiresAfter === undefined ? [] : [subpacket(3, u32(options.expiresAfter))]),
      ...(options.critical === undefined ? [] : [subpacket(options.critical | 0x80, Buffer.from([1]))]),
      ...extra,
    ]);
    const hash = options.hash ?? 8;
    const head = Buffer.concat([
      Buffer.from([options.version ?? 4, options.type ?? 0, key.algorithm, hash]),
      u16(hashed.length),
      hashed,
    ]);
    const message = Buffer.concat([...data, head, Buffer.from([4, 0xff]), u32(head.length)]);
    const name = hash === 10 ? 'sha512' : hash === 2 ? 'sha1' : 'sha256';
    const digest = createHash(name).update(message).digest();
    const values = key.algorithm === 1 ? mpi(sign(name, message, key.privateKey)) : edValues(key, digest);
    return packet(2, Buffer.concat([head, u16(0), digest.subarray(0, 2), values]));
  }
}

function edValues(key: RawKey, digest: Buffer): Buffer {
  const value = sign(null, digest, key.privateKey);
  return key.algorithm === 27 ? value : Buffer.concat([mpi(value.subarray(0, 32)), mpi(value.subarray(32))]);
}

function makeKey(options: TestKeyOptions): RawKey {
  const head = Buffer.concat([Buffer.from([4]), u32(options.createdAt)]);
  if (options.algorithm === 'rsa') {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = pair.publicKey.export({ format: 'jwk' });
    const fields = Buffer.concat([
      mpi(Buffer.from(jwk.n ?? '', 'base64url')),
      mpi(Buffer.from(jwk.e ?? '', 'base64url')),
    ]);
    return { algorithm: 1, body: Buffer.concat([head, Buffer.from([1]), fields]), privateKey: pair.privateKey };
  }
  const pair = generateKeyPairSync('ed25519');
  const point = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  if (options.algorithm === 'ed25519') {
    return { algorithm: 27, body: Buffer.concat([head, Buffer.from([27]), point]), privateKey: pair.privateKey };
  }
  const oid = Buffer.from('092b06010401da470f01', 'hex');
  const fields = Buffer.concat([oid, mpi(Buffer.concat([Buffer.from([0x40]), point]))]);
  return { algorithm: 22, body: Buffer.concat([head, Buffer.from([22]), fields]), privateKey: pair.privateKey };
}

function hashedKey(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x99]), u16(body.length), body]);
}

function fingerprintOf(body: Buffer): string {
  return createHash('sha1').update(hashedKey(body)).digest('hex').toUpperCase();
}

function packet(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xc0 | tag, 255]), u32(body.length), body]);
}

function bodyOf(whole: Buffer): Buffer {
  return whole.subarray(6);
}

function subpacket(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([255]), u32(data.length + 1), Buffer.from([type]), data]);
}

function mpi(value: Buffer): Buffer {
  const start = value.findIndex((byte) => byte !== 0);
  const trimmed = start < 0 ? Buffer.alloc(0) : value.subarray(start);
  const bits = trimmed.length === 0 ? 0 : (trimmed.length - 1) * 8 + (32 - Math.clz32(trimmed[0] ?? 0));
  return Buffer.concat([u16(bits), trimmed]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
