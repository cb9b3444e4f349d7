import { existsSync } from 'node:fs';
import { isShaleError } from '../base/index.ts';
import type { Environment } from './options/assignments.ts';

const ROOT_STORE = '/var/lib/shale';

interface Who {
  readonly uid: number;
  readonly env: Environment;
}

/**
 * A line for something that is not found while root, or the person behind sudo, has a store too: that one may have it. What
 * is in it is not looked at: a person may not, and root would leave files of its own in it. Undefined where there is none.
 */
export function otherStoreNote(
  error: unknown,
  { uid, env }: Who,
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  if (!isShaleError(error, 'IMAGE_NOT_FOUND', 'CONTAINER_NOT_FOUND', 'VOLUME_NOT_FOUND')) return undefined;
  if ((env['SHALE_HOME'] ?? '') !== '') return undefined;
  if (uid !== 0) return exists(ROOT_STORE) ? note(`root's store (${ROOT_STORE})`, 'sudo') : undefined;
  const person = env['SUDO_USER'] ?? '';
  if (!/^[\w.-]+$/.test(person) || person === 'root') return undefined;
  const home = env['SUDO_HOME'] ?? `/home/${person}`;
  return exists(`${home}/.local/share/shale`) ? note(`the store of ${person}`, 'no sudo') : undefined;
}

function note(store: string, how: string): string {
  return `note: ${store} is another one, and may have it: use ${how}\n`;
}
