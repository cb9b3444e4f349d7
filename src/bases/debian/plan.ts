import { framedHash } from '../../base/index.ts';
import { redact } from '../fetch.ts';
import type { BaseHost } from '../host.ts';
import { chooseMirror, parseAptSources } from './apt-sources.ts';
import { type ArchiveSuite, readPackages, readRelease } from './archive.ts';
import { loadDebianKeys } from './debian-keys.ts';
import type { DebianBaseOptions } from './options.ts';
import { PackagesIndex } from './packages-index.ts';
import type { Release } from './release.ts';
import { resolveMinimal, type Selection } from './resolve.ts';

/** Changes whenever the same packages would give another layer. */
const LAYER_FORMAT = 'debian-base/1';

/** What an image will be made of. */
export interface Plan {
  readonly mirror: string;
  readonly suite: string;
  readonly security: ArchiveSuite | undefined;
  readonly release: Release;
  readonly selection: Selection;
  readonly epochSeconds: number;
  /** Names everything that the layer is a function of. */
  readonly key: string;
}

/** Verifies the suite and chooses the packages; downloads nothing but lists. */
export async function makePlan(options: DebianBaseOptions, host: BaseHost): Promise<Plan> {
  const { architecture, signal } = options;
  const suite = options.suite ?? 'stable';
  const sources = options.mirror === undefined && options.configuredMirror === undefined ? await host.aptSources() : [];
  const mirror = chooseMirror({
    option: options.mirror,
    configured: options.configuredMirror,
    sources: parseAptSources(sources),
  });
  const trust = {
    keyring: await loadDebianKeys(options.keyrings ?? []),
    checkValidUntil: options.checkValidUntil ?? true,
    signal,
  };
  const main: ArchiveSuite = { mirror, suite };
  const release = await readRelease(host, main, trust);
  options.onProgress?.({
    kind: 'release',
    text: `Debian ${release.version ?? ''} (${release.codename}), as of ${release.date.toISOString()}, from ${redact(mirror)}`,
  });
  const index = new PackagesIndex(architecture);
  await readPackages(host, main, release, index, { architecture, signal });
  const releases = [release];
  let security: ArchiveSuite | undefined;
  if (options.securityMirror !== undefined) {
    security = { mirror: options.securityMirror.replace(/\/+$/, ''), suite: `${release.codename}-security` };
    const newer = await readRelease(host, security, trust);
    await readPackages(host, security, newer, index, { architecture, signal });
    releases.push(newer);
  }
  // The package that merges /usr of a running system is not for one that is made merged.
  const exclude = index.find('usr-is-merged') === undefined ? [] : ['usrmerge'];
  const selection = resolveMinimal(index, { architecture, include: options.include ?? [], exclude });
  options.onProgress?.({
    kind: 'resolved',
    packages: selection.packages.length,
    downloadBytes: selection.packages.reduce((sum, each) => sum + each.sizeBytes, 0),
  });
  const epochSeconds =
    options.epochSeconds ?? Math.max(...releases.map((each) => Math.floor(each.date.getTime() / 1000)));
  const key = framedHash(LAYER_FORMAT, {
    mirror,
    suite,
    architecture,
    epochSeconds,
    slim: options.slim === true,
    security: security === undefined ? null : [security.mirror, security.suite],
    packages: selection.packages.map((each) => [each.name, each.sha256]),
    essential: [...selection.essential].toSorted(),
  });
  return { mirror, suite, security, release, selection, epochSeconds, key };
}
