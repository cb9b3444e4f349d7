import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, ShaleError } from '../../base/index.ts';
import { ALPINE_KEYS } from './alpine-keys.ts';

/** A key that repositories are signed with. */
export interface AlpineKey {
  /** By which signatures name it, and its file in /etc/apk/keys: `packager-4a6a0840.rsa.pub`. */
  readonly name: string;
  /** sha256 of the key as DER (SubjectPublicKeyInfo), 64 hex digits. */
  readonly fingerprint: string;
  readonly pem: string;
  readonly key: KeyObject;
}

export interface TrustedKeysOptions {
  /** A folder with keys (`*.rsa.pub`) instead of Alpine's own, which are carried. */
  readonly folder?: string;
  /** Fingerprints, of which a key must have one to count. */
  readonly fingerprints?: readonly string[];
  /** As Alpine names it: its keys differ by architecture. */
  readonly architecture: string;
}

const KEY_BYTES_MAX: number = 64 * 1024;
const MODULUS_BITS_MIN = 2048;

/** The keys that signatures may be made with, by name. @throws KEYRING_UNREADABLE */
export async function loadAlpineKeys(options: TrustedKeysOptions): Promise<ReadonlyMap<string, AlpineKey>> {
  const all = options.folder === undefined ? carriedKeys(options.architecture) : await readKeys(options.folder);
  const wanted = options.fingerprints?.map((each) => each.replaceAll(':', '').toLowerCase()) ?? [];
  const kept = wanted.length === 0 ? all : all.filter(({ fingerprint }) => wanted.includes(fingerprint));
  if (kept.length === 0) {
    const which = options.folder ?? `Alpine's keys for ${options.architecture}`;
    throw new ShaleError(
      'KEYRING_UNREADABLE',
      wanted.length === 0 ? `${which}: no key *.rsa.pub` : `none of ${which} has a fingerprint that was asked for`,
      { data: { fingerprints: all.map(({ fingerprint }) => fingerprint) } },
    );
  }
  return new Map(kept.map((key) => [key.name, key]));
}

function carriedKeys(architecture: string): AlpineKey[] {
  return ALPINE_KEYS.filter((each) => each.architectures.includes(architecture)).map(({ name, der }) =>
    keyOf(name, `-----BEGIN PUBLIC KEY-----\n${der.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PUBLIC KEY-----\n`),
  );
}

async function readKeys(folder: string): Promise<AlpineKey[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.rsa.pub')).toSorted();
    return await Promise.all(
      names.map(async (name) => {
        const bytes = await readFile(join(folder, name));
        if (bytes.length > KEY_BYTES_MAX) throw new Error(`${name} is too long for a key`);
        return keyOf(name, bytes.toString('latin1'));
      }),
    );
  } catch (error) {
    throw new ShaleError('KEYRING_UNREADABLE', `could not read the keys in ${folder}: ${messageOf(error)}`, {
      cause: error,
      data: { folder },
    });
  }
}

function keyOf(name: string, pem: string): AlpineKey {
  const key = createPublicKey(pem);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MODULUS_BITS_MIN)
    throw new Error(`${name} is not an RSA key of ${MODULUS_BITS_MIN} bits or more`);
  const der = key.export({ type: 'spki', format: 'der' });
  return { name, pem, key, fingerprint: createHash('sha256').update(der).digest('hex') };
}

/** What the name of a signature says: which hash, and which key. apk's `.SIGN.RSA.NAME` is SHA-1. */
const SIGNATURE = /^\.SIGN\.(RSA|RSA256|RSA512)\.([^/]+)$/;
const HASHES: Readonly<Record<string, string>> = { RSA: 'sha1', RSA256: 'sha256', RSA512: 'sha512' };

/** One signature of a file: its name in the tar before it, and its bytes. */
export interface Signature {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The key by which `bytes` are signed. Signatures by keys that are not known do not count; one by a known key that is
 * wrong spoils all others.
 * @throws SIGNATURE_INVALID
 */
export function verifySignatures(
  bytes: Uint8Array,
  signatures: readonly Signature[],
  keys: ReadonlyMap<string, AlpineKey>,
  what: string,
): AlpineKey {
  let good: AlpineKey | undefined;
  for (const signature of signatures) {
    const [, algorithm = '', keyName = ''] = SIGNATURE.exec(signature.name) ?? [];
    const [hash, key] = [HASHES[algorithm], keys.get(keyName)];
    if (hash === undefined || key === undefined) continue;
    if (!verify(hash, bytes, key.key, signature.bytes)) {
      throw new ShaleError('SIGNATURE_INVALID', `${what} is not what ${keyName} signed`, {
        data: { what, key: keyName },
        hint: 'it is damaged or was changed; try another mirror',
      });
    }
    good ??= key;
  }
  if (good !== undefined) return good;
  const by = signatures.map(({ name }) => name.replace(/^\.SIGN\.[A-Z0-9]+\./, ''));
  throw new ShaleError(
    'SIGNATURE_INVALID',
    by.length === 0 ? `${what} is not signed` : `${what} is signed by no key that is trusted, but by ${by.join(', ')}`,
    { data: { what, signedBy: by, trusted: [...keys.keys()] }, hint: 'name the folder of its keys with --keys' },
  );
}
