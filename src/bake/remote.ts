import { posix } from 'node:path';

/** What a repository's address says before query and fragment, in them, and after. */
const PARTS = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
/** An address of http that is no git repository: a single file, or an archive. */
const WEB_FILE = /^https?:\/\/[^?#]*?(?<!\.git)(?:[?#]|$)/is;

/** True for a definition that is a file or archive of the web, and no repository. */
export function isWebFile(address: string): boolean {
  return WEB_FILE.test(address);
}

/**
 * The address of a folder of a git repository: `https://host/x.git#main` and `app` give `https://host/x.git#main:app`. A path
 * starts at what the address leads to, and never leaves it.
 */
export function folderAt(address: string, path: string): string {
  const folder = posix.join('/', path).slice(1).replace(/\/$/, '');
  if (folder === '') return address;
  const [, base = '', query, fragment = ''] = PARTS.exec(address) ?? [];
  const [ref = '', ...subdir] = fragment.split(':');
  const asked = new URLSearchParams(query);
  const within = asked.get('subdir');
  if (within !== null) {
    asked.set('subdir', posix.join(within, folder));
    return `${base}?${asked.toString()}${ref === '' ? '' : `#${ref}`}`;
  }
  return `${base}${query === undefined ? '' : `?${query}`}#${ref}:${posix.join(...subdir, folder)}`;
}
