import type { ByteString } from '../../base/index.ts';
import type { WasteCause } from '../types.ts';

/** Folders that are there for a known reason, as a whole; from the root. */
const FOLDERS: ReadonlyMap<ByteString, WasteCause> = new Map<ByteString, WasteCause>([
  ['var/lib/apt/lists', 'package-cache'],
  ['var/cache/apt', 'package-cache'],
  ['var/cache/apk', 'package-cache'],
  ['etc/apk/cache', 'package-cache'],
  ['var/cache/dnf', 'package-cache'],
  ['var/cache/libdnf5', 'package-cache'],
  ['var/cache/yum', 'package-cache'],
  ['var/cache/zypp', 'package-cache'],
  ['var/cache/pacman/pkg', 'package-cache'],
  ['usr/local/share/.cache/yarn', 'package-cache'],
  ['root/.npm/_cacache', 'package-cache'],
  ['root/.cargo/registry', 'package-cache'],
  ['usr/local/cargo/registry', 'package-cache'],
  ['go/pkg/mod/cache', 'package-cache'],
  ['root/go/pkg/mod/cache', 'package-cache'],
  ['root/.m2/repository', 'package-cache'],
  ['root/.gradle/caches', 'package-cache'],
  ['tmp', 'temporary'],
  ['var/tmp', 'temporary'],
  ['var/log', 'temporary'],
  ['usr/share/doc', 'documentation'],
  ['usr/share/man', 'documentation'],
  ['usr/share/info', 'documentation'],
  ['usr/share/gtk-doc', 'documentation'],
  ['usr/share/help', 'documentation'],
  ['usr/local/share/doc', 'documentation'],
  ['usr/local/share/man', 'documentation'],
  ['usr/share/locale', 'locales'],
  ['usr/share/i18n', 'locales'],
  ['usr/lib/locale', 'locales'],
  ['usr/include', 'development'],
  ['usr/local/include', 'development'],
  ['usr/lib/debug', 'development'],
]);

/** Folders known by their own name, and the one that they lie in where that matters. */
const BY_NAME: ReadonlyMap<ByteString, { readonly cause: WasteCause; readonly within?: ByteString }> = new Map<
  ByteString,
  { readonly cause: WasteCause; readonly within?: ByteString }
>([
  ['.git', { cause: 'version-control' }],
  ['.hg', { cause: 'version-control' }],
  ['.svn', { cause: 'version-control' }],
  ['pip', { cause: 'package-cache', within: '.cache' }],
  ['uv', { cause: 'package-cache', within: '.cache' }],
  ['yarn', { cause: 'package-cache', within: '.cache' }],
  ['go-build', { cause: 'package-cache', within: '.cache' }],
  ['pypoetry', { cause: 'package-cache', within: '.cache' }],
  ['_cacache', { cause: 'package-cache', within: '.npm' }],
]);

/** Why a folder is there as a whole; undefined for most. */
export function folderCause(path: ByteString, name: ByteString): WasteCause | undefined {
  const known = FOLDERS.get(path);
  if (known !== undefined) return known;
  const named = BY_NAME.get(name);
  if (named === undefined) return undefined;
  if (named.within === undefined) return named.cause;
  const above = path.slice(0, Math.max(0, path.length - name.length - 1));
  return above === named.within || above.endsWith(`/${named.within}`) ? named.cause : undefined;
}

/** The same of a single file. */
export function fileCause(name: ByteString): WasteCause | undefined {
  if (name.endsWith('.a') || name.endsWith('.debug')) return 'development';
  if (name.endsWith('.deb') || name.endsWith('.apk') || name.endsWith('.rpm')) return 'package-cache';
  return undefined;
}
