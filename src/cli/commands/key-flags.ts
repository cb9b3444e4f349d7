import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf, ShaleError } from '../../base/index.ts';
import type { PrivateKey } from '../../engine/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

const FILE_MAX_BYTES = 64 * 1024;
/** cosign's own variable. */
const PASSWORD = 'COSIGN_PASSWORD';

export const PRIVATE_KEY_FLAG: Flag = {
  kind: 'text',
  name: 'key',
  value: 'FILE',
  summary: 'the private key: cosign.key, or one in PEM; its password comes from COSIGN_PASSWORD or is asked for',
};

export const PUBLIC_KEY_FLAG: Flag = {
  kind: 'text',
  name: 'key',
  value: 'FILE',
  summary: 'the public key: cosign.pub, or one in PEM',
};

/** @throws USAGE, KEY_UNREADABLE, CANCELED */
export async function privateKey(context: Context, flags: ParsedFlags): Promise<PrivateKey> {
  const pem = keyText(context, '--key', flags.text('key'));
  const isEncrypted = /-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem);
  return { pem, password: isEncrypted ? await passwordOf(context, 'Password of the key: ') : undefined };
}

/** The PEM of the file that a flag names, or of a variable as `env://NAME`. @throws USAGE, KEY_UNREADABLE */
export function keyText({ cwd, env }: Context, flag: string, place = ''): string {
  if (place === '') throw new UsageError(`${flag} FILE is missing`, 'shale sign generate-key-pair makes a pair');
  const [, scheme, name] = /^([a-z0-9]+):\/\/(.*)$/.exec(place) ?? [];
  if (scheme === 'env') {
    const text = env[name ?? ''];
    if (text === undefined)
      throw new ShaleError('KEY_UNREADABLE', `the variable ${name ?? ''} with the key is not set`);
    return text;
  }
  if (scheme !== undefined) throw new UsageError(`${flag} ${place}: keys lie in files`, `${flag} cosign.pub`);
  return readSmallFile(resolve(cwd, place), 'the key');
}

/** A small regular file. @throws KEY_UNREADABLE */
function readSmallFile(path: string, what: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > FILE_MAX_BYTES)
      throw new ShaleError('KEY_UNREADABLE', `${path} is no file of at most ${FILE_MAX_BYTES} bytes`);
    const bytes = Buffer.alloc(stat.size);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch (cause) {
    if (cause instanceof ShaleError) throw cause;
    throw new ShaleError('KEY_UNREADABLE', `${what} ${path} cannot be read: ${messageOf(cause)}`, { cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** From the variable, else typed by a person. @throws USAGE, CANCELED */
export async function passwordOf(context: Context, question: string): Promise<string> {
  const given = context.env[PASSWORD];
  if (given !== undefined) return given;
  if (!context.stdin.isTerminal)
    throw new UsageError('the key has a password, and nobody can be asked for it', `set ${PASSWORD}`);
  await context.stderr.write(question);
  const typed = await context.stdin.line(context.signal, { hidden: true });
  await context.stderr.write('\n');
  if (typed === undefined) throw new ShaleError('CANCELED', 'nobody answered');
  return typed;
}
