import { dirname, join, relative } from 'node:path';
import { ShaleError } from '../../base/index.ts';
import { DOCKERFILE_MAX_BYTES } from '../../dockerfile/index.ts';
import type { ContextPlace } from './contexts.ts';
import { readLocalFile } from './local-file.ts';

/**
 * Reads the files that a Dockerfile includes, by their paths from its folder. They lie in the context, or in the folder of
 * a Dockerfile that stands elsewhere; links that lead out are not followed.
 * @throws INCLUDE_UNSUPPORTED for a Dockerfile that lies in no folder, CONTEXT_FILE_INVALID, LIMIT_EXCEEDED
 */
export function includeReader(
  main: ContextPlace,
  dockerfilePath: string | undefined,
): (path: string) => Uint8Array | undefined {
  return (path) => {
    if (dockerfilePath === undefined) {
      throw new ShaleError('INCLUDE_UNSUPPORTED', `cannot include ${path}: this Dockerfile lies in no folder here`, {
        hint: 'build a folder, and name the Dockerfile in it',
      });
    }
    const folder = dirname(dockerfilePath);
    const root = main.kind === 'directory' && isWithin(folder, main.path) ? main.path : folder;
    const full = join(folder, path);
    if (!isWithin(full, root)) {
      throw new ShaleError('INCLUDE_OUTSIDE', `cannot include ${path}: it lies outside of ${root}`, {
        data: { path: full },
      });
    }
    return readLocalFile({ path: full, what: 'the included file', maxBytes: DOCKERFILE_MAX_BYTES, within: root });
  };
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../');
}
