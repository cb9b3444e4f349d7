import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, messageOf, ShaleError } from '../base/index.ts';
import type { TlsMaterial } from '../http/index.ts';

/**
 * The certificates for a host in folders laid out as docker's `certs.d`: `HOST[:PORT]/*.crt` are authorities that vouch for
 * it, `*.cert` with `*.key` of the same name is who we are to it. The first folder that has any is taken.
 * @throws CERTIFICATES_INVALID when a file cannot be read, or a certificate has no key
 */
export function certificatesIn(folders: readonly string[]): (host: string) => Omit<TlsMaterial, 'verify'> | undefined {
  const known = new Map<string, Omit<TlsMaterial, 'verify'> | undefined>();
  return (host) => {
    if (!known.has(host)) known.set(host, findCertificates(folders, host));
    return known.get(host);
  };
}

function findCertificates(folders: readonly string[], host: string): Omit<TlsMaterial, 'verify'> | undefined {
  if (!/^[A-Za-z0-9._[\]:-]+$/.test(host)) return undefined;
  for (const folder of folders) {
    const place = join(folder, host);
    const names = namesIn(place);
    if (names.length === 0) continue;
    const ca = names.filter((name) => name.endsWith('.crt')).map((name) => readPem(join(place, name)));
    const own = names.find((name) => name.endsWith('.cert'));
    if (own === undefined) return { ca };
    const key = `${own.slice(0, -'.cert'.length)}.key`;
    if (!names.includes(key))
      throw new ShaleError('CERTIFICATES_INVALID', `${join(place, own)} has no key beside it: ${key} is missing`);
    return { ca, cert: readPem(join(place, own)), key: readPem(join(place, key)) };
  }
  return undefined;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ShaleError('CERTIFICATES_INVALID', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
