import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSystemError, ShaleError } from '../../base/index.ts';
import { readHadolintConfig } from './hadolint-config.ts';
import { readOwnConfig } from './own-config.ts';
import { NO_CONFIG, type LintConfig } from './settings.ts';

/** In the order in which they are looked for; ours wins over hadolint's in one folder. */
const NAMES = ['.shale-lint.toml', '.hadolint.yaml', '.hadolint.yml'] as const;
const CONFIG_BYTES_MAX = 1024 * 1024;

/**
 * The config of the folder or of the nearest one above it; the search ends at the root of a git repository.
 * @throws LINT_CONFIG_INVALID
 */
export async function findConfig(folder: string): Promise<LintConfig> {
  for (let at = folder; ; at = dirname(at)) {
    for (const name of NAMES) {
      const path = join(at, name);
      const text = readIfThere(path);
      if (text !== undefined) return await parseConfigFile(path, text);
    }
    if (dirname(at) === at || isThere(join(at, '.git'))) return NO_CONFIG;
  }
}

/** @throws LINT_CONFIG_INVALID also when it is not there */
export async function loadConfigFile(path: string): Promise<LintConfig> {
  const text = readIfThere(path);
  if (text === undefined) throw new ShaleError('LINT_CONFIG_INVALID', `there is no config file ${path}`);
  return await parseConfigFile(path, text);
}

async function parseConfigFile(path: string, text: string): Promise<LintConfig> {
  const read = /\.ya?ml$/.test(path) ? readHadolintConfig : readOwnConfig;
  return { path, ...(await read(text, path)) };
}

function readIfThere(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > CONFIG_BYTES_MAX) {
      throw new ShaleError('LINT_CONFIG_INVALID', `${path} is longer than ${CONFIG_BYTES_MAX} bytes`);
    }
    return bytes.toString('utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return isSystemError(error, 'EISDIR');
  }
}
