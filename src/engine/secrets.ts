import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isShaleError, messageOf, ShaleError } from '../base/index.ts';
import type { SecretSource } from './types.ts';

/** As BuildKit: a secret is a key or a token, not a data set. */
const SECRET_BYTES_MAX = 500 * 1024;

/**
 * Gives the bytes of a build's secrets by their ids, each read once, when it is first asked for. The last of an id counts.
 * @throws SECRET_UNREADABLE
 */
export function secretsOf(
  sources: readonly SecretSource[],
  env: Readonly<Record<string, string | undefined>>,
): (id: string) => Promise<Uint8Array | undefined> {
  const byId = new Map(sources.map((source) => [source.id, source]));
  const known = new Map<string, Promise<Uint8Array>>();
  return async (id) => {
    const source = byId.get(id);
    if (source === undefined) return undefined;
    const bytes = known.get(id) ?? readSecret(source, env);
    known.set(id, bytes);
    return bytes;
  };
}

async function readSecret(
  source: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Uint8Array> {
  if (source.kind === 'file') return readSecretFile(source);
  const bytes = Buffer.from(Object.hasOwn(env, source.name) ? (env[source.name] ?? '') : '');
  if (bytes.length > SECRET_BYTES_MAX) throw tooLong(source.id);
  return bytes;
}

async function readSecretFile({ id, path }: { readonly id: string; readonly path: string }): Promise<Uint8Array> {
  try {
    // Without O_NONBLOCK a pipe that nobody writes to would hold the build up.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw unreadable(id, path, 'it is not a regular file');
    if (stat.size > SECRET_BYTES_MAX) throw tooLong(id);
    const bytes = Buffer.alloc(SECRET_BYTES_MAX + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    if (bytesRead > SECRET_BYTES_MAX) throw tooLong(id);
    return bytes.subarray(0, bytesRead);
  } catch (cause) {
    if (isShaleError(cause)) throw cause;
    throw unreadable(id, path, messageOf(cause), cause);
  }
}

function tooLong(id: string): ShaleError {
  return new ShaleError('SECRET_UNREADABLE', `the secret ${id} is longer than ${SECRET_BYTES_MAX} bytes`, {
    data: { id },
  });
}

function unreadable(id: string, path: string, why: string, cause?: unknown): ShaleError {
  return new ShaleError('SECRET_UNREADABLE', `cannot read the secret ${id} from ${path}: ${why}`, {
    data: { id, path },
    ...(cause !== undefined && { cause }),
  });
}
