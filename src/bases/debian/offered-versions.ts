import { isShaleError } from '../../base/index.ts';
import type { BaseHost } from '../host.ts';
import { chooseMirror, findHostMirrors, parseAptSources } from './apt-sources.ts';
import { type ArchiveSuite, readPackages, readRelease } from './archive.ts';
import { loadDebianKeys } from './debian-keys.ts';
import { PackagesIndex } from './packages-index.ts';

export interface DebianOfferOptions {
  /** `bookworm`, `stable`. */
  readonly suite: string;
  readonly architecture: string;
  readonly mirror?: string;
  readonly configuredMirror?: string;
  readonly signal?: AbortSignal;
}

/**
 * What apt would install in a container of that suite: the newest version of each package in the signed indexes of the
 * suite, its updates, and its security archive where this machine's sources name one. Downloads nothing but lists.
 * @throws as readRelease and readPackages, MIRROR_UNKNOWN
 */
export async function debianVersions(
  options: DebianOfferOptions,
  host: BaseHost,
): Promise<(name: string) => string | undefined> {
  const { suite, architecture, signal } = options;
  const sources = parseAptSources(await host.aptSources());
  const mirror = chooseMirror({ option: options.mirror, configured: options.configuredMirror, sources });
  const trust = { keyring: await loadDebianKeys([]), checkValidUntil: true, signal };
  const index = new PackagesIndex(architecture);
  const add = async (where: ArchiveSuite): Promise<string> => {
    const release = await readRelease(host, where, trust);
    await readPackages(host, where, release, index, { architecture, signal });
    return release.codename;
  };
  const codename = await add({ mirror, suite });
  const { security } = findHostMirrors(sources);
  const others: readonly ArchiveSuite[] = [
    { mirror, suite: `${codename}-updates` },
    ...(security === undefined || options.mirror !== undefined
      ? []
      : [{ mirror: security.replace(/\/+$/, ''), suite: `${codename}-security` }]),
  ];
  for (const other of others) {
    try {
      await add(other);
    } catch (error) {
      // Unstable has neither, and a mirror need not have all.
      if (!isShaleError(error, 'SUITE_NOT_FOUND')) throw error;
    }
  }
  return (name) => index.find(name)?.version;
}
