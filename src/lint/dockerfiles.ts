import { globSync, readdirSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, ShaleError } from '../base/index.ts';

/** Names of Dockerfiles: `Dockerfile`, `web.Dockerfile`, `Dockerfile.web`, `Containerfile` likewise. */
const NAME =
  /^(?:(?:Docker|Container)file(?:\.(?!dockerignore$|lock$|md$|orig$|bak$)[\w.-]+)?|[\w.-]+\.(?:Docker|Container)file)$/i;
/** Folders in which nobody's own Dockerfiles are. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.git', 'node_modules', 'vendor', '.venv']);
const FILES_MAX = 100_000;

/**
 * The Dockerfiles that an argument means, relative to `cwd` where it is: a file is itself, a folder the Dockerfiles below
 * it, anything with `*`, `?` or `[` the files that match.
 * @throws DOCKERFILE_NOT_FOUND
 */
export function dockerfilesIn(argument: string, cwd: string): string[] {
  const path = argument.startsWith('/') ? argument : join(cwd, argument);
  const kind = kindOf(path);
  if (kind === 'file') return [argument];
  if (kind === 'folder') return filesBelow(path).map((name) => join(argument, name));
  const matches = /[*?[]/.test(argument)
    ? globSync(argument, { cwd }).filter((match) => kindOf(match.startsWith('/') ? match : join(cwd, match)) === 'file')
    : [];
  if (matches.length > 0) return matches.toSorted();
  throw new ShaleError('DOCKERFILE_NOT_FOUND', `there is no Dockerfile ${argument}`, { data: { path } });
}

function kindOf(path: string): 'file' | 'folder' | 'none' {
  try {
    const stat = statSync(path);
    return stat.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return 'none';
    throw error;
  }
}

function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const visit = (below: string): void => {
    for (const entry of entriesOf(join(folder, below))) {
      const path = join(below, entry.name);
      if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) visit(path);
      else if (entry.isFile() && NAME.test(entry.name) && found.length < FILES_MAX) found.push(path);
    }
  };
  visit('');
  return found;
}

function entriesOf(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
