import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { VendorPlace } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { ParsedFlags } from '../parse-flags.ts';

export const LOCK_FILE_FLAG: Flag = {
  kind: 'text',
  name: 'file',
  short: 'f',
  value: 'FILE',
  summary: 'the Dockerfile whose lock file it is',
};

/** The lock file beside the Dockerfile that `-f` names, else beside that of the folder. */
export function lockFileOf(context: Context, flags: ParsedFlags, folder = '.'): string {
  const file = flags.text('file');
  if (file !== undefined) return `${resolve(context.cwd, file)}.lock`;
  const at = resolve(context.cwd, folder);
  const other = join(at, 'Containerfile.lock');
  return existsSync(other) && !existsSync(join(at, 'Dockerfile.lock')) ? other : join(at, 'Dockerfile.lock');
}

/** `docker://NAME` is in a registry; everything else is a folder. */
export function parseVendorPlace(text: string, cwd: string): VendorPlace {
  const scheme = 'docker://';
  if (text.startsWith(scheme)) return { kind: 'registry', reference: text.slice(scheme.length) };
  return { kind: 'folder', path: resolve(cwd, text) };
}
