import { resolve } from 'node:path';
import { parseCsvLine } from '../../dockerfile/index.ts';
import type { SecretSource, SshSource } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import type { Environment } from './assignments.ts';

interface Surroundings {
  readonly cwd: string;
  readonly env: Environment;
}

/**
 * docker's `--secret id=ID[,src=FILE|env=NAME][,type=file|env]`. With neither a file nor a variable the id is the name of a
 * variable when there is one, else of a file.
 * @throws USAGE, which never shows the whole word: a slip may have put the secret itself there
 */
export function parseSecret(word: string, { cwd, env }: Surroundings): SecretSource {
  const fields = readFields(word);
  const id = fields.get('id') ?? '';
  if (id === '') throw invalid('it has no id');
  const type = fields.get('type');
  if (type !== undefined && type !== 'file' && type !== 'env')
    throw invalid(`there is no type ${JSON.stringify(type)}`);
  const path = fields.get('src');
  const name = fields.get('env') ?? (type === 'env' ? path : undefined);
  if (name !== undefined) return { kind: 'env', id, name };
  if (path !== undefined) return { kind: 'file', id, path: resolve(cwd, path) };
  if (type === 'env' || (type === undefined && Object.hasOwn(env, id))) return { kind: 'env', id, name: id };
  return { kind: 'file', id, path: resolve(cwd, id) };
}

const KEYS: Readonly<Record<string, string>> = { id: 'id', src: 'src', source: 'src', env: 'env', type: 'type' };

function readFields(word: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const words = parseCsvLine(word);
  if (words === undefined) throw invalid('its quotes do not match');
  for (const field of words) {
    const equals = field.indexOf('=');
    const key = KEYS[field.slice(0, Math.max(0, equals)).toLowerCase()];
    if (key === undefined) throw invalid(`its options are ${Object.keys(KEYS).join(', ')}, each with a value`);
    fields.set(key, field.slice(equals + 1));
  }
  return fields;
}

function invalid(why: string): UsageError {
  return new UsageError(`cannot use a --secret: ${why}`, '--secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE');
}

/**
 * docker's `--ssh ID[=PATH[,PATH…]]`: without a path the agent that SSH_AUTH_SOCK leads to; else the socket of an agent, or
 * private keys.
 * @throws USAGE
 */
export function parseSsh(word: string, { cwd, env }: Surroundings): SshSource {
  const equals = word.indexOf('=');
  const id = equals === -1 ? word : word.slice(0, equals);
  if (id === '') throw new UsageError(`--ssh ${JSON.stringify(word)} has no id`, '--ssh default');
  const paths =
    equals === -1
      ? []
      : word
          .slice(equals + 1)
          .split(',')
          .filter((path) => path !== '');
  if (paths.length > 0) return { id, paths: paths.map((path) => resolve(cwd, path)) };
  const socket = env['SSH_AUTH_SOCK'];
  if (socket === undefined || socket === '')
    throw new UsageError(`--ssh ${word} means your SSH agent, and SSH_AUTH_SOCK is not set`, `--ssh ${id}=KEY`);
  return { id, paths: [resolve(cwd, socket)] };
}
