import { readFile } from 'node:fs/promises';
import { isSystemError, messageOf, ShaleError } from '../../base/index.ts';
import { joinKeyrings, type Keyring, parseKeyring } from '../openpgp/keyring.ts';
import { KEYRING_BYTES_MAX } from '../openpgp/packets.ts';
import { DEBIAN_ARCHIVE_KEYS } from './keyring.ts';

/** Where Debian's own keyring package puts the keys of its archive. */
const SYSTEM_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * As `loadDebianKeys`, but only keys that have, or whose primary key has, one of the fingerprints; all when there are none.
 * @throws KEYRING_UNREADABLE when no key is left
 */
export async function loadPinnedKeys(files: readonly string[], fingerprints: readonly string[]): Promise<Keyring> {
  const ring = await loadDebianKeys(files);
  if (fingerprints.length === 0) return ring;
  const wanted = new Set(fingerprints.map((each) => each.replaceAll(/[\s:]/g, '').toUpperCase()));
  const keys = ring.keys.filter((key) => wanted.has(key.fingerprint) || wanted.has(key.primaryFingerprint));
  if (keys.length > 0) return { keys };
  throw new ShaleError('KEYRING_UNREADABLE', 'no key of the keyring has a fingerprint that was asked for', {
    data: { fingerprints: ring.keys.map(({ fingerprint }) => fingerprint) },
  });
}

/**
 * The keys that a Debian archive is trusted by: those of `files` where any are given, else those that this program
 * carries together with those of the host's keyring package, where it is installed.
 * @throws KEYRING_UNREADABLE, OPENPGP_MALFORMED.
 */
export async function loadDebianKeys(files: readonly string[]): Promise<Keyring> {
  if (files.length > 0) return joinKeyrings(await Promise.all(files.map(readKeyring)));
  const carried = parseKeyring(Buffer.from(DEBIAN_ARCHIVE_KEYS), 'the built-in keyring');
  try {
    return joinKeyrings([carried, await readKeyring(SYSTEM_KEYRING)]);
  } catch (error) {
    if (error instanceof ShaleError && isSystemError(error.cause, 'ENOENT')) return carried;
    throw error;
  }
}

async function readKeyring(file: string): Promise<Keyring> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new ShaleError('KEYRING_UNREADABLE', `could not read the keyring ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (bytes.length > KEYRING_BYTES_MAX) {
    throw new ShaleError('KEYRING_UNREADABLE', `the keyring ${file} is longer than ${KEYRING_BYTES_MAX} bytes`);
  }
  return parseKeyring(bytes, file);
}
