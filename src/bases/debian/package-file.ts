import { readFile } from 'node:fs/promises';
import { readTar } from '../../archive/index.ts';
import { collect, ShaleError } from '../../base/index.ts';
import type { BaseHost } from '../host.ts';
import { chooseMirror, parseAptSources } from './apt-sources.ts';
import { fetchPackage, readPackages, readRelease } from './archive.ts';
import { openDeb } from './deb-contents.ts';
import { loadDebianKeys } from './debian-keys.ts';
import { PackagesIndex } from './packages-index.ts';

export interface PackageFileRequest {
  /** `bookworm`, `oldstable`. */
  readonly suite: string;
  /** As Debian names it. */
  readonly architecture: string;
  readonly name: string;
  /** The path of the file in the package, without a slash before it. */
  readonly isWanted: (path: string) => boolean;
  readonly configuredMirror?: string;
  /** Files that are trusted instead of Debian's keys. */
  readonly keyrings?: readonly string[];
  readonly signal?: AbortSignal;
}

const FILE_BYTES_MAX: number = 64 * 1024 * 1024;

/**
 * One file of a package of Debian, by the signed lists of its suite; what it depends on is not looked at.
 * @throws as readRelease and readPackages, MIRROR_UNKNOWN, PACKAGE_NOT_FOUND, HASH_MISMATCH, DEB_MALFORMED
 */
export async function readPackageFile(request: PackageFileRequest, host: BaseHost): Promise<Buffer> {
  const { suite, architecture, name, configuredMirror, keyrings = [], signal } = request;
  const sources = parseAptSources(configuredMirror === undefined ? await host.aptSources() : []);
  const mirror = chooseMirror({ option: undefined, configured: configuredMirror, sources });
  const where = { mirror, suite };
  const trust = { keyring: await loadDebianKeys(keyrings), checkValidUntil: true, signal };
  const index = new PackagesIndex(architecture);
  await readPackages(host, where, await readRelease(host, where, trust), index, { architecture, signal });
  const found = index.find(name);
  if (found === undefined) throw new ShaleError('PACKAGE_NOT_FOUND', `${suite} has no package ${name}`);
  const { data } = await openDeb(await readFile(await fetchPackage(host, found, signal)));
  for await (const { entry, content } of readTar(data)) {
    if (entry.kind === 'file' && request.isWanted(entry.path))
      return await collect(content, FILE_BYTES_MAX, entry.path);
  }
  throw new ShaleError('DEB_MALFORMED', `the package ${name} of ${suite} lacks the file that is looked for`);
}
