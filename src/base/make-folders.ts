import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isSystemError } from './errors.ts';

/**
 * Makes a folder that somebody has named, and those above it that are missing; one that is there is left alone. Node's own
 * `recursive` never ends where a file system makes no folders (below /proc). Safe to run twice at once.
 * @throws the system's error: EACCES, ENOENT, ENOTDIR, EROFS, …
 */
export function makeFolders(path: string, options: { readonly mode?: number } = {}): void {
  const missing: string[] = [];
  for (let at = resolve(path); statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at))
    missing.push(at);
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder, options);
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
    }
  }
  // A file of that name is refused here, in the words of the system.
  if (missing.length === 0 && !statSync(path).isDirectory()) mkdirSync(path);
}
