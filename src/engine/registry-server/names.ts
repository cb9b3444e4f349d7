import { isShaleError } from '../../base/index.ts';
import { familiarRepository, parseReference } from '../../oci/index.ts';

const HUB = 'docker.io';

/** The protocol has no colon in names, so that the port of a registry stands behind an underscore, which no host has. */
const HOST_AND_PORT = /^((?:[a-z0-9-]+\.)+[a-z0-9-]+|localhost)_(\d{1,5})\//;

/**
 * The repository of the store (`docker.io/library/web`) that one of the protocol means: what people would write, so that
 * `web` is what `shale run web` means, and `registry.example/web` an image of that registry. Undefined where it is no name of
 * an image, as 64 hex digits are not. `home`: the registry that names without a host mean.
 */
export function storeRepository(repository: string, home: string): string | undefined {
  try {
    const { registry, repository: path } = parseReference(repository.replace(HOST_AND_PORT, '$1:$2/'));
    const isBare = registry === HUB && !repository.startsWith(`${HUB}/`);
    return isBare && home !== HUB ? `${home}/${repository}` : `${registry}/${path}`;
  } catch (error) {
    if (isShaleError(error, 'REFERENCE_INVALID')) return undefined;
    throw error;
  }
}

/** The other way round: what a repository of the store is called in the protocol; undefined where it cannot be. */
export function servedRepository(stored: string, home: string): string | undefined {
  const slash = stored.indexOf('/');
  const [registry, repository] = [stored.slice(0, slash), stored.slice(slash + 1)];
  const familiar =
    home === HUB ? familiarRepository({ registry, repository, tag: undefined, digest: undefined }) : stored;
  const served = registry === home && home !== HUB ? repository : familiar.replace(/^([^/:]+):(\d+)\//, '$1_$2/');
  return storeRepository(served, home) === stored ? served : undefined;
}

/** Repository and tag of a name of the store. */
export function partsOf(name: string): { readonly repository: string; readonly tag: string } {
  const colon = name.lastIndexOf(':');
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
