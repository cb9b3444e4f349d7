import { createHash } from 'node:crypto';
import { type ByteStream, collect, isShaleError, ShaleError } from '../../base/index.ts';
import { redact } from '../fetch.ts';
import type { BaseHost } from '../host.ts';
import { verifyApk } from './apk-reader.ts';
import type { AlpineKey } from './keys.ts';
import { type ApkPackage, INDEX_BYTES_MAX, readSignedIndex, type SignedIndex } from './package-index.ts';

/** Where packages come from, as a line of /etc/apk/repositories has it. */
export interface Repository {
  /** http, https or file; without a slash at its end. The index lies at `URL/ARCH/APKINDEX.tar.gz`. */
  readonly url: string;
  /** Its packages are taken only for what is asked for with this tag. */
  readonly tag: string | undefined;
}

/** Reads a repository's index. @throws SIGNATURE_INVALID, SUITE_NOT_FOUND, FETCH_FAILED, and as readSignedIndex */
export async function readRepository(
  host: BaseHost,
  repository: Repository,
  options: {
    readonly architecture: string;
    readonly keys: ReadonlyMap<string, AlpineKey>;
    readonly place: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<SignedIndex> {
  const url = `${repository.url}/${options.architecture}/APKINDEX.tar.gz`;
  const what = redact(url);
  let stream: ByteStream;
  try {
    stream = await host.fetcher.fetch(url, options.signal);
  } catch (error) {
    if (!isShaleError(error, 'FETCH_NOT_FOUND')) throw error;
    throw new ShaleError(
      'SUITE_NOT_FOUND',
      `${redact(repository.url)} has no packages for ${options.architecture}: there is no ${what}`,
      { cause: error, data: { url: what } },
    );
  }
  const bytes = await collect(stream, INDEX_BYTES_MAX, what);
  return readSignedIndex(bytes, { keys: options.keys, what, repository: options.place });
}

/**
 * The file of a package in the cache, downloaded if need be. An index has no digest of the whole file, so it is
 * kept under a name made of what the index says.
 * @throws FETCH_FAILED, FETCH_NOT_FOUND, and as verifyApk
 */
export async function fetchApk(
  host: BaseHost,
  each: ApkPackage,
  repositories: readonly Repository[],
  options: { readonly architecture: string; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const name = cacheName(each);
  const cached = await host.cache.find(name);
  if (cached !== undefined) return cached;
  const repository = repositories[each.repositories[0] ?? 0];
  const file = encodeURIComponent(`${each.name}-${each.version}.apk`).replaceAll('%2B', '+');
  const url = `${repository?.url ?? ''}/${options.architecture}/${file}`;
  const stream = await host.fetcher.fetch(url, options.signal);
  return await host.cache.put(name, verifyApk(stream, each, redact(url)));
}

/** Under what the cache has a package: 64 hex digits, made of everything that the index says of the file. */
function cacheName(each: ApkPackage): string {
  return createHash('sha256').update(`apk 2 ${each.name} ${each.checksum} ${each.sizeBytes}`).digest('hex');
}
