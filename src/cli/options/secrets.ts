import { resolve } from 'node:path';
import { parseCsvLine } from '../../dockerfile/index.ts';
import type { SecretSource } from '../../engine/index.ts';
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
