import { readdir, readFile } from 'node:fs/promises';
import { isSystemError } from '../../base/index.ts';
import type { AptSourcesFile } from './apt-sources.ts';

const APT_FOLDER = '/etc/apt';

/** The files that tell this host's apt where packages come from; none where there is no apt. */
export async function readHostAptSources(folder: string = APT_FOLDER): Promise<AptSourcesFile[]> {
  const names = (await listOrNone(`${folder}/sources.list.d`))
    .filter((name) => /\.(list|sources)$/.test(name))
    .toSorted();
  const files: AptSourcesFile[] = [];
  for (const path of [`${folder}/sources.list`, ...names.map((name) => `${folder}/sources.list.d/${name}`)]) {
    try {
      files.push({ path, text: await readFile(path, 'latin1') });
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error;
    }
  }
  return files;
}

async function listOrNone(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return [];
    throw error;
  }
}
