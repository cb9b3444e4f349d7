import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { isShaleError, messageOf, ShaleError } from '../base/index.ts';
import type { SshAgent } from '../build/index.ts';
import type { SshSource } from './types.ts';

/** As OpenSSH: a private key is a few kilobytes. */
const KEY_BYTES_MAX = 100 * 1024;

/**
 * Opens what a build was given for SSH, so that a key that cannot be used is known before anything is built. The last of an
 * id counts.
 * @throws SSH_KEY_INVALID, SSH_KEY_ENCRYPTED
 */
export async function sshAgentsOf(sources: readonly SshSource[]): Promise<(id: string) => SshAgent | undefined> {
  const agents = new Map<string, SshAgent>();
  for (const source of sources) agents.set(source.id, await openSource(source));
  return (id) => agents.get(id);
}

async function openSource({ id, paths }: SshSource): Promise<SshAgent> {
  const { agentAt, agentOfKeys, parsePrivateKey } = await import('../build/index.ts');
  const [first] = paths;
  if (paths.length === 1 && first !== undefined && (await isSocket(first))) return agentAt(first);
  const keys = [];
  for (const path of paths) {
    if (await isSocket(path))
      throw unusable(path, `an agent stands alone, and --ssh ${id} names ${paths.length} paths`);
    keys.push(parsePrivateKey(await readKey(path), path));
  }
  return agentOfKeys(keys);
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket();
  } catch (cause) {
    throw unusable(path, messageOf(cause), cause);
  }
}

async function readKey(path: string): Promise<string> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw unusable(path, 'it is neither a key nor a socket');
    const bytes = Buffer.alloc(KEY_BYTES_MAX);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } catch (cause) {
    if (isShaleError(cause)) throw cause;
    throw unusable(path, messageOf(cause), cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): ShaleError {
  return new ShaleError('SSH_KEY_INVALID', `cannot use ${path} for SSH: ${why}`, {
    data: { path },
    ...(cause !== undefined && { cause }),
  });
}
