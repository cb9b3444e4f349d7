import { framedHash, ShaleError } from '../../base/index.ts';
import { redact } from '../fetch.ts';
import type { BaseHost } from '../host.ts';
import { checkListAge } from '../list-age.ts';
import { type AptSource, chooseMirror, findHostMirrors, parseAptSources } from './apt-sources.ts';
import { type ArchiveSuite, readPackages, readRelease } from './archive.ts';
import { loadPinnedKeys } from './debian-keys.ts';
import type { DebianBaseOptions } from './options.ts';
import { PackagesIndex } from './packages-index.ts';
import type { Release } from './release.ts';
import { resolveMinimal, resolveOnly, type Selection } from './resolve.ts';

/** Changes whenever the same packages would give another layer. */
const LAYER_FORMAT = 'debian-base/2';

/** What an image will be made of. */
export interface Plan {
  readonly mirror: string;
  readonly suite: string;
  /** Suites with newer packages. */
  readonly newer: readonly ArchiveSuite[];
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
  const isNamed = options.mirror !== undefined || options.configuredMirror !== undefined;
  const needsSources = !isNamed || (options.updates === true && options.securityMirror === undefined);
  const sources = parseAptSources(needsSources ? await host.aptSources() : []);
  const mirror = chooseMirror({
    option: options.mirror,
    configured: options.configuredMirror,
    sources,
  });
  const trust = {
    keyring: await loadPinnedKeys(options.keyrings ?? [], options.keyFingerprints ?? []),
    checkValidUntil: options.isSnapshot !== true && (options.checkAge ?? true),
    signal,
  };
  const index = new PackagesIndex(architecture);
  const read = async (where: ArchiveSuite): Promise<Release> => {
    const found = await readRelease(host, where, trust);
    await refuseOlder(found, where, options, host);
    await readPackages(host, where, found, index, { architecture, signal });
    return found;
  };
  const main: ArchiveSuite = { mirror, suite };
  const release = await read(main);
  options.onProgress?.({
    kind: 'release',
    text: `Debian ${release.version ?? ''} (${release.codename}), as of ${release.date.toISOString()}, from ${redact(mirror)}`,
  });
  const newer = updateSuites(main, release, options, sources);
  const releases = [release];
  for (const each of newer) releases.push(await read(each));
  // The package that merges /usr of a running system is not for one that is made merged.
  const exclude = [...(options.exclude ?? []), ...(index.find('usr-is-merged') === undefined ? [] : ['usrmerge'])];
  const selection =
    options.packages === undefined
      ? resolveMinimal(index, { architecture, include: options.include ?? [], exclude })
      : resolveOnly(index, { architecture, include: options.packages, exclude });
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
    newer: newer.map((each) => [each.mirror, each.suite]),
    // Both ways of running them are to give the same, and only for other architectures do not.
    scripts:
      options.packages !== undefined
        ? 'only'
        : isForeign(options)
          ? 'foreign'
          : options.scripts === 'none'
            ? 'none'
            : 'run',
    snapshot: options.isSnapshot === true,
    packages: selection.packages.map((each) => [each.name, each.sha256]),
    essential: [...selection.essential].toSorted(),
  });
  return { mirror, suite, newer, release, selection, epochSeconds, key };
}

/** True when the scripts run beside an image whose programs this machine does not run. */
export function isForeign({ scripts, architecture, hostArchitecture }: DebianBaseOptions): boolean {
  return scripts === 'emulate' && architecture !== hostArchitecture;
}

async function refuseOlder(
  release: Release,
  where: ArchiveSuite,
  options: DebianBaseOptions,
  host: BaseHost,
): Promise<void> {
  if (options.isSnapshot === true) return;
  const madeAt = Math.floor(release.date.getTime() / 1000);
  const list = { name: `debian ${release.codename}`, madeAt, what: `${redact(where.mirror)}/dists/${where.suite}` };
  await checkListAge(host, list, { check: options.checkAge ?? true });
}

/** The suites with newer packages than those of the release itself. @throws MIRROR_UNKNOWN */
function updateSuites(
  main: ArchiveSuite,
  release: Release,
  options: DebianBaseOptions,
  sources: readonly AptSource[],
): ArchiveSuite[] {
  const security = options.securityMirror ?? (options.updates === true ? findHostMirrors(sources).security : undefined);
  const suites: ArchiveSuite[] = [];
  if (options.updates === true) suites.push({ mirror: main.mirror, suite: `${release.codename}-updates` });
  if (security !== undefined)
    suites.push({ mirror: security.replace(/\/+$/, ''), suite: `${release.codename}-security` });
  else if (options.updates === true) {
    throw new ShaleError(
      'MIRROR_UNKNOWN',
      "no mirror of Debian's security archive is named, and this host's apt sources have none",
      {
        hint: 'name one with --security-mirror URL',
      },
    );
  }
  return suites;
}
