import type { BaseHost } from '../host.ts';
import { loadAlpineKeys } from './keys.ts';
import { readRepository } from './repository.ts';
import { compareApkVersions } from './version.ts';

export interface AlpineOfferOptions {
  /** `v3.20`, `edge`. */
  readonly branch: string;
  /** Where the branches lie. */
  readonly mirror: string;
  /** As Alpine names it. */
  readonly architecture: string;
  readonly signal?: AbortSignal;
}

/**
 * What apk would install in a container of that branch: the newest version of each package in the signed indexes of its
 * main and community repositories. Downloads nothing but indexes.
 * @throws as readRepository
 */
export async function alpineVersions(
  { branch, mirror, architecture, signal }: AlpineOfferOptions,
  host: BaseHost,
): Promise<(name: string) => string | undefined> {
  const keys = await loadAlpineKeys({ architecture });
  const versions = new Map<string, string>();
  for (const [place, component] of ['main', 'community'].entries()) {
    const repository = { url: `${mirror.replace(/\/+$/, '')}/${branch}/${component}`, tag: undefined };
    const { packages } = await readRepository(host, repository, { architecture, keys, place, signal });
    for (const { name, version } of packages) {
      const known = versions.get(name);
      if (known === undefined || compareApkVersions(known, version) < 0) versions.set(name, version);
    }
  }
  return (name) => versions.get(name);
}
