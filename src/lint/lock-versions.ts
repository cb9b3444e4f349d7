import type { Pin } from '../dockerfile/index.ts';
import { parseLockFile } from '../lock/index.ts';
import { formatReference, parseReference } from '../oci/index.ts';

/**
 * The versions that a build took, from the lock file beside its Dockerfile. Those of apt are not among them: the names of
 * its files, by which a lock knows packages, lack the epoch of the version.
 * @throws as parseLockFile
 */
export function versionsOfLock(bytes: Uint8Array, name: string): (pin: Pin) => string | undefined {
  const lock = parseLockFile(bytes, name);
  const fetched = lock.steps.flatMap((step) => step.fetched);
  const packages = new Map(fetched.map(({ package: id, version }) => [id, version]));
  return (pin) => {
    if (pin.kind === 'apt') return undefined;
    if (pin.kind !== 'image') return packages.get(`${pin.kind}:${pin.name}`);
    const reference = formatReference(parseReference(pin.name));
    return lock.bases.find((base) => base.reference === reference)?.digest;
  };
}
