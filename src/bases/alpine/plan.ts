import { pathToFileURL } from 'node:url';
import { isAbsolute } from 'node:path';
import { framedHash, ShaleError } from '../../base/index.ts';
import { redact } from '../fetch.ts';
import type { BaseHost } from '../host.ts';
import { checkListAge } from '../list-age.ts';
import { type Dependency, formatDependency, parseDependency } from './dependency.ts';
import { type AlpineKey, loadAlpineKeys } from './keys.ts';
import type { AlpineBaseOptions } from './options.ts';
import { type ApkPackage, joinPackages } from './package-index.ts';
import { readRepository, type Repository } from './repository.ts';
import { resolveWorld } from './resolve.ts';

/** Changes whenever the same packages would give another layer. */
const LAYER_FORMAT = 'alpine-base/1';

/** What Alpine's own image is made of; alpine-release came with 3.17 and is left out where there is none. */
const MINIMAL = ['alpine-baselayout', 'alpine-keys', 'apk-tools', 'busybox', 'libc-utils'];
const RELEASE_PACKAGE = 'alpine-release';
const COMPONENTS = ['main', 'community'];

/** What an image will be made of. */
export interface AlpinePlan {
  readonly repositories: readonly Repository[];
  readonly world: readonly Dependency[];
  /** In the order in which they are installed. */
  readonly packages: readonly ApkPackage[];
  /** Keys that the user named: the image's apk is to trust them too. */
  readonly ownKeys: readonly AlpineKey[];
  /** The keys by which the indexes were signed, one for each repository. */
  readonly signedBy: readonly AlpineKey[];
  readonly epochSeconds: number;
  /** Names everything that the layer is a function of. */
  readonly key: string;
}

/** Verifies the indexes and chooses the packages; downloads nothing but indexes. */
export async function planAlpine(options: AlpineBaseOptions, host: BaseHost): Promise<AlpinePlan> {
  const { architecture, signal } = options;
  const repositories = repositoriesOf(options);
  const keys = await loadAlpineKeys({
    architecture,
    ...(options.keyFolder !== undefined && { folder: options.keyFolder }),
    ...(options.keyFingerprints !== undefined && { fingerprints: options.keyFingerprints }),
  });
  const lists: (readonly ApkPackage[])[] = [];
  const signedBy: AlpineKey[] = [];
  for (const [place, repository] of repositories.entries()) {
    const { packages, key } = await readRepository(host, repository, { architecture, keys, place, signal });
    const madeAt = Math.max(0, ...packages.map(({ builtAt = 0 }) => builtAt));
    const what = redact(repository.url);
    // A folder of one's own may well become older.
    if (!repository.url.startsWith('file:'))
      await checkListAge(
        host,
        { name: `alpine ${listName(repository, options)} ${architecture}`, madeAt, what },
        { check: options.checkAge ?? true },
      );
    const date = new Date(madeAt * 1000).toISOString();
    options.onProgress?.({ kind: 'release', text: `${what}, as of ${date}, signed by ${key.name}` });
    lists.push(packages);
    signedBy.push(key);
  }
  const offered = joinPackages(lists);
  const world = worldOf(options, offered);
  const packages = resolveWorld({ packages: offered, world, tags: repositories.map(({ tag }) => tag) });
  options.onProgress?.({
    kind: 'resolved',
    packages: packages.length,
    downloadBytes: packages.reduce((sum, each) => sum + each.sizeBytes, 0),
  });
  const epochSeconds = options.epochSeconds ?? Math.max(0, ...packages.map(({ builtAt = 0 }) => builtAt));
  const ownKeys = options.keyFolder === undefined ? [] : [...keys.values()];
  const key = framedHash(LAYER_FORMAT, {
    architecture,
    epochSeconds,
    scripts: options.scripts,
    repositories: repositories.map(({ url, tag }) => [url, tag]),
    world: world.map((each) => formatDependency(each, { tag: true })),
    packages: packages.map((each) => [each.name, each.version, each.checksum]),
    keys: ownKeys.map(({ name, fingerprint }) => [name, fingerprint]),
  });
  return { repositories, world, packages, ownKeys, signedBy, epochSeconds, key };
}

function repositoriesOf({ repositories = [], mirror, branch }: AlpineBaseOptions): Repository[] {
  if (repositories.length > 0) return repositories.map(parseRepository);
  return COMPONENTS.map((component) => ({
    url: `${mirror.replace(/\/+$/, '')}/${branch}/${component}`,
    tag: undefined,
  }));
}

/** A line of /etc/apk/repositories. @throws MIRROR_INVALID */
function parseRepository(line: string): Repository {
  const [, tag, place = ''] = /^(?:@(\S+)\s+)?(\S.*)$/.exec(line.trim()) ?? [];
  const url = isAbsolute(place) ? pathToFileURL(place).href : place;
  if (!/^(?:https?|file):\/\//.test(url)) {
    throw new ShaleError('MIRROR_INVALID', `${JSON.stringify(redact(line))} is no repository`, {
      hint: 'an http, https or file address, or the whole path of a folder; packages of "@TAG ADDRESS" are asked for as NAME@TAG',
    });
  }
  return { url: url.replace(/\/+$/, ''), tag };
}

/** Mirrors of one branch are the same list; of other repositories only the address is known. */
function listName(repository: Repository, { repositories = [], branch }: AlpineBaseOptions): string {
  if (repositories.length > 0) return redact(repository.url);
  return `${branch}/${repository.url.slice(repository.url.lastIndexOf('/') + 1)}`;
}

function worldOf({ packages = [], include = [] }: AlpineBaseOptions, offered: readonly ApkPackage[]): Dependency[] {
  const isOffered = (name: string): boolean => offered.some((each) => each.name === name);
  const minimal = [...MINIMAL, ...(isOffered(RELEASE_PACKAGE) ? [RELEASE_PACKAGE] : [])];
  const words = [...(packages.length > 0 ? packages : minimal), ...include];
  const world = new Map(words.map((word) => [word, parseDependency(word)]));
  return [...world.values()];
}
