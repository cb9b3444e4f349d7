import { readFileSync, statSync } from 'node:fs';
import { isJsonObject, messageOf, parseJson, type Json } from '../../base/index.ts';
import type { HostConfig } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';

/** A seccomp profile longer than this is refused: it is read whole. */
const PROFILE_BYTES_MAX = 4 * 1024 * 1024;

type Security = Pick<HostConfig, 'SecurityOpt' | 'MaskedPaths' | 'ReadonlyPaths'>;

/**
 * `--security-opt`, as `NAME=VALUE` or `NAME:VALUE`. A profile's file is read here and stands in its place; what a
 * privileged container implies is added, as docker does.
 * @throws USAGE
 */
export function parseSecurity(words: readonly string[], implied: { readonly noLabel: boolean }): Security {
  const kept = words.filter((word) => word !== 'systempaths=unconfined').map(parseOne);
  const open = kept.length < words.length;
  const options = implied.noLabel && !kept.includes('label=disable') ? [...kept, 'label=disable'] : kept;
  return { SecurityOpt: options, MaskedPaths: open ? [] : null, ReadonlyPaths: open ? [] : null };
}

function parseOne(word: string): string {
  const [, name = word, value] = /^([^=:]*)[=:](.*)$/s.exec(word) ?? [];
  const bad = (why: string, hint?: string): UsageError =>
    new UsageError(`--security-opt ${JSON.stringify(word)}: ${why}`, hint);
  switch (name) {
    case 'no-new-privileges':
      if (value === undefined || /^(true|false|1|0|t|f)$/i.test(value)) return word;
      throw bad('it is true or false');
    case 'seccomp':
      if (value === undefined || value === '') throw bad('it is unconfined, builtin or a file');
      return value === 'unconfined' || value === 'builtin' ? word : `seccomp=${readProfile(value)}`;
    case 'apparmor':
    case 'label':
      if (value !== undefined && value !== '') return word;
      throw bad(`it is ${name}=VALUE`);
    default:
      throw bad(
        'there is no such option here',
        'there are no-new-privileges, seccomp=, apparmor=, label= and systempaths=unconfined',
      );
  }
}

function readProfile(file: string): string {
  let value: Json;
  try {
    if (statSync(file).size > PROFILE_BYTES_MAX) throw new Error(`it is longer than ${PROFILE_BYTES_MAX} bytes`);
    value = parseJson(readFileSync(file), file);
  } catch (error) {
    throw new UsageError(`cannot read the seccomp profile ${file}: ${messageOf(error)}`);
  }
  if (!isJsonObject(value)) throw new UsageError(`${file} is not a seccomp profile: it holds no JSON object`);
  return JSON.stringify(value);
}
